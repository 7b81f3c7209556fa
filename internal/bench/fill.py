"""Stores jobs in a Salt master's job cache with Salt's own code.

The argument is the master's configuration file. The jobs come on stdin as msgpack, one map
after the other: load, minions, and returns as minions send them.
"""
import sys

import salt.config
import salt.returners.local_cache as local_cache
import salt.utils.msgpack

local_cache.__opts__ = salt.config.master_config(sys.argv[1])
for job in salt.utils.msgpack.Unpacker(sys.stdin.buffer, raw=False):
    jid = job["load"]["jid"]
    local_cache.prep_jid(passed_jid=jid)
    local_cache.save_load(jid, job["load"], minions=job["minions"])
    for ret in job["returns"]:
        local_cache.returner(ret)
