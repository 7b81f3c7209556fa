#!/bin/sh
# The service is not started by itself: it is for masters, and gorun may be installed elsewhere.
set -e
if [ -d /run/systemd/system ] && [ -z "$DPKG_ROOT" ]; then
	systemctl daemon-reload
	systemctl try-restart gorun.service # of an upgrade
fi
