"""Writes parsed.json: what Salt makes of the lines of tcp and tcp6, which are from the
/proc/net of a machine with some connections. Run it with a Python that has Salt:

    /opt/salt/bin/python record.py
"""

import json
import pathlib

from salt.utils.network import _parse_tcp_line

here = pathlib.Path(__file__).parent
parsed = {}
for name in ("tcp", "tcp6"):
    lines = (here / name).read_text().splitlines()[1:]
    parsed[name] = [next(iter(_parse_tcp_line(line).values())) for line in lines]
(here / "parsed.json").write_text(json.dumps(parsed, indent=1) + "\n")
