package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"issuetrail/internal/testssh"
)

// who is what stands after "author " and "committer " in a sound commit.
const who = "A U Thor <author@example.com> 1700000000 +0000"

// oddCommits are the lines after tree and parents, in the order of the chain. The
// key in each is APP-<900+i>.
var oddCommits = []string{
	"author " + who + "\ncommitter " + who + "\nencoding ISO-8859-1\n\nAPP-900 gr\xfc\xdfe aus K\xf6ln\n",
	"author " + who + "\ncommitter " + who + "\nencoding no-such-charset\n\nAPP-901 \xff\xfe\x80\n",
	"author J\xf6rg \x01\x1b[31m <j@x> 1700000000 +0000\ncommitter " + who + "\n\nAPP-902 invalid UTF-8 \xc3\x28 \xed\xa0\x80\n",
	"author A <a@x> 99999999999999999999999 +0000\ncommitter A <a@x> 99999999999999999999999 +0000\n\nAPP-903 far ahead\n",
	"author A <a@x> -1 +0000\ncommitter A <a@x> -9223372036854775808 -9999\n\nAPP-904 before all\n",
	"author A <a@x> 253402300800 +9999999\ncommitter A <a@x> 253402300800 +9999999\n\nAPP-905 year 10000\n",
	"author A <a@x>\ncommitter A <a@x>\n\nAPP-906 no time\n",
	"author\ncommitter\n\nAPP-907 nobody\n",
	"author A a@x> 1700000000 +0000\ncommitter <<<<>>>> x y\n\nAPP-908 malformed\n",
	"\nAPP-909 no author at all\n",
	"author " + who + "\ncommitter " + who + "\n\nAPP-910 before\x00after\n",
	"author " + who + "\ncommitter " + who + "\n\nAPP-911 long\n" + strings.Repeat("word word word\n", 5<<20/15),
	"author " + who + "\ncommitter " + who + "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n APP-1999\n -----END PGP SIGNATURE-----\n\nAPP-912 signed\n",
	"author " + who + "\ncommitter " + who + "\nx-" + strings.Repeat("y", 100_000) + " z\n\nAPP-913 long header\n",
	"author " + who + "\ncommitter " + who + "\n\nAPP-914\r\n\r\nline\r\n\u2028\u202e\ufeff",
	"author " + who + "\ncommitter " + who + "\n",
	"author " + who + "\ncommitter " + who + "\n\n",
}

// oddChain puts the odd commits on top of each other and of main, and one sound commit
// on top of all.
func oddChain(t *testing.T, dir string) {
	t.Helper()
	parent := testssh.Git(t, dir, "rev-parse", "main")
	tree := testssh.Git(t, dir, "rev-parse", "main^{tree}")
	for _, text := range oddCommits {
		raw := "tree " + tree + "\nparent " + parent + "\n" + text
		parent = testssh.GitInput(t, dir, strings.NewReader(raw), "hash-object", "-t", "commit", "--literally", "-w", "--stdin")
	}
	// git update-ref would look into the commit.
	if err := os.WriteFile(filepath.Join(dir, "refs/heads/main"), []byte(parent+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	testssh.AddCommits(t, dir, "main", 1, func(int) string { return "APP-999 sound again" })
}

// A commit that cannot be read harms nothing but itself: what is sound beside, below and
// above it is linked, and what of it can be read is.
func TestOddCommits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{})
	odd, sound := w.ssh.InitRepo("acme/odd.git"), w.ssh.InitRepo("acme/sound.git")
	for _, dir := range []string{odd, sound} {
		testssh.AddCommits(t, dir, "main", 5, nil)
	}
	oddChain(t, odd)
	w.config(w.ssh.URL(odd), w.ssh.URL(sound))
	w.mustStart()
	if r := w.synced("odd"); r.LastError != nil || r.Commits != 5+len(oddCommits)+1 {
		t.Errorf("%+v", r)
	}
	w.synced("sound")
	for i := range 15 {
		key := fmt.Sprintf("APP-%d", 900+i)
		if c := w.issue(key).Commits; len(c) != 1 || len(c[0].Message) > 64<<10+10 || strings.ContainsAny(c[0].Subject, "\x00\x1b\n") {
			t.Errorf("%s: %d commits: %.300q", key, len(c), fmt.Sprint(c))
		}
	}
	if n := len(w.issue("APP-1999").Commits); n != 0 {
		t.Error("a signature is no message")
	}
	for _, key := range []string{"APP-1", "APP-5"} {
		if n := len(w.issue(key).Commits); n != 2 {
			t.Errorf("%s: %d commits, want one of each repository", key, n)
		}
	}
	if n := len(w.issue("APP-999").Commits); n != 1 {
		t.Errorf("what lies above the odd commits: %d", n)
	}
	w.sameLinks("sound", sound, "APP", "OPS")
	w.sameLinks("odd", odd, "APP", "OPS")
	w.prompt(odd, "acme/odd", 3000, 1)
}
