package jobcache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// networkFS are the file systems, by the magic number of statfs(2), whose locks and shared
// memory are not those of one machine: SQLite's log needs both. What goes through FUSE does
// so in one kernel, and is let in.
var networkFS = map[uint32]string{
	0x6969:     "NFS",
	0x517b:     "SMB",
	0xff534d42: "CIFS",
	0xfe534d42: "SMB2",
	0x01021997: "9p",
	0x00c36400: "Ceph",
	0x01161970: "GFS2",
	0x7461636f: "OCFS2",
	0x0bd00bd0: "Lustre",
	0x47504653: "GPFS",
	0x19830326: "BeeGFS",
	0x5346414f: "AFS",
	0x6b414653: "AFS",
	0x73757245: "Coda",
}

// companions are the names behind a store's own, of the files that belong to it.
var companions = []string{"", "-wal", "-shm", ".lock"}

// checkPlace looks at what surrounds a store before it is opened: that its directory is
// local, and that nobody else may write there, or pass something else off as a store. A
// writer must own all of it, and its data must not be for everybody to read; a group that
// may read is the owner's choice. Errors are ErrUnsafe, ErrNetwork and those of the file
// system; that of a directory which is not there is fs.ErrNotExist.
func checkPlace(path string, writing bool) error {
	dir := filepath.Dir(path)
	if err := checkFile(dir, fs.ModeDir, 0o022, writing); err != nil {
		return err
	}
	var sys syscall.Statfs_t
	if err := syscall.Statfs(dir, &sys); err != nil {
		return fmt.Errorf("job cache: %w", &fs.PathError{Op: "statfs", Path: dir, Err: err})
	}
	if err := checkMagic(dir, uint32(sys.Type)); err != nil { //nolint:gosec // the kernel's numbers have 32 bits
		return err
	}
	forbidden := fs.FileMode(0o022)
	if writing {
		forbidden = 0o026
	}
	for _, suffix := range companions {
		err := checkFile(path+suffix, 0, forbidden, writing)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func checkMagic(dir string, magic uint32) error {
	if name, ok := networkFS[magic]; ok {
		return fmt.Errorf("%s: %w (%s)", dir, ErrNetwork, name)
	}
	return nil
}

// checkFile tells whether name is of the type kind, has none of the forbidden permissions
// and, where own is set, belongs to this process's user.
func checkFile(name string, kind, forbidden fs.FileMode, own bool) error {
	info, err := os.Lstat(name)
	if err != nil {
		return fmt.Errorf("job cache: %w", err)
	}
	mode := info.Mode()
	switch {
	case mode.Type() != kind:
		return fmt.Errorf("%s: %w: neither a link nor anything else may stand for it: %v", name, ErrUnsafe, mode)
	case mode.Perm()&forbidden != 0:
		return fmt.Errorf("%s: %w: its mode is %04o: chmod g-w,o-rwx", name, ErrUnsafe, mode.Perm())
	}
	sys, ok := info.Sys().(*syscall.Stat_t)
	if uid := os.Geteuid(); own && ok && int(sys.Uid) != uid {
		return fmt.Errorf("%s: %w: it belongs to uid %d, and gorun writes as uid %d", name, ErrUnsafe, sys.Uid, uid)
	}
	return nil
}
