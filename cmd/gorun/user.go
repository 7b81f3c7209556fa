package main

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// errUser is returned when the subscriber cannot run as the user that the master runs as.
var errUser = errors.New("cannot become the master's user")

// account is a user as the kernel knows it.
type account struct {
	uid, gid int
	groups   []int // all of them, gid among them
	home     string
}

// becomeUser gives up root, where this process is root, for the user that the master runs
// as: for good, and for all threads. The job cache in dir becomes that user's before. Errors
// are errUser.
func becomeUser(name, dir string) error {
	if os.Geteuid() != 0 || name == "root" {
		return nil
	}
	a, err := findAccount(name)
	if err != nil {
		return fmt.Errorf("%w %s: %w", errUser, name, err)
	}
	if a.uid == 0 {
		return nil
	}
	if err := handOver(dir, a.uid, a.gid); err != nil {
		return fmt.Errorf("%w %s: give it the job cache: %w", errUser, name, err)
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"setgroups", func() error { return syscall.Setgroups(a.groups) }},
		{"setgid", func() error { return syscall.Setgid(a.gid) }},
		{"setuid", func() error { return syscall.Setuid(a.uid) }},
		{"HOME", func() error { return os.Setenv("HOME", a.home) }},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%w %s: %w", errUser, name, os.NewSyscallError(step.name, err))
		}
	}
	if syscall.Setuid(0) == nil {
		return fmt.Errorf("%w %s: root can be had back", errUser, name)
	}
	return nil
}

func findAccount(name string) (account, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return account{}, err
	}
	ids, err := u.GroupIds()
	if err != nil {
		return account{}, err
	}
	a := account{home: u.HomeDir}
	a.uid, err = strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	if err = errors.Join(err, err2); err != nil {
		return account{}, err
	}
	a.gid = gid
	for _, id := range ids {
		n, err := strconv.Atoi(id)
		if err != nil {
			return account{}, err
		}
		a.groups = append(a.groups, n)
	}
	return a, nil
}

// handOver gives a job cache that root has made, while the master still ran as root, to
// another user. Only a directory in which root alone could write is handed over, and it
// goes last: from then on nothing in it is to be trusted. It is held open, for the
// directory above it is the other user's already, who could put another one in its place.
func handOver(dir string, uid, gid int) (err error) {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) { // will be made by the user itself
		return nil
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: dir, Err: err}
	}
	held := os.NewFile(uintptr(fd), dir)
	defer func() { err = errors.Join(err, held.Close()) }()
	info, err := held.Stat()
	if err != nil {
		return err
	}
	sys, ok := info.Sys().(*syscall.Stat_t)
	if !ok || sys.Uid != 0 || info.Mode().Perm()&0o022 != 0 { // jobcache judges it
		return nil
	}
	names, err := held.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := unix.Fchownat(fd, name, uid, gid, unix.AT_SYMLINK_NOFOLLOW); err != nil {
			return &os.PathError{Op: "chown", Path: name, Err: err}
		}
	}
	return held.Chown(uid, gid)
}
