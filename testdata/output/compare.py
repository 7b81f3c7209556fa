"""Answer on stdout, for as long as stdin lasts, what Salt prints for a value.

A question is a length (4 bytes, big-endian) and that much msgpack: a map of out,
opts and data. An answer is a length, one byte that is 1 where salt-run would end in
a traceback, and the text. The test in output/ with the build tag conformance asks.
"""

import os
import struct
import sys

sys.dont_write_bytecode = True  # or it would lie about in the repository

import saltout


def main():
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever Salt itself prints must not come between
    while True:
        head = sys.stdin.buffer.read(4)
        if len(head) < 4:
            return
        question = saltout.unpack(sys.stdin.buffer.read(*struct.unpack(">I", head)))
        text, raised = saltout.show(question["data"], question["out"], question["opts"])
        answer = text.encode("utf-8")
        answers.write(struct.pack(">I?", len(answer), raised) + answer)
        answers.flush()


if __name__ == "__main__":
    main()
