#!/bin/sh
# The job cache stays: it lies in the master's cachedir, and goes with that.
set -e
if [ -d /run/systemd/system ] && [ -z "$DPKG_ROOT" ]; then
	systemctl daemon-reload
fi
