package master

import (
	"path/filepath"
	"time"
)

// TokenFile is where the user's token for external authentication is kept, and how long it
// counts after it was written (token_file, token_expire).
func (c *Config) TokenFile() (file string, good time.Duration) {
	good = 12 * time.Hour
	if v, ok := c.opts.Get("token_expire"); ok {
		c.fill(setting{"token_expire", &good, nil}, v)
	}
	if v, _ := c.opts.Get("token_file"); v != nil {
		if name, ok := v.(string); ok && name != "" {
			if abs, err := filepath.Abs(expandUser(name)); err == nil {
				return abs, good
			}
		}
	}
	if dir, ok := xdgDir(); ok {
		return filepath.Join(dir, "salt_token"), good
	}
	return expandUser("~/salt_token"), good
}
