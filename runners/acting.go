package runners

import (
	"context"
	"fmt"

	"gorun/value"
)

// onMaster makes a function that the running master answers: its arguments and its help
// are here, the doing is Salt's.
func onMaster(name, doc string, params ...Param) *Func {
	return &Func{
		Name: name, Doc: doc + "\n\nThe running master does it.", Params: params,
		Run: func(ctx context.Context, env *Env, args Args) (*Answer, error) {
			if env.Master == nil {
				return nil, fmt.Errorf("%s: %w", name, ErrNeedsMaster)
			}
			kwargs := value.NewMap()
			for i, p := range params { // an older master may not know them all
				if p.Required || !value.Equal(args[i], p.Default) {
					kwargs.Set(p.Name, args[i])
				}
			}
			return env.Master.Call(ctx, name, nil, kwargs)
		},
	}
}

// checked looks at what the master has answered before anybody else does.
func checked(f *Func, judge func(*Answer)) *Func {
	run := f.Run
	f.Run = func(ctx context.Context, env *Env, args Args) (*Answer, error) {
		answer, err := run(ctx, env, args)
		if err == nil {
			judge(answer)
		}
		return answer, err
	}
	return f
}

// optional are parameters that may be left out, each with its default: name, default, …
func optional(pairs ...value.Value) []Param {
	params := make([]Param, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		name, _ := pairs[i].(string)
		params = append(params, Param{Name: name, Default: pairs[i+1]})
	}
	return params
}

var manageVersions = checked(onMaster("manage.versions",
	`Compare the minions' Salt versions with the master's.

Asks every minion; those that do not answer are listed as offline.`),
	func(answer *Answer) { // the master's own version is in it, unless the asking failed
		if said, ok := answer.Value.(*value.Map); ok && said.Len() == 0 {
			answer.Stale = true
			answer.note("the master could not ask the minions; its own output says why")
		}
	})

var manageSafeAccept = onMaster("manage.safe_accept",
	`Accept pending keys whose fingerprints are those that the minions show over salt-ssh.

target, tgt_type
    The minions, as salt-ssh has them.`,
	Param{Name: "target", Required: true}, paramTargetType)

var manageKeyRegen = onMaster("manage.key_regen",
	`Delete the keys of the master and of all minions, so that new ones are made.

The master must be started anew within a minute, and all keys be accepted once more.`)

// printed notes where to read what a program said that a runner has run: that is all there is
// to tell what became of a host.
func printed(program string) func(*Answer) {
	return func(answer *Answer) { answer.note("what %s said is in the master's own output", program) }
}

var manageBootstrap = checked(onMaster("manage.bootstrap",
	`Install Salt on hosts of the roster, over salt-ssh, with salt-bootstrap.

version
    What to install, a tag of Salt's repository (default develop).
script
    The URL of the bootstrap script.
hosts
    Names from the roster, with commas between.
script_args
    Further arguments for the script.
roster
    The kind of the roster (default flat).
ssh_user, ssh_password, ssh_priv_key
    How to log in where the roster does not say.
tmp_dir
    Where the script is put on the host; something unique is added to the name.
http_backend
    What downloads the script (default tornado).`,
	optional("version", "develop",
		"script", "https://github.com/saltstack/salt-bootstrap/releases/latest/download/bootstrap-salt.sh",
		"hosts", "", "script_args", "", "roster", "flat", "ssh_user", nil, "ssh_password", nil, "ssh_priv_key", nil,
		"tmp_dir", "/tmp/.bootstrap", "http_backend", "tornado")...), printed("salt-ssh"))

var manageBootstrapPsexec = checked(onMaster("manage.bootstrap_psexec",
	`Install Salt on Windows hosts with PsExec.

hosts
    Names or addresses, with commas between.
master
    The address of the master that the minions shall have.
version, arch
    Which installer: the newest and win32 by default.
installer_url
    The installer itself, instead of these two.
username, password
    How to log in there.`,
	optional("hosts", "", "master", nil, "version", nil, "arch", "win32", "installer_url", nil, "username", nil, "password", nil)...), printed("psexec"))
