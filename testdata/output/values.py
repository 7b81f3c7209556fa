"""The values that are recorded: what runners and minions answer, and what they could."""

import datetime

from salt.defaults import _Constant


def state(num, result=True, changes=None, comment="", name="thing", sid=None, **more):
    """One state's return, as a minion sends it."""
    ret = {
        "name": name,
        "changes": changes or {},
        "result": result,
        "comment": comment,
        "__sls__": "web.nginx",
        "start_time": f"10:31:0{num % 10}.12{num:04}",
        "duration": round(12.345 * (num + 1), 3),
        "__run_num__": num,
        "__id__": sid or name,
    }
    ret.update(more)
    return ret


def key(module, sid, name, fun):
    return "_|-".join((module, sid, name, fun))


def states():
    """A run in which everything that can happen to a state happens."""
    return {
        key("pkg", "nginx", "nginx", "installed"): state(
            0,
            changes={"nginx": {"old": "", "new": "1.24.0-2"}},
            comment="The following packages were installed/updated: nginx",
            name="nginx",
        ),
        key("file", "conf", "/etc/nginx/nginx.conf", "managed"): state(
            1,
            changes={"diff": "--- \n+++ \n@@ -1,2 +1,2 @@\n-worker 1\n+worker 4\n", "mode": "0644"},
            comment="File /etc/nginx/nginx.conf updated\n",
            name="/etc/nginx/nginx.conf",
            sid="conf",
        ),
        key("service", "nginx", "nginx", "running"): state(
            2, comment="The service nginx is already running", name="nginx"
        ),
        key("cmd", "fail", "false", "run"): state(
            3,
            False,
            {"pid": 4711, "retcode": 1, "stdout": "", "stderr": "no\nway"},
            'Command "false" run',
            "false",
            "fail",
            warnings=[
                "'foo' is an invalid keyword argument for 'cmd.run'. If you were trying to pass "
                "additional data to be used in a template context, please populate 'context' with "
                "'key: value' pairs. Long-known, well-thought-out -- and ignored."
            ],
        ),
        key("file", "after", "/tmp/after", "absent"): state(
            4,
            False,
            comment="One or more requisite failed: web.nginx.fail\n  - and more\n",
            name="/tmp/after",
            sid="after",
            __state_ran__=False,
        ),
        key("user", "deploy", "deploy", "present"): state(
            5, None, {"shell": "/bin/zsh"}, "The following user attributes are set to be changed", "deploy"
        ),
        key("test", "skipped", "skipped", "nop"): state(
            6, comment="unless condition is true", name="skipped", skip_watch=True
        ),
        key("test", "beside", "beside", "nop"): state(7, name="beside", __parallel__=True, duration=2000.5),
        key("test", "beside2", "beside2", "nop"): state(8, name="beside2", __parallel__=True, duration=20.5),
        key("test", "extra", "extra", "nop"): state(9, name="extra", data=["one", 2], comment=["a", "list"]),
        key("test", "extra2", "extra2", "nop"): state(10, name="extra2", data={"k": "v"}, comment=None),
        key("test", "odd", "odd", "nop"): state(11, name="odd", duration="17.5 ms", changes={"l": [1, {"a": "b"}]}),
    }


def names():
    """An id with several names, for state_compress_ids."""
    ret = {}
    for i, name in enumerate(["/a", "/b", "/c", "/d"]):
        changes = {"removed": name} if i < 2 else {}
        ret[key("file", "gone", name, "absent")] = state(i, True, changes, f"File {name}", name, "gone")
    ret[key("file", "gone", "/e", "absent")] = state(4, False, {}, "no", "/e", "gone")
    ret[key("file", "alone", "/f", "absent")] = state(5, True, {}, "yes", "/f", "alone")
    return ret


def orchestration():
    """The answer of state.orchestrate, with a state run and a function inside."""
    run = state(
        0,
        changes={"out": "highstate", "ret": {"web1": states(), "web2": ["Rendering SLS 'base:x' failed"]}},
        comment="States ran successfully. Updating web1.",
        name="deploy",
    )
    call = state(1, changes={"out": "highstate", "ret": {"web1": True, "web2": "two\nlines"}}, name="test.ping")
    inner = state(2, changes={"out": "highstate", "data": {"m_master": names()}}, name="state.orch")
    return {
        "retcode": 1,
        "outputter": "highstate",
        "data": {
            "lab_master": {
                key("salt", "deploy", "deploy", "state"): run,
                key("salt", "ping", "test.ping", "function"): call,
                key("salt", "inner", "state.orch", "runner"): inner,
            }
        },
    }


JOB = {
    "Function": "test.arg",
    "Arguments": ["a b", {"__kwarg__": True, "x": 1, "long": None}],
    "Target": ["minion-1", "minion-2"],
    "Target-type": "list",
    "User": "sudo_admin",
    "StartTime": "2026, Mar 19 12:00:00.000001",
}

GENERAL = {
    "none": None,
    "true": True,
    "zero": 0,
    "empty_text": "",
    "empty_list": [],
    "empty_map": {},
    "blank": " \t\n\x0b\x1f\u3000",
    "big": [2**64 - 1, 2**63, -(2**63), str(2**70), 0],
    "floats": [0.0, -0.0, 1.0, 1e16, 1e-5, 123456789012345.6, 1e22, 5e-324, 0.1, float("inf"), float("-inf"), float("nan")],
    "up": ["minion-1", "minion-2"],
    "status": {"up": ["minion-1"], "down": ["minion-2", "minion-3"]},
    "status_empty": {"up": [], "down": []},
    "jobs": {"20260319120000000001": JOB, "20260319120000000000": dict(JOB, Arguments=[]), "req": {}},
    "returns": {"minion-1": True, "minion-2": "Minion did not return", "minion-3": {"retcode": 127}},
    "deep": {"a": [[1, [2, [3, [[], {}, [{}]]]]], {"b": {"c": {"d": [{"e": [None]}]}}}]},
    "lists": [["a"], [["b", "c"], []], {"k": [["d"], "e\nf"]}, "g\nh", [], {}],
    "keys": {1: "int", "1": "text", None: "none", True: "true", 2.5: "float", b"b": "bytes", b"\xff": "odd bytes"},
    "number_keys": {10: "ten", 9: "nine", 2.5: "half", False: "no"},
    "date_keys": {datetime.datetime(2026, 3, 19): 1, datetime.datetime(2025, 3, 19, 1, 2, 3, 4): 2},
    "lines": {"m": "one\ntwo\r\nthree\rfour\x0bfive\x0csix\x1cseven\x85eight\u2028nine\u2029ten\n\n"},
    "tabs": {"t\tkey": "a\tb", "list": ["\tx", "y\t"]},
    "ansi": {"m": "\x1b[31mred\x1b[0m", "k\x1b[1m": ["\x1b]0;title\x07"]},
    "bytes": {"text": b"plain\nlines", "odd": b"\xff\xfe\x00'\"", "list": [b"", b"\x80", b"ok"], "long": bytes(range(256))},
    "wide": {"日本語": "全角 テキスト", "emoji": "a😀b 👩‍👩‍👧", "combining": "e\u0301", "rtl": "שלום", "bom": "\ufeffx", "nbsp": "a\xa0b"},
    "quotes": ["it's", 'say "x"', "both ' and \"", "back\\slash", "\x00\x01\x7f\x80\xad\u200b\ue000\U0001f600\U000e0001"],
    "dates": {"d": datetime.datetime(2026, 3, 19, 12, 30), "e": [datetime.datetime(2026, 3, 19, 12, 30, 1, 500000)]},
    "constant": {"c": _Constant("NOT_SET"), "d": _Constant("MIX", [1, "a"])},
    "yaml_words": [
        "yes", "No", "ON", "true", "null", "~", "=", "<<", "1", "0x1F", "0b1", "017", "1_000", "1:30", "1.5", ".5", "1e5",
        "1.0e+5", ".inf", ".NaN", "2026-03-19", "2026-3-9 1:02:03", "-", "- a", "?", "? b", ":", ": c", "a: b", "a:b",
        "a #b", "a#b", "#c", "&x", "*y", "!z", "|", ">", "'q'", '"r"', "%s", "@t", "`u`", "---", "--- v", "...", "[w]",
        "{x: y}", "a,b", " lead", "trail ", "nl\n", "\nnl", "a\n b", "a \nb", "tab\there", "null\n", "-1", "+1", "1-2", ",",
    ],
    "yaml_fold": {
        "words " * 30: "several words that go on " * 8,
        "plain": "w" * 90 + " x" * 30,
        "single": "# " + "many words here " * 12,
        "double": "tab\t" + "many words  here " * 12,
        "break": ("line of words " * 8 + "\n") * 3,
        "k" * 128: 1,
        "l" * 129: [1, {"m" * 129: {}}],
    },
    "flow": {"list": list(range(60)), "map": {f"key{i}": f"value {i}" for i in range(20)}, "a\nb": {"k" * 130: ["x", "'"]}},
    "pprint_wide": {
        "a": ["x" * 30, "y" * 40, {"k": "v" * 60}],
        "words": "the quick brown fox " * 12,
        "lines": "line\n" * 5 + "a longer line with words " * 5,
        "nest": [[["deep " * 10, ["deeper " * 12]]]],
        "n" * 70: {"o" * 20: {"p" * 20: list(range(12))}},
        "mixed": {2: "b" * 30, "x": "c" * 30, None: [1.5] * 12, b"y": True},
    },
    "text": "just text\nof two lines\n\n",
    "text_words": "the quick brown fox " * 12,
    "raw_bytes": b"bytes \xff" * 20,
}

HIGHSTATE = {
    "states": {"web1": states(), "web2": names()},
    "names": {"web1": names()},
    "orchestration": orchestration(),
    "compile_failed": {"web1": ["Rendering SLS 'base:top' failed: \x1b[31mJinja\x1b[0m\nline 2", 5], "web2": "oops\nagain"},
    "scalars": {"web1": True, "web2": 3, "web3": None, "web4": 1.5, "web5": {}, "we\x1bb6": []},
    "lookup": {"web1": {"jid": "20260319120000000000", "fun": "state.apply", "return": {"data": {"web1": names()}}}},
    "wrapped": {"return": {"data": {"web1": names()}}, "outputter": "highstate"},
    "no_order": {"web1": {"a_|-b_|-c_|-d": {"result": True, "changes": {}, "comment": ""}, "changes": {"x": 1}, "k": {"y": 2}}},
    "no_changes": {"web1": {key("a", "b", "c", "d"): state(0, name="x"), key("a", "b", "e", "d"): {"result": True, "__run_num__": 1}}},
    "odd_changes": {"web1": {key("a", "b", "c", "d"): state(0, changes="text"), key("a", "b", "e", "d"): state(1, changes=["l"])}},
    "odd_key": {"web1": {"no parts": state(0)}},
    "braces": {"web1": {key("a", "b{}", "c{x}", "d"): state(0, warnings=["plain"]), key("a", "b", "e", "d"): state(1, warnings="xy")}},
    "braces_fail": {"web1": {key("a", "b", "c", "d"): state(0, warnings=["{oops}"])}},
    "slow": {"web1": {key("a", "b", str(i), "d"): state(i, duration=600.25, name=str(i)) for i in range(12)}},
    "quick": {"web1": {key("a", "b", "c", "d"): state(0, duration="soon")}},
    "not_states": ["a", "b"],
    "none": None,
    "text": "text",
    "number": 5,
    "empty": {},
}

KEYS = {
    "all": {"minions": ["b", "a"], "minions_pre": ["n\x1bew"], "minions_denied": [], "minions_rejected": ["x"], "local": ["master.pem"]},
    "fingers": {"minions": {"b": "aa:bb", "a": "cc:dd"}, "local": {"master.pub": "ee"}},
    "other": {"minions": ["a"], "up": ["b"]},
    "list": ["a"],
    "odd": {"minions": [1, "a"]},
}

TABLES = {
    "rows": {"out": [{"if_name": "eth0", "mac": "40:A6", "moves": 0}, {"if_name": "eth1", "mac": "64:16", "moves": 12}]},
    "texts": ["a", "bcd", "ef"],
    "lists": {"m": {"x": [["a", "b"], ["c", "d"]], "y": 5}},
    "uneven": [["a", "b", "c"], ["d", "e"]],
    "wrapped": {"x": [{"text": "the quick brown fox " * 6, "n": 1}, {"text": "short", "n": 2}]},
    "one_wrapped": ["the quick brown fox " * 6, "a\nb"],
    "mixed": {"x": [1, "a"], "y": ["a", {"b": 1}]},
    "numbers": [1, 2],
    "empty_rows": {"x": [[], []], "y": []},
    "labels": {"web": {"rows": [["a", "b"]], "labels": ["First", "Second"]}, "db": {"rows": [["c"]], "labels": {"2": "x", "1": "y"}}},
    "title_case": [{"it's_a-key2go": "x", "ǆabc ÀÉ": "y"}],
    "bytes": {"x": [b"abc", b"d"]},
    "bad_bytes": {"x": [b"\xff"]},
}

OLD = {
    "overstate": [{"group2": {"match": ["a", "b"], "require": ["group1"], "sls": ["nginx"]}}, {"all": {"match": "*"}}],
    "virt": {
        "data": {"h1": {"vm_info": {"vm1": {}}}},
        "h1": {
            "vm_info": {
                "vm1": {
                    "cpu": 2,
                    "mem": 1024,
                    "state": "running",
                    "graphics": {"type": "vnc", "port": "5900"},
                    "disks": {"vda": {"disk size": "10G", "file": "/x", "file format": "qcow2"}},
                    "nics": {"aa:bb": {"source": {"bridge": "br0"}, "type": "bridge"}},
                }
            }
        },
    },
    "virt_as_is": {"data": {"h1": {"vm_info": {"vm1": {"cpu": 2}}}}},
}
