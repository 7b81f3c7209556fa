package master

import (
	"path/filepath"
	"strings"
)

// belowRoot puts a path of the configuration below root_dir, which is absolute
// (salt.config.prepend_root_dir): once, if it does not stand there already.
func belowRoot(root, path string) string {
	inRoot := ""
	if path == root || strings.HasPrefix(path, root+"/") {
		inRoot = path[len(root):]
	}
	if strings.HasPrefix(path, "/") && inRoot != "" {
		path = inRoot
	}
	return filepath.Join(root, path)
}

// hasScheme tells a log target such as udp://host from a file.
func hasScheme(path string) bool {
	scheme, _, ok := strings.Cut(path, ":")
	if !ok || scheme == "" || !('a' <= scheme[0]|0x20 && scheme[0]|0x20 <= 'z') {
		return false
	}
	return strings.Trim(strings.ToLower(scheme), "abcdefghijklmnopqrstuvwxyz0123456789+-.") == ""
}
