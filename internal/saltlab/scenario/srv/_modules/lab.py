# -*- coding: utf-8 -*-
"""Functions that return what real modules return on their worst days."""
import datetime
import time

from salt.exceptions import CommandExecutionError

VALUES = {
    "none": None,
    "bool_true": True,
    "bool_false": False,
    "empty_dict": {},
    "empty_list": [],
    "empty_string": u"",
    "zero": 0,
    "negative": -12345678901,
    "int63": 2 ** 63 - 1,
    "int64": 2 ** 64 - 1,
    "int70": 2 ** 70,
    "floats": [1e16, 0.1, 1e-5, 1.0, -2.5e-300, 3.14159, 123456789.123456789],
    "odd_floats": [float("inf"), float("-inf")],
    "nested": {"a": {"b": {"c": {"d": [1, [2, [3, {"e": None}]]]}}}, "list": [[], {}, [[]]]},
    "lists": [[1, 2], [3, [4, 5]], ["six"], []],
    "dicts": [{"a": 1}, {"b": [1, 2]}, {}],
    "int_keys": {1: "one", 2: {"three": 3}, 10: "ten"},
    "odd_keys": {u"with: colon": 1, u"two\nlines": 2, u" spaces ": 3, u"": 4, u"grün": 5},
    "mixed_keys": {1: "int", u"text": "text", True: "true"},
    "none_key": {None: "nothing", u"a": 1},
    "invalid_utf8": b"\xff\xfe caf\xe9 \x00\x80",
    "bytes": b"plain",
    "date": datetime.datetime(2026, 2, 3, 4, 5, 6, 789),
    "unicode": u"Grüße, 漢字, e\u0301, \U0001f389, \u200b|\u202eabc\u202c",
    "unicode_list": [u"ä", u"漢字かな", u"\U0001f468\u200d\U0001f469", u"\u0000", u"\ud7ff"],
    "text": u"one\ntwo\n\n  four\n",
    "spaces": u"\tindented\t\nends with spaces   \n   \nlast ",
    "breaks": u"a\r\nb\rc\x0bd\x0ce\x1cf\x85g\u2028h\u2029i",
    "ansi": u"\x1b[31mred\x1b[0m plain \x1b[1;32mgreen\x1b[0m",
    "strings": [u"None", u"True", u"1", u"1.5", u"null", u"- item", u"key: value", u"'quoted'", u'"double"'],
    "multi_line_list": [u"first\nsecond", [u"third\nfourth"]],
    "long": u"All work and no play. " * 150,
    "long_list": list(range(120)),
    "tabs_in_dict": {u"key": u"\tvalue\twith\ttabs", u"list": [u"\t"]},
}


def value(name):
    """Return the value that has this name."""
    return VALUES[name]


def refuse():
    """Fail as a module should."""
    raise CommandExecutionError(u"the disk is full: 97 %")


def explode():
    """Fail as a module should not."""
    raise ValueError("this module has a mistake")


def retcode(code):
    """Return False, with an exit code."""
    __context__["retcode"] = code
    return False


def wait_on(minion, seconds):
    """Sleep on one minion; the others return at once."""
    if __opts__["id"] == minion:
        time.sleep(seconds)
    return __opts__["id"]


def differ():
    """Return something else on each minion."""
    return {"id": __opts__["id"], u"letters": list(__opts__["id"][:3]), "length": len(__opts__["id"])}
