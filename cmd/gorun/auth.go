package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"gorun/internal/master"
	"gorun/value"
)

// authenticate gives an asker what -a asks for: a token that is still good, else a name
// and a password, and with -T a new token for them. Without -a the key of the user counts.
func (q *question) authenticate(asker *master.Client) error {
	system := q.cli.String("eauth")
	if system == "" {
		return nil
	}
	if q.who == nil {
		who, err := q.credentials(asker, system)
		if err != nil {
			return err
		}
		q.who = who
	}
	asker.Auth = q.who
	return nil
}

// credentials are what goes with every request under external authentication.
func (q *question) credentials(asker *master.Client, system string) (*value.Map, error) {
	file, good := q.conf.TokenFile()
	if !q.cli.IsSet("username") && !q.cli.IsSet("password") && !q.cli.Bool("make-token") {
		token, err := readToken(file, good)
		if err != nil {
			return nil, err
		}
		if token != "" {
			return value.NewMap("token", token), nil
		}
	}
	ctx, ask := q.cli.Context, prompter{in: q.stdin, lines: bufio.NewReader(q.stdin), out: q.stderr}
	username, password := q.cli.String("username"), q.cli.String("password")
	var err error
	if !q.cli.IsSet("username") {
		if username, err = ask.line(ctx, "username"); err != nil {
			return nil, err
		}
	}
	if !q.cli.IsSet("password") {
		if password, err = ask.secret(ctx, "password"); err != nil {
			return nil, err
		}
	}
	if username == "" {
		username = asker.User
	}
	who := value.NewMap("username", username, "password", password, "eauth", system)
	if !q.cli.Bool("make-token") {
		return who, nil
	}
	return q.makeToken(asker, who, file)
}

// readToken reads a token that is younger than token_expire; empty for none.
func readToken(file string, good time.Duration) (string, error) {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && (!info.Mode().IsRegular() || time.Since(info.ModTime()) >= good) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// makeToken has the master make a token, and keeps it for the next call.
func (q *question) makeToken(asker *master.Client, who *value.Map, file string) (*value.Map, error) {
	load := value.NewMap("cmd", "mk_token")
	asker.Auth = who
	ctx, cancel := context.WithTimeout(q.cli.Context, q.timeout(startTime))
	defer cancel()
	reply, err := asker.Ask(ctx, load)
	if err != nil {
		return nil, fmt.Errorf("make a token: %w", err)
	}
	m, _ := reply.(*value.Map)
	v, _ := m.Get("token")
	token, _ := v.(string)
	if token == "" {
		return nil, fmt.Errorf("make a token: %w", master.ErrAuthentication)
	}
	if err := writeToken(file, token); err != nil {
		return nil, err
	}
	return value.NewMap("token", token), nil
}

// writeToken keeps a token for its owner alone, whatever the file's mode was.
func writeToken(file, token string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("keep the token: %w", err)
	}
	err = f.Chmod(0o600)
	if err == nil {
		_, err = f.WriteString(token)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("keep the token: %w", err)
	}
	return nil
}
