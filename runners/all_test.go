package runners_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"gorun/runners"
	"gorun/value"
)

// The functions are those of jobs and manage in Salt 3008, and state.event, with its
// parameters; what gorun adds to one is given by name only. jobs.timeline and jobs.watch are its own.
func TestAll(t *testing.T) {
	want := strings.Fields(`
		jobs.active(display_progress) jobs.exit_success(jid,ext_source)
		jobs.last_run(ext_source,outputter,metadata,function,target,display_progress)
		jobs.list_job(jid,ext_source,display_progress)
		jobs.list_jobs(ext_source,outputter,search_metadata,search_function,search_target,start_time,end_time,display_progress)
		jobs.list_jobs_filter(count,filter_find_job,ext_source,outputter,display_progress)
		jobs.lookup_jid(jid,ext_source,returned,missing,display_progress)
		jobs.master() jobs.print_job(jid,ext_source) jobs.timeline(jid) jobs.watch(jid)
		manage.alived(subset,show_ip) manage.allowed(subset,show_ip)
		manage.bootstrap(version,script,hosts,script_args,roster,ssh_user,ssh_password,ssh_priv_key,tmp_dir,http_backend)
		manage.bootstrap_psexec(hosts,master,version,arch,installer_url,username,password)
		manage.down(removekeys,tgt,tgt_type,timeout,gather_job_timeout)
		manage.joined(subset,show_ip) manage.key_regen() manage.list_not_state(subset,show_ip)
		manage.list_state(subset,show_ip) manage.not_alived(subset,show_ip) manage.not_allowed(subset,show_ip)
		manage.not_joined(subset,show_ip) manage.not_present(subset,show_ip) manage.not_reaped(subset,show_ip)
		manage.present(subset,show_ip) manage.reaped(subset,show_ip) manage.safe_accept(target,tgt_type)
		manage.status(output,tgt,tgt_type,timeout,gather_job_timeout)
		manage.up(tgt,tgt_type,timeout,gather_job_timeout) manage.versions()
		state.event(tagmatch,count,quiet,sock_dir,pretty,node)`)
	var got []string
	for _, f := range runners.All() {
		var names []string
		for _, p := range f.Params {
			if !p.KeywordOnly {
				names = append(names, p.Name)
			}
		}
		got = append(got, f.Name+"("+strings.Join(names, ",")+")")
		if first, _, _ := strings.Cut(f.Doc, "\n"); !strings.HasSuffix(first, ".") || strings.TrimSpace(f.Doc) != f.Doc {
			t.Errorf("%s: help starts with %q", f.Name, first)
		}
		for _, p := range f.Params {
			if !strings.Contains(f.Doc, p.Name) && p.Name != "display_progress" {
				t.Errorf("%s: the help has no word on %s", f.Name, p.Name)
			}
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// What only the master can do is refused, with its name and a reason.
func TestActing(t *testing.T) {
	for _, fun := range []string{"versions", "key_regen", "bootstrap", "bootstrap_psexec", "safe_accept"} {
		var args []value.Value
		if fun == "safe_accept" {
			args = []value.Value{"web1"}
		}
		_, err := ask(t, new(runners.Env), "manage."+fun, args, nil)
		if !errors.Is(err, runners.ErrNeedsMaster) || !strings.Contains(err.Error(), "manage."+fun+": ") {
			t.Errorf("%s: %v", fun, err)
		}
	}
}

func TestJobsMaster(t *testing.T) {
	proc := value.NewMap("fun", "runner.test.sleep", "jid", "20261122090504824713", "pid", int64(15211))
	failed := errors.New("no such folder")
	var err error
	env := &runners.Env{Running: func() ([]*value.Map, error) { return []*value.Map{proc}, err }}
	a, got := ask(t, env, "jobs.master", nil, nil)
	if got != nil || !value.Equal(a.Value, value.List{proc}) {
		t.Errorf("%+v, %v", a, got)
	}
	err = failed
	if _, got := ask(t, env, "jobs.master", nil, nil); !errors.Is(got, failed) {
		t.Errorf("got %v", got)
	}
}
