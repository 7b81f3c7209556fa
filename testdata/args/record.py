#!/usr/bin/env python3
"""Record how salt-run reads arguments, and how Python binds them.

    python record.py           a Python that has Salt (3008.3) installed; writes parse.json
                               and bind.json beside this file
    python record.py -         one JSON list of arguments a line on stdin, answers on stdout

Values are msgpack in base64; repr is for who reads. Integers past 64 bits are text.
"""
import base64
import json
import pathlib
import sys

import msgpack
import salt.minion
import salt.utils.args
from salt.exceptions import SaltInvocationError

ARGS = [
    "", " ", "a", "1", "-1", "1.5", "1e3", "1.0e+3", "0777", "0x1f", "1_000", "1_000 ", "_1", "2015_01_02", "12_", "1:30", "yes", "No", "true", "True",
    "None", "none", "null", "~", "NULL", "None ", "---", "...", " --- ", "--- a", "!", "|", ">", "!!str 1", "!!binary YQ==", "!!set {a}", "%", "@a", "`a`",
    "20261122075300000000", "20261122075300000000_123", "20261122075300000000_", "12345678901234567890", "-1234567890123456789", "10000000000000000000",
    "1234567890123456789", "99999999999999999999", "2026112207530000000", "202611220753000000001", "jid=20261122075300000000", "jid=12345678901234567890",
    "2015, Mar 19", "2015-03-19", "2015-03-19 10:00:00", "start_time=2015, Mar 19", "start_time='2015, Mar 19 10:20'", "start_time=2015-03-19", "12:30:45", "10:20",
    "#", "# a", "a # b", "a#b", "a: b # c", "[1, 2] # c", "- a # b", "1 # b", "yes # b", "a=b # c", "a=1 # c", "a=#", "a=[1] # x", "~ # a", "'#'", "{a: '#'}", "!!binary YQ== # a",
    "a\nb", "a\tb", "1\n", "a\r", "[1,\n2]", "a=b\nc", "a=b\n", "a=1\n", "a=\nb", "a\n=b", "a=b\tc", "a=b\n\n", "a=\n", "1\u2028",
    "{a: b}", "{a: 1, b: [x, 'y']}", '{"a": 1, "b": null}', " {a: b}", "a: b", "a: b: c", "a:b", "{a", "{a:1}", "{}", "[a, b]", "[1, 2.5, yes]", " [a]", "- a", "[a", "[]", "[a:]", "[[1], {a: b}]",
    '["a","b"]', '{"a": {"b": ["c"]}}', "a=b", "a=", "a= b", "a=b ", "a==b", "a=b=c", "a.b=c", "a-b=c", "a b=c", "1a=b", "_a=b", "é=b", "a\u0301=b", "٣a=b", "a٣=b", "²=b", "a²=b", ".a=b", "-a=b", "--a=b", "=b", "=",
    "a=1", "a=yes", "a=None", "a=null", "a=[1, 2]", "a={b: c}", "a=b: c", "a=- b", "a='1'", 'a="1"', "a='b", "a=1_000", "a=0777", "a=*", "a=web*", "a=@x", "a=%x", "a=!", "a=|", "a=---", "a=...", "a=~", "a=#x",
    "'a=b'", '"a=b"', "'a=1'", "'a==b'", "' a=b'", "'a=b '", "!!str a=b", "*", "web*", "*.example.com", "G@os:Debian and web*", "E@web\\d+", "L@a,b", "N@x", "a,b", "web[1-3]", "[web]", "S@10.0.0.0/8", "I@a:b", "(a or b)",
    "/etc/salt", "http://a/b?c=d", "a@b", "don't", "say \"x\"", "'quoted'", '"quoted"', "''", '""', "'it''s'", '"\\x41"', "é", "日本", "🎉", "\u00a0", "\ufeff", "\ufeff1", "\x1b[0m", "\x00", "\x1c", "\x1d1", "0b11", ".5", ".inf", ".nan", "-.inf", "+1", "+1.5",
    "18446744073709551615", "18446744073709551616", "-9223372036854775808", "-9223372036854775809", "0_", "0b_", "1__0", "0x_f", "<<", "=a", "{<<: {a: 1}}", "{a: 1, a: 2}", "&a b", "{a: &x 1, b: *x}", "? a", "{? a}", "%YAML", "a: *b", "[*a]", "key: [", "}{",
    "timeout=5", "tgt_type=glob", "search_function=jobs.*", "search_target=web*,db*", "search_metadata={foo: bar}", "search_metadata='{\"foo\": \"bar\"}'", "missing=True", "returned=False", "output=False", "subset=[a, b]", "subset=a,b", "show_ip=true",
    "20261122075300000000 # c", "-12345678901234567890123 # c", "'20261122075300000000' # c", " !", "! ", "a= !", "!!set {a}", "!!omap [a: 1]", "!!pairs [a: 1, a: 2]",
]

LINES = [
    [], ["a", "b"], ["a=1", "a=2"], ["a=1", "b", "c=2", "d"], ["'a=1'", "a=2"], ["a=2", "'a=1'"], ["'a=1'", "'a=2'"], ["x", "'b=1'", "c=2"],
    ["20261122075300000000", "missing=True"], ["{__kwarg: 1}"], ["a=1", "[1]", "{b: c}", "2"],
]

SIGNATURES = [
    "", "jid", "jid, ext_source=None", "jid, ext_source=None, display_progress=False", "tgt='*', tgt_type='glob', timeout=None, gather_job_timeout=None",
    "a, b", "a, b, c", "a, b, c, d=1", "a=1", "count, filter_find_job=True",
]

CALLS = [
    [], ["1"], ["1", "2"], ["1", "2", "3"], ["1", "2", "3", "4"], ["1", "2", "3", "4", "5"], ["jid=1"], ["1", "jid=2"], ["jid=1", "jid=2"], ["a=1", "b=2"], ["b=2"], ["1", "b=2"], ["1", "b=2", "c=3", "a=4"],
    ["x=1"], ["x=1", "y=[1, 2]"], ["1", "x=1"], ["1", "2", "3", "4", "5", "x=1"], ["1", "2", "3", "4", "5", "6", "a=1"], ["tgt=x", "timeout=3"], ["d=4", "c=3", "b=2", "a=1"], ["ext_source=x"], ["filter_find_job=no", "3"],
    ["1", "a=2", "tgt=3", "jid=4"],
]


def plain(value):
    if isinstance(value, dict):
        return {plain(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        return str(value)
    return value


def packed(value):
    return base64.b64encode(msgpack.packb(plain(value), use_bin_type=True)).decode()


def call(func, line, no_parse=()):
    """As salt.runner.Runner.run does it, up to the call."""
    given = salt.utils.args.parse_input(line, no_parse=no_parse)
    return salt.minion.load_args_and_kwargs(func, given)


def parse(line, no_parse=()):
    args, kwargs = call(lambda *args, **kwargs: None, line, no_parse)
    return {"line": line, "no_parse": list(no_parse), "repr": repr((args, kwargs)), "args": packed(args), "kwargs": packed(kwargs)}


def bind(signature, line):
    names = [part.split("=")[0].strip() for part in signature.split(",")] if signature else []
    scope = {}
    exec("def f(%s): return [%s]" % (signature, ", ".join(names)), scope)  # pylint: disable=exec-used
    func = scope["f"]
    defaults = dict(zip(names[::-1], (func.__defaults__ or ())[::-1]))
    params = [{"name": n, "required": n not in defaults, "default": packed(defaults.get(n))} for n in names]
    args, kwargs = call(lambda *args, **kwargs: None, line)
    answer = {"params": params, "line": line, "args": packed(args), "kwargs": packed(kwargs)}
    try:
        args, kwargs = call(func, line)
        answer["bound"] = packed(func(*args, **kwargs))
    except SaltInvocationError as exc:
        answer["keywords"] = str(exc)
    except TypeError as exc:
        answer["problem"] = str(exc)
    return answer


def write(name, cases):
    text = "[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n"
    pathlib.Path(__file__).with_name(name).write_text(text)


def main():
    if sys.argv[1:] == ["-"]:
        for line in sys.stdin:
            print(json.dumps(parse(json.loads(line))), flush=True)
        return
    cases = [parse([arg]) for arg in dict.fromkeys(ARGS)] + [parse(line) for line in LINES]
    cases.append(parse(["a=1", "b=2", "3"], no_parse=["a"]))
    write("parse.json", cases)
    write("bind.json", [bind(signature, line) for signature in SIGNATURES for line in CALLS])


if __name__ == "__main__":
    main()
