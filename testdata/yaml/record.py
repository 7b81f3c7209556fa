#!/usr/bin/env python3
"""Record how Salt reads YAML, for value.FromYAML.

    python record.py > cases.json      a Python that has Salt (3008.3) installed
    python record.py -                 one JSON text a line on stdin, answers on stdout

A case is the text, what Salt makes of it as msgpack in base64, and its repr for who
reads the file; or the line of the error. Sets and tuples are errors here: gorun has no
such values.
"""
import base64
import json
import sys

import msgpack
import salt.utils.yaml

SCALARS = """
y n yes Yes YES yEs no No NO on On ON off Off OFF oN true True TRUE tRUE false False FALSE
~ null Null NULL nULL None none
0 1 -1 +1 00 01 007 010 0777 -0777 +0777 08 09 0o17 0O17 0b1 0b101 -0b11 0b2 0b 0b_1 0B1
0x1f 0X1F 0xg 0x -0xff +0xFF 0x_f 1_000 1__0 1_ _1 -_1 0_7 0_8 00_1 1,000
1:30 1:5 1:60 1:05 59:59 60:00 01:30 1:2:3 -1:30 +1:30 1_0:30 1:300 1: 1:a 0:30 1:2.5
1:30.5 -1:30.5 1:30. 1:30.5e+3 0:30.5
1. 1.0 -1.5 +1.5 .5 -.5 +.5 .5_0 ._5 . .. ... 1.5e3 1.5e+3 1.5E-3 1e3 1e+3 1E3 1.e+3 1_0.5_0
1.0e+400 -1.0e+400 1.0e-400 0.1 00.1 08.5 1.2.3 1.5f .e+3
.inf .Inf .INF -.inf +.inf -.INF .iNF inf .nan .NaN .NAN -.nan .Nan nan
9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809
18446744073709551615 18446744073709551616 20260101000000000000 -20260101000000000000
0xffffffffffffffff 0xffffffffffffffffff 1_000_000_000_000_000_000_000 9999999999999999:30
2015-03-19 2015-3-9 2015-03-19T10:00:00 2015-03-19T10:00:00.5Z 15-03-19 10:00:00 12:30:45
= << < ? - : # % @ ` ! & * | > , [ ] { } ' " -- --- -a ?a :a a: a:b a#b #a a,b
*a &a !a !!a @a %a `a |a >a a* a& a! a@ [a [a] a] {a {a} a} {a: {a:b} {a:1} {1:2} [1,2] [1,,2] [,]
<<a =a a=b == ~a a~ $a ^a (a) a|b a>b \\ \\n a\\b
'a' "a" 'it''s' "a\\tb" "\\x41" "\\u00e9" "\\q" 'a "a a' a" ''a ""a "a"b
""".split()

TEXTS = [
    "", " ", "\n", "# a", "a # b", "a#b", "'#'", "---", "--- a", "...", "a\n...", "--- \n---", "a\n---\nb",
    "2015, Mar 19", "2015-03-19 10:00:00", "2015-03-19 10:00:00 +01:00", "  indented", "trailing  ", "a b  c",
    "a: b", "a: b: c", "a : b", "a:\n  b", "a:\n- b\n- c", "a:\n  - b\n c: d", "- a\n- b", "-a", "- - a\n  - b",
    "a: 1\nb: 2.5\nc: [x, 'y', \"z\"]\nd: {e: f, g: ~}\n", "? a\n: b", "? [a]\n: b", "? {a: b}\n: c",
    "a: |\n  one\n  two\n", "a: >\n  one\n  two\n\n  three\n", "a: |-\n  one\n", "a: |+\n  one\n\n", "a: |2\n   one\n",
    "a: 'one\n  two'", "a: \"one\\\n  two\"", "a: one\n  two\n", "a:\n\tb", "a:\tb", "\ta: b", "a: b\t# c", "- a\n\t- b",
    "a: 1\na: 2", "1: a\n1.0: b", "1: a\ntrue: b", "a: 1\n'a': 2", "~: a", "1: a\n'1': b", ".nan: a",
    "a:\n  b: 1\n  b: 2\n", "a: 1\nb: 2\n c: 3\n", "a: 1\n\n# c\nb\nc: 3\n", "a: [1, 2\nb: 3\nc: 4\n", "a: 'x\nb: 3\n",
    "# one\n# two\na: 1\nb: 2\n  c: 3\nd: 4\n", "a: 1\nb: {c: 1\nd: 2}\ne:\n- 1\n f: 2\n", "a: 1\n}\n", "a: *x\n", "a: 1\nb: @x\n",
    "a: &x 1\nb: *x", "&x a: *x", "a: &x {b: 1}\nc: *x", "[&a 1, &a 2]", "a: &a [*a]", "- &a 1\n- *b",
    "a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  c: 3\n", "a: {<<: {b: 1}, c: 2}", "a: {c: 2, <<: {b: 1, c: 3}}", "a: {<<: [{b: 1}, {c: 2}]}",
    "a: {<<: [{b: 1}, {b: 2}]}", "a: {<<: 1}", "a: {<<: [1]}", "a: {'<<': 1}", "a: {<<: {b: 1}, <<: {c: 1}}", "a: {<<: {<<: {b: 1}, c: 2}, d: 3}",
    "a: {<<: []}", "a: {<<: {}}", "[<<]", "{=: 1}", "[=]", "{<<: {1: a}, 1: b}", "!!merge a: {b: 1}", "{!!str <<: {b: 1}}",
    "!!str 1", "!!str yes", "!!str", "!!int '1'", "!!int 1.5", "!!int ''", "!!int a", "!!int 0o17", "!!float 1", "!!float 1e3", "!!float a",
    "!!float 'nan'", "!!float infinity", "!!float 0x10", "!!bool YeS", "!!bool maybe", "!!null a", "!!timestamp 2015-03-19", "!!timestamp a",
    "!!binary YQ==", "!!binary YQ", "!!binary YWI", "!!binary Y", "!!binary a1b2c3", "!!binary 'YQ==YQ=='", "!!binary 'Y Q = ='", "!!binary ''",
    "!!binary é", "!!binary '-_'", "!!python/unicode a", "!!python/tuple [1]", "!!python/none", "!foo a", "!foo {a: 1}", "!!seq [1]", "!!seq {a: 1}",
    "!!map {a: 1}", "!!map [1]", "!!str [1]", "!!int [1]", "!!set {a, b}", "!!omap [a: 1]", "!!pairs [a: 1]", "!<tag:yaml.org,2002:int> 5", "!<x> 5",
    "[a, b]", "[a b, c]", "[a, [b, {c: d}]]", "[]", "{}", "[ ]", "[a,]", "{a,}", "{a: , b}", "[a: 1, b]", "[? a : b]", "{a: [b, c], d: 'e'}",
    '{"a": 1, "b": [true, false, null, 1.5e3, "x"]}', '{"a":1}', "{'a':1}", '{"a":"b"}', '["a","b"]', '[1,2,3]', '{"a": {"b": {}}}', "[[[[]]]]",
    "é", "日本", "🎉", "a\u00a0b", "\ufeffa", "a\u2028b", "a\u0085b", "\x01", "\x7f", "\x1b[0m", "a\x00b", "\ud7ff", "\ufffe", "\u200b",
    "web*", "*", "*.example.com", "G@os:Debian", "E@web\\d+", "L@a,b", "web[1-3]", "N@group", "a,b", "(a or b) and c", "@group", "%x", "50%",
    "/etc/salt", "C:\\salt", "http://a.b/c?d=e#f", "1.2.3.4", "1.2.3.4/24", "::1", "fe80::1", "12:34:56:78:9a:bc", "00:11:22:33:44:55", "root", "a@b",
    "cmd.run 'ls -l'", "don't", "say \"hi\"", "a; b", "a && b", "$(x)", "`x`", "<a>", "a=b", "a: b=c", "-1 day", "1 day", "+5", "- 5", "-", "--",
    "%YAML 1.1\n---\na", "%YAML 1.2\n---\nyes", "%YAML 2.0\n---\na", "%TAG ! tag:yaml.org,2002:\n---\n!int '5'", "%FOO\n---\na", "%YAML 1.1\n%YAML 1.1\n---\na",
    "a: b\r\nc: d\r\n", "a: b\rc: d", "- |\n a\n- >\n b\n- c", "a:\n    - 1\n    -   b: 2\n        c: 3\n", "a: 'b' c", "a: \"b\" c", "[a]b", "{a}b",
    "key:    value with spaces   # comment", "key: 'quoted' # comment", "key: a#b", "? a", "?a", "? ", ": a", ":", "::", "a::b", "a:: b", "[a:b]", "[a:]", "[:a]", "{:}", "{: a}",
    "a: -", "a: - b", "a: ?", "a: [", "a: {", "a: !!int", "a: &x", "a: |", "a: >", "a: |x", "a: '", 'a: "', "a: %b", "a: |\n\tb",
    "[" * 40 + "]" * 40, "- " * 40, "{a: " * 40 + "}" * 40,
]


def plain(value):
    """The value as gorun has it: bytes, text and numbers; no set, no tuple."""
    if isinstance(value, dict):
        return {plain(k): plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, (set, tuple)):
        raise ValueError("gorun has no sets and tuples")
    if isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**64:
        return str(value)
    return value


def read(text):
    try:
        value = salt.utils.yaml.safe_load(text)
        packed = msgpack.packb(plain(value), use_bin_type=True)
    except Exception as exc:  # every kind: Salt catches them all around an argument
        mark = getattr(exc, "problem_mark", None)
        return {"yaml": text, "line": mark.line + 1 if mark else 0}
    return {"yaml": text, "repr": repr(value), "msgpack": base64.b64encode(packed).decode()}


def main():
    if sys.argv[1:] == ["-"]:
        for line in sys.stdin:
            print(json.dumps(read(json.loads(line))), flush=True)
        return
    seen = list(dict.fromkeys(SCALARS + ["[%s]" % s for s in SCALARS] + ["a: %s" % s for s in SCALARS] + TEXTS))
    print("[")
    print(",\n".join(json.dumps(read(text)) for text in seen))
    print("]")


if __name__ == "__main__":
    main()
