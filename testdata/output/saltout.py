"""Print values with the outputters of the Salt that this Python has installed."""

import copy
import io
import logging

import salt.config
import salt.output
import salt.payload
import salt.version

# Salt logs what it cannot print; here that is expected.
logging.disable(logging.CRITICAL)

VERSION = salt.version.__version__


def options(changed):
    """A default master's options, without colours, but for those that changed."""
    opts = copy.deepcopy(salt.config.DEFAULT_MASTER_OPTS)
    opts["color"] = False
    opts.update(changed)
    return opts


def show(data, out, changed):
    """Return what is printed, and whether salt-run would end in a traceback instead.

    Where it would, what is printed is nested's text of the data as the outputter
    left them, which is gorun's answer in that case.
    """
    try:
        text = salt.output.try_printout(copy.deepcopy(data), out, options(changed))
        return text or "", False
    except Exception:  # pylint: disable=broad-except
        data = copy.deepcopy(data)
    try:
        salt.output.get_printout(out, options(changed))(data).rstrip()
    except Exception:  # pylint: disable=broad-except
        pass
    return salt.output.try_printout(data, "nested", options(changed)) or "", True


def pack(data):
    return salt.payload.dumps(data, use_bin_type=True)


def unpack(packed):
    return salt.payload.loads(packed, encoding="utf-8")
