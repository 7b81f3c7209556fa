package master

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gorun/value"
)

// ErrKey is returned when the key that this user would ask with cannot be read.
var ErrKey = errors.New("the master's key for local users")

// A Client asks the running master, in the name of whoever runs this process.
type Client struct {
	Port Port
	// User is the name that the master is told.
	User string
	// Auth is what external authentication needs: eauth, username and password (or what
	// else the system asks for), or token. Where it is nil the key counts.
	Auth *value.Map

	keyFile string
	key     string
}

// Client is one who asks this master: a user who has a key there, until Auth is set.
func (c *Config) Client() *Client {
	name := specificUser()
	return &Client{Port: c.RequestPort(), User: name, keyFile: filepath.Join(c.CacheDir, "."+c.keyUser(name)+"_key")}
}

// specificUser is who runs this: behind a sudo sudo_ and the name of who called it
// (salt.utils.user.get_specific_user).
func specificUser() string {
	name := currentUser()
	if name == "root" {
		if caller, ok := os.LookupEnv("SUDO_USER"); ok {
			return "sudo_" + caller
		}
	}
	return name
}

// keyUser is whose key a user asks with: root, and who came by sudo, with that of the
// master's user.
func (c *Config) keyUser(name string) string {
	if (name == "root" || strings.HasPrefix(name, "sudo_")) && c.User != "" {
		return c.User
	}
	return name
}

// Ask puts a load to the master, with who asks; the load is the caller's and stays as it
// is. Where the master does not accept the key, and the key has changed since it was read,
// it asks once more: a master that was started anew may have made another. Errors are
// ErrKey and those of Port.Send.
func (c *Client) Ask(ctx context.Context, load *value.Map) (value.Value, error) {
	if c.Auth != nil {
		return c.send(ctx, load, c.Auth)
	}
	if c.key == "" {
		if err := c.readKey(); err != nil {
			return nil, err
		}
	}
	used := c.key
	reply, err := c.send(ctx, load, value.NewMap("key", used))
	if errors.Is(err, ErrAuthentication) && c.readKey() == nil && c.key != used {
		reply, err = c.send(ctx, load, value.NewMap("key", c.key))
	}
	return reply, withKey(err)
}

// send adds to a load who asks. A job takes external authentication among its keyword
// arguments (salt.client.LocalClient), everything else beside the rest.
func (c *Client) send(ctx context.Context, load, who *value.Map) (value.Value, error) {
	full := &value.Map{Entries: slices.Clone(load.Entries)}
	cmd, _ := load.Get("cmd")
	if c.Auth == nil || cmd == "publish" {
		full.Set("user", c.User)
	}
	if c.Auth != nil && cmd == "publish" {
		full.Set("kwargs", who)
	} else {
		full.Entries = append(full.Entries, who.Entries...)
	}
	return c.Port.Send(ctx, full)
}

// withKey names a master that does not take keys for what was asked: one that speaks of
// external authentication though none was tried.
func withKey(err error) error {
	var refused *RefusedError
	if errors.As(err, &refused) && (refused.Name == "EauthAuthenticationError" || refused.Name == "TokenAuthenticationError") {
		return &RefusedError{ErrEauthOnly, refused.Name, refused.Message}
	}
	return err
}

// readKey reads the key that the master has made for this user.
func (c *Client) readKey() error {
	data, err := os.ReadFile(c.keyFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: %s is not there", ErrKey, c.keyFile)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrKey, err)
	}
	c.key = string(data)
	return nil
}
