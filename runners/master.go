package runners

import (
	"context"

	"gorun/value"
)

var jobsMaster = &Func{
	Name: "jobs.master",
	Doc: `List the runners that are at work on this master.

As the files of cachedir/proc have them. salt-run lists its own jobs.master among them;
gorun is no runner of Salt's, and not in the list.`,
	Run: func(_ context.Context, env *Env, _ Args) (*Answer, error) {
		running, err := env.Running()
		if err != nil {
			return nil, err
		}
		list := make(value.List, len(running))
		for i, m := range running {
			list[i] = m
		}
		return &Answer{Value: list}, nil
	},
}
