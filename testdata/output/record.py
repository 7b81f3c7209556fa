"""Record what the installed Salt prints, in VERSION.json.gz beside this file.

Each value is kept once, as msgpack; each case names a value, an outputter and the
options that are not a default master's, and has the text that Salt printed (or its
digest, where it is long). With a Salt older than 3008, only the outputters that
3008 has no more are recorded.
"""

import base64
import gzip
import hashlib
import json
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True  # or it would lie about in the repository

import saltout
import values

LONG = 1 << 16  # characters from which a text is kept as its digest only

INDENTS = [{}, {"output_indent": None}, {"output_indent": "pretty"}] + [{"output_indent": n} for n in (-1, 0, 1, 2, 4, 12)]
COLOR = {"color": True}

STATE_OPTIONS = (
    [{}, COLOR]
    + [{"state_output": mode} for mode in ("terse", "mixed", "changes", "filter", "full_id", "terse_id", "Mixed_ID", "changes_id", "filter_id")]
    + [
        {"state_output": "terse", "state_tabular": True, "color": True},
        {"state_output": "terse", "state_tabular": True, "state_output_profile": False},
        {"state_output": "terse", "state_tabular": "{0}{4:<10}|{2}.{3!s:^12}|{1:.6}{5} {6[result]!r}"},
        {"state_output": "terse", "state_output_profile": False, "color": True},
        {"state_output": "filter", "state_output_exclude": "True,None", "state_output_terse": "False"},
        {"state_verbose": False},
        {"state_output_diff": True},
        {"state_output_pct": True, "color": True},
        {"state_output_profile": False},
        {"state_compress_ids": True},
        {"state_compress_ids": True, "state_output": "terse_id", "color": True},
        {"strip_colors": False},
        {"color": True, "color_theme": "theme"},
        {"color": "CYAN"},
        {"color": "LIGHT_CYAN", "color_theme": "theme"},
    ]
)

TABLE_OPTIONS = [{}, COLOR] + [
    {"out.table." + name: value for name, value in changed.items()}
    for changed in (
        {"justify": "left", "delim": "  ", "prefix": "", "suffix": "", "separate_rows": False},
        {"justify": "Right", "has_header": False, "separate_rows": False, "row_delimiter": "=-"},
        {"width": 10, "nested_indent": 3},
        {"rows_key": "rows", "labels_key": "labels", "title": "Title"},
        {"rows_key": "x"},
        {"justify": "middle"},
    )
]


def combinations():
    """Yield group of values, outputters and options, all of which are combined."""
    if saltout.VERSION < "3008":
        old = ["newline_values_only", "overstatestage", "virt_query", "quiet", "profile"]
        yield "old", values.OLD, old[:-1], [{}, COLOR]
        yield "highstate", values.HIGHSTATE, ["newline_values_only"], [{}]
        yield "states", {k: values.HIGHSTATE[k] for k in ("states", "names", "slow")}, ["profile"], TABLE_OPTIONS[:3]
        return
    yield "general", values.GENERAL, ["nested"], [{}, COLOR, {"color": "BLACK"}, {"color": "ENDC"}, {"color": "none such"}, {"strip_colors": False}, {"nested_indent": 3}]
    yield "general", values.GENERAL, ["json", "yaml", "pprint"], INDENTS
    yield "general", values.GENERAL, ["raw", "txt", "text", "no_return", "key", "table", "highstate", "", "nosuch"], [{}]
    yield "general", values.GENERAL, ["no_return", "table"], [COLOR]
    yield "highstate", values.HIGHSTATE, ["highstate"], STATE_OPTIONS
    yield "keys", values.KEYS, ["key"], [{}, COLOR, {"color": "RED"}, {"strip_colors": False}]
    yield "tables", values.TABLES, ["table"], TABLE_OPTIONS


# Written out by the test as well: a text that would be large in a recording.
REPEATED = {"text": ("0123456789 the quick brown fox \u00e4\u65e5\n", 32768), "word": ("abc'\u00e9", 65536)}

THEME = {"RED": "38;5;196", "GREEN": "1;3;32", "ENDC": "0"}


def main():
    theme = tempfile.NamedTemporaryFile("w", suffix=".yml")
    json.dump(THEME, theme)
    theme.flush()

    kept, cases = {}, []

    def case(name, data, out, opts):
        real = dict(opts, color_theme=theme.name) if "color_theme" in opts else opts
        text, raised = saltout.show(data, out, real)
        entry = {"value": name, "out": out, "opts": opts}
        if raised:
            entry["raised"] = True
        if len(text) >= LONG:
            entry["sha256"] = hashlib.sha256(text.encode()).hexdigest()
        else:
            entry["want"] = text
        cases.append(entry)

    for group, named, outs, options in combinations():
        for name, data in named.items():
            name = f"{group}/{name}"
            packed = saltout.pack(data)
            kept[name] = base64.b64encode(packed).decode()
            data = saltout.unpack(packed)
            for out in outs:
                for opts in options:
                    case(name, data, out, opts)
    repeated = {} if saltout.VERSION < "3008" else REPEATED
    for name, (text, times) in repeated.items():
        for out in ("nested", "json", "yaml", "pprint", "raw", "txt"):
            case("repeated/" + name, {"minion": text * times}, out, {})

    recording = {"salt": saltout.VERSION, "theme": THEME, "values": kept, "repeated": repeated, "cases": cases}
    path = pathlib.Path(__file__).with_name(f"{saltout.VERSION}.json.gz")
    # Without a time in it, a recording is the same every time it is made.
    path.write_bytes(gzip.compress(json.dumps(recording, separators=(",", ":")).encode(), mtime=0))
    print(f"{path.name}: {len(cases)} cases")


if __name__ == "__main__":
    main()
