"""Count who replies with a function, by Salt's own event library.

    python count.py sock_dir function

It has the rule of Salt's tests/eventlisten.py -f, which itself ends with an error on a
Salt of today: each id once, whatever the job. "listening" on stderr says that the first
event has come.
"""

import sys

import salt.utils.event

sock_dir, function = sys.argv[1:]
bus = salt.utils.event.get_event("master", sock_dir=sock_dir, opts={"sock_dir": sock_dir}, listen=True)
heard, replied = False, []
while True:
    event = bus.get_event(full=True)
    if event is None:
        continue
    if not heard:
        print("listening", file=sys.stderr, flush=True)
        heard = True
    data = event["data"]
    if data.get("fun") == function and "id" in data and data["id"] not in replied:
        replied.append(data["id"])
        line = "Reply received from [{}]. Total replies now: [{}]."
        print(line.format(data["id"], len(replied)), flush=True)
