#!/bin/sh
# boot.sh ROOT BUS CGROUP: the systemd of the Debian below ROOT, as process 1 of namespaces of
# its own, with BUS in the place of the master's socket directory.
set -e
echo $$ > "$3/cgroup.procs"
exec unshare --mount --pid --uts --ipc --net --cgroup --fork --kill-child sh -ec '
	mount --make-rprivate /
	mount --bind "$1" "$1"
	cd "$1"
	mount -t proc proc proc
	mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
	mount -t cgroup2 cgroup2 sys/fs/cgroup
	mount -t tmpfs -o mode=755 tmpfs run
	mount -t tmpfs tmpfs tmp
	mkdir -p run/salt/master
	mount --bind "$2" run/salt/master
	mount -t tmpfs -o mode=755 tmpfs dev
	for name in null zero full random urandom tty; do cp -a /dev/$name dev/; done
	mkdir dev/pts dev/shm
	mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
	mount -t tmpfs tmpfs dev/shm
	ln -s pts/ptmx dev/ptmx
	ln -s /proc/self/fd dev/fd
	pivot_root . mnt
	umount -l /mnt
	mount --make-rshared /
	hostname gorun-test
	exec env -i container=gorun-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --show-status=0
' sh "$1" "$2"
