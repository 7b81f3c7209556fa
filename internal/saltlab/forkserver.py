"""Run Salt's programs one after the other, each in a fork of this process.

Starting Python and importing Salt is most of what a call of salt-run costs; here
it is done once. A child begins as a fresh process would: its arguments, its
standard streams and its working directory are its own, and it ends by itself, with
the interpreter's usual clean-up.

A request is a line of JSON on standard input: {"program": "salt-run", "args": [..],
"out": path, "err": path}; the two paths are files that take the child's output. The
answer is a line of JSON on standard output: {"status": n}, the exit status, or less
than zero for the signal that ended it.
"""
import importlib
import json
import os
import sys

PROGRAMS = {
    "salt": "salt_main",
    "salt-call": "salt_call",
    "salt-key": "salt_key",
    "salt-run": "salt_run",
}

# What every program needs; a release that lacks one has its parts elsewhere.
PRELOADED = (
    "salt.scripts", "salt.cli.salt", "salt.cli.run", "salt.cli.call", "salt.cli.key",
    "salt.runner", "salt.client", "salt.minion", "salt.output", "salt.loader",
    "salt.utils.event", "salt.utils.job", "salt.returners.local_cache", "salt.netapi",
)


def redirect(request):
    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, request["out"], os.O_WRONLY),
        (2, request["err"], os.O_WRONLY),
    ):
        descriptor = os.open(path, flags)
        os.dup2(descriptor, number)
        os.close(descriptor)


def serve():
    """Answer requests to the end of input; in a child, return its request."""
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        pid = os.fork()
        if pid == 0:
            redirect(request)
            return request
        _, status = os.waitpid(pid, 0)
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        sys.stdout.write(json.dumps({"status": code}) + "\n")
        sys.stdout.flush()
    return None


for name in PRELOADED:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
request = serve()
if request:
    import salt.scripts

    here = os.path.dirname(sys.executable)
    sys.argv = [os.path.join(here, request["program"])] + [
        arg if isinstance(arg, str) else arg.encode("utf-8") for arg in request["args"]
    ]
    sys.exit(getattr(salt.scripts, PROGRAMS[request["program"]])())
