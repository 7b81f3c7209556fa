#!/bin/sh
# deb calls with "remove" or "upgrade", rpm with 0 or 1.
set -e
case "$1" in
remove | 0)
	if [ -d /run/systemd/system ] && [ -z "$DPKG_ROOT" ]; then
		systemctl disable --now gorun.service
	fi
	;;
esac
