"""Stores jobs in a Salt master's job cache with Salt's own code, one process a processor.

The arguments are the master's configuration file and a file of the jobs as msgpack, one map
after the other: load, minions, and returns as minions send them.
"""
import os
import sys
import traceback

import salt.config
import salt.returners.local_cache as local_cache
import salt.utils.msgpack

local_cache.__opts__ = salt.config.master_config(sys.argv[1])
workers = os.cpu_count()


def fill(worker):
    with open(sys.argv[2], "rb") as jobs:
        for n, job in enumerate(salt.utils.msgpack.Unpacker(jobs, raw=False)):
            if n % workers != worker:
                continue
            jid = job["load"]["jid"]
            local_cache.prep_jid(passed_jid=jid)
            local_cache.save_load(jid, job["load"], minions=job["minions"])
            for ret in job["returns"]:
                local_cache.returner(ret)


children = []
for worker in range(workers):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            fill(worker)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    children.append(child)
sys.exit(any([os.waitpid(child, 0)[1] for child in children]))
