#!/usr/bin/env python3
"""Record what Salt reads from the configuration trees beside this file.

    python record.py        a Python that has Salt (3008.3) installed; rewrites *.txtar

A tree is a txtar archive. $DIR in its files stands for the folder it is unpacked in;
the file env holds variables, one a line; etc/ is the configuration's folder, home/ the
user's. The last file, want.json, is Salt's answer: the settings, or null where it ends
with an error.
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

# The settings that gorun reads, and two that follow from others.
KEYS = """
user hash_type root_dir pki_dir cachedir sock_dir syndic_dir cluster_id cluster_pki_dir
interface publish_port ret_port transport ipc_mode tcp_master_pub_port max_event_size
timeout gather_job_timeout loop_interval presence_events order_masters unique_jid
runner_returns nodegroups job_cache master_job_cache ext_job_cache job_cache_store_endtime
output output_indent nested_indent color color_theme strip_colors
state_output state_verbose state_output_diff state_output_profile state_output_pct
state_compress_ids state_tabular state_output_exclude state_output_terse
log_file log_level log_level_logfile syndic_wait token_file
""".split()


def child(folder):
    """Print one tree's answer; a process each, as Salt changes its own defaults."""
    import salt.config

    opts = salt.config.client_config(os.path.join(folder, "etc", "master"))
    want = {key: opts[key] for key in KEYS if key in opts}
    if opts.get("id"):
        want["id"] = opts["id"]
    text = json.dumps(want, indent=1, sort_keys=True, default=dict)
    print(text.replace(folder, "$DIR"))


def unpack(archive, folder):
    parts = re.split(r"^-- (.*) --\n", archive, flags=re.M)[1:]
    for name, text in zip(parts[::2], parts[1::2]):
        path = pathlib.Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("$DIR", folder))
    return dict(zip(parts[::2], parts[1::2]))


def record(file):
    archive = file.read_text()
    inputs = re.split(r"^-- want.json --\n", archive, flags=re.M)[0]
    with tempfile.TemporaryDirectory() as folder:
        files = unpack(inputs, folder)
        env = {"PATH": os.environ["PATH"], "HOME": os.path.join(folder, "home")}
        for line in files.get("env", "").splitlines():
            name, value = line.split("=", 1)
            env[name] = value.replace("$DIR", folder)
        run = subprocess.run([sys.executable, __file__, folder], env=env, capture_output=True, text=True)
        want = run.stdout if run.returncode == 0 else "null\n"
    file.write_text(inputs + "-- want.json --\n" + want)


def main():
    if len(sys.argv) > 1:
        child(sys.argv[1])
        return
    for file in sorted(pathlib.Path(__file__).parent.glob("*.txtar")):
        record(file)


if __name__ == "__main__":
    main()
