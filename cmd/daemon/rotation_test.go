package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/testssh"
)

// A fleet is repositories on servers that let in different keys, and a daemon that follows them.
type fleet struct {
	*world
	old, fresh ssh.PublicKey
	dirs, urls map[string]string // by name
	kept       map[string]string // what accepts it, by name: "old", "new" or "both"
	commits    map[string]string // hash by issue key
	leave      []string          // of the names: what the new key never sees
}

// add makes n repositories named after their servers, and says which key sees them.
func (f *fleet) add(server interface {
	InitRepo(name string) string
	URL(name string) string
}, folder, prefix, kept string, n int,
) (names []string) {
	for i := range n {
		name := fmt.Sprintf("%s%02d", prefix, i)
		f.dirs[name], f.urls[name], f.kept[name] = server.InitRepo(folder+name), server.URL(folder+name), kept
		testssh.AddCommits(f.t, f.dirs[name], "main", 2, func(int) string { return "no issue" })
		names = append(names, name)
	}
	return names
}

// An sshdRepos makes repositories of an sshd without further words for git.
type sshdRepos struct{ *testssh.Server }

func (s sshdRepos) InitRepo(name string) string { return s.Server.InitRepo(name) }

// names are those that one of these keys sees: "old", "new", "both".
func (f *fleet) names(kept ...string) (list []string) {
	for _, name := range slices.Sorted(maps.Keys(f.kept)) {
		if slices.Contains(kept, f.kept[name]) {
			list = append(list, name)
		}
	}
	return list
}

// newFleet is 50 repositories on five servers. One shows other repositories to each key; one is like Azure,
// which lets every key log in and refuses it later. The daemon has the old key.
func newFleet(t *testing.T) (f *fleet, refuses *testssh.Server, freshPEM []byte) {
	t.Helper()
	f = &fleet{dirs: map[string]string{}, urls: map[string]string{}, kept: map[string]string{}, commits: map[string]string{}}
	refuses = testssh.Start(t, testssh.Options{})
	f.world = newWorldOn(t, refuses)
	freshPEM, fresh := testssh.NewKey(t)
	f.old, f.fresh = refuses.Signer.PublicKey(), fresh.PublicKey()
	ahead, both, azure := testssh.Start(t, testssh.Options{}), testssh.Start(t, testssh.Options{}), testssh.StartAzure(t, testssh.AzureOptions{})
	accounts := testssh.Start(t, testssh.Options{})
	ahead.Authorize(f.fresh)
	both.Authorize(f.old, f.fresh)
	f.add(sshdRepos{refuses}, "acme/", "old", "old", 10)
	f.leave = f.add(azure, "v3/acme/x/", "azure", "old", 3)
	f.add(sshdRepos{ahead}, "acme/", "new", "new", 13)
	f.add(sshdRepos{both}, "acme/", "both", "both", 16)
	mine, theirs := f.add(sshdRepos{accounts}, "acme/", "mine", "old", 4), f.add(sshdRepos{accounts}, "acme/", "theirs", "new", 4)
	f.leave = append(f.leave, mine...)
	accounts.AuthorizeOnly(map[ssh.PublicKey][]string{f.old: below("acme/", mine), f.fresh: below("acme/", theirs)})

	f.write("known_hosts", refuses.KnownHosts()+ahead.KnownHosts()+both.KnownHosts()+accounts.KnownHosts()+azure.KnownHosts())
	f.head += "key: {}\n"
	var entries []string
	for name, url := range f.urls {
		if slices.Contains(f.leave, name) {
			continue
		}
		schedule := "@every 10s"
		if f.kept[name] == "new" {
			schedule = "@every 1h" // it would fail at each, and rightly so
		}
		entries = append(entries, fmt.Sprintf("{url: %q, host: github, schedule: %q}", url, schedule))
	}
	f.config(entries...)
	f.mustStart()
	for _, name := range f.leave { // what the config declares could not be suspended
		f.keyRun("repo", "add", f.urls[name], "--host", "github", "--schedule", "@every 10s")
	}
	return f, refuses, freshPEM
}

func below(folder string, names []string) (list []string) {
	for _, name := range names {
		list = append(list, folder+name)
	}
	return list
}

// load syncs these without a pause, by the command, until stop is called; each round must work.
func (f *fleet) load(names []string) (stop func() (rounds int)) {
	args := []string{"repo", "sync", "--wait"}
	for _, name := range names {
		args = append(args, f.urls[name])
	}
	quit, rounds := make(chan struct{}), 0
	var all sync.WaitGroup
	all.Go(func() {
		for {
			select {
			case <-quit:
				return
			default:
			}
			if out, err := f.program(args...).CombinedOutput(); err != nil {
				f.t.Errorf("repo sync: %v\n%s", err, tail(out, 2000))
				return
			}
			rounds++
		}
	})
	stop = sync.OnceValue(func() int { close(quit); all.Wait(); return rounds })
	f.t.Cleanup(func() { stop() })
	return stop
}

// commit pushes to a part of these; every other push is told by a webhook, the rest is found by the load.
func (f *fleet) commit(names []string) {
	f.t.Helper()
	for i, name := range names {
		if (i+len(f.commits))%2 == 0 {
			continue
		}
		key := fmt.Sprintf("APP-%d", len(f.commits)+1)
		f.commits[key] = testssh.AddCommits(f.t, f.dirs[name], "main", 1, func(int) string { return key + " in " + name })
		if i%4 < 2 || f.kept[name] == "new" {
			if status, answer := f.deliver(key, pushBody(filepath.Base(filepath.Dir(f.dirs[name]))+"/"+name, "refs/heads/main", f.commits[key])); status != 202 {
				f.t.Errorf("%s: %d %v", name, status, answer)
			}
		}
	}
}

// arrived waits until all that was pushed to these is linked, and none of them has failed.
func (f *fleet) arrived(names []string) {
	f.t.Helper()
	for key, hash := range f.commits {
		f.until(key+" is linked", func() bool { return f.linked(key, hash) })
	}
	for name, r := range f.repos() {
		if slices.Contains(names, name) && r.LastError != nil {
			f.t.Errorf("%s: %+v", name, r.LastError)
		}
	}
}

// failed are the syncs that failed since, "name code", as the log has them.
func (f *fleet) failed(since int) (list []string) {
	for s := bufio.NewScanner(strings.NewReader(f.logged()[since:])); s.Scan(); {
		var line struct{ Level, Msg, Repository, Code string }
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			f.t.Errorf("%v in %q", err, s.Text())
		}
		switch {
		case line.Msg == "sync failed":
			list = append(list, filepath.Base(line.Repository)+" "+line.Code)
		case strings.HasSuffix(line.Msg, "; the one before it is used"): // that is what it is kept for
		case line.Level == "error", line.Level == "warn":
			f.t.Errorf("the log says %s", s.Text())
		}
	}
	return list
}

// failures counts them as the metrics do: whatever is no result of a sync that worked.
func (f *fleet) failures() (n float64) {
	f.t.Helper()
	res, err := http.Get(f.base + "/metrics")
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	for s := bufio.NewScanner(res.Body); s.Scan(); {
		result, value, ok := strings.Cut(strings.TrimPrefix(s.Text(), "issuetrail_syncs_total{result=\""), "\"} ")
		if !ok || !strings.HasPrefix(s.Text(), "issuetrail_syncs_total") || slices.Contains([]string{"changed", "unchanged", "relinked"}, result) {
			continue
		}
		var v float64
		if _, err := fmt.Sscan(value, &v); err != nil {
			f.t.Fatal(err)
		}
		n += v
	}
	return n
}

// TestRotationUnderLoad: 50 repositories are synced and pushed to without a pause, on servers that accept the old key,
// the new one, or both, while the new one is staged, tried, activated, undone, activated again, and the old
// one is dropped. No sync fails that could work with a key that is kept.
func TestRotationUnderLoad(t *testing.T) {
	f, refuses, freshPEM := newFleet(t)
	reached, ahead := f.names("old", "both"), f.names("new")
	everybody := append(slices.Clone(reached), ahead...)
	if len(everybody) != 50 {
		t.Fatalf("%d repositories", len(everybody))
	}
	f.keyRun("key", "import", "key.pem")
	for _, name := range ahead {
		f.until(name+" has failed", func() bool { r := f.repos()[name]; return r.State == "attention" && r.LastError.Code != "key_missing" })
	}
	for _, name := range reached {
		f.synced(name)
	}
	begun := len(f.logged())

	stopReached := f.load(reached)
	f.commit(reached)
	f.write("new.pem", string(freshPEM))
	f.keyRun("key", "stage", "new.pem")
	f.commit(reached)
	if r := f.keyStatus("--check"); r.Expected != 50 || r.Accepted != len(ahead)+len(f.names("both")) || r.Active.Fingerprint != ssh.FingerprintSHA256(f.old) {
		t.Errorf("%d of %d accept it, active is %s", r.Accepted, r.Expected, r.Active.Fingerprint)
	}
	f.arrived(reached)
	if list := f.failed(begun); len(list) > 0 {
		t.Errorf("while a key is staged: %v", list)
	}

	// From now on each repository accepts a key that is kept.
	before := f.failures()
	f.commit(reached)
	f.keyRun("key", "activate")
	for _, name := range ahead { // nobody asks for it
		f.synced(name)
	}
	stopAhead := f.load(ahead)
	for _, step := range []string{"rollback", "rollback"} {
		f.commit(everybody)
		f.arrived(everybody)
		f.commit(everybody)
		f.keyRun("key", step)
	}
	f.commit(everybody)
	f.arrived(everybody)

	// The host that lacked the new key gets it; what it never sees is left out of the load.
	refuses.Authorize(f.old, f.fresh)
	rounds := stopReached()
	for _, name := range f.leave {
		f.keyRun("repo", "suspend", f.urls[name])
	}
	stay := slices.DeleteFunc(slices.Clone(reached), func(name string) bool { return slices.Contains(f.leave, name) })
	stopReached = f.load(stay)
	f.commit(stay)
	f.keyRun("key", "drop", "previous")
	refuses.Authorize(f.fresh)
	f.commit(append(slices.Clone(stay), ahead...))
	f.arrived(append(stay, ahead...))
	rounds += stopReached()
	others := stopAhead()
	if list := f.failed(begun); len(list) > 0 {
		t.Errorf("failed that could work: %v", list)
	}
	if n := f.failures() - before; n != 0 {
		t.Errorf("the metrics count %v failures", n)
	}

	// A key that is refused is not offered at each sync.
	n := 0
	for _, print := range refuses.Refused() {
		if print == ssh.FingerprintSHA256(f.fresh) {
			n++
		}
	}
	if n == 0 || n > 15 {
		t.Errorf("the new key was refused %d times by the server that knew the old one alone", n)
	}
	if rounds < 10 || others < 5 {
		t.Errorf("that was no load: %d and %d rounds", rounds, others)
	}
	t.Logf("%d pushes, %d rounds of %d repositories, %d of %d; %v syncs; the new key was refused %d times",
		len(f.commits), rounds, len(reached), others, len(ahead), f.metric("issuetrail_sync_duration_seconds_count"), n)

	// Now the old key is gone: who knows it alone fails, and says so.
	f.keyRun("repo", "resume", f.urls[f.leave[0]])
	f.syncNow(f.leave[0])
	f.fails(f.leave[0], "attention", "auth_failed")
}
