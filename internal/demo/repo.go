package demo

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"issuetrail/internal/model"
)

// A Repo is the sample repository of the demo, a bare one on disk.
type Repo struct {
	Name string // acme/app: the path below the server's root, without .git
	dir  string
	root string
}

// commits is the sample history: branch, author, subject. A "merge " before the
// branch's name merges that branch into main.
var commits = []struct{ branch, author, subject string }{
	{"main", "Ada", "Start the app"},
	{"main", "Ada", "APP-1 Serve the front page"},
	{"main", "Linus", "APP-2: read the config from a file\n\nAlso closes APP-3."},
	{"feature/APP-12-login", "Grace", "APP-12 Add the login form"},
	{"feature/APP-12-login", "Grace", "APP-12 Remember who is logged in"},
	{"main", "Ada", "Use UTF-8 and SHA-256 everywhere"},
	{"main", "Linus", "OPS-4 Run behind a proxy"},
	{"merge feature/APP-12-login", "Ada", "Merge branch 'feature/APP-12-login'"},
	{"fix/APP-15-crash", "Grace", "APP-15 Stop the crash on an empty name"},
	{"main", "Linus", "APP-2, APP-15: document both"},
}

// MakeRepo makes the sample repository acme/app.git below root, with main as
// the default branch and the tag v1.0. It needs git in PATH.
func MakeRepo(root string) (*Repo, error) {
	r := &Repo{Name: "acme/app", root: root, dir: filepath.Join(root, "acme", "app.git")}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return nil, err
	}
	if _, err := r.git(nil, "init", "--quiet", "--bare", "--initial-branch=main"); err != nil {
		return nil, err
	}
	if _, err := r.git(sampleStream(), "fast-import", "--quiet"); err != nil {
		return nil, err
	}
	return r, nil
}

// sampleStream writes the history in the language of git fast-import.
func sampleStream() []byte {
	var b bytes.Buffer
	at := time.Now().Add(-time.Duration(len(commits)) * 24 * time.Hour).Unix()
	started := map[string]bool{}
	for i, c := range commits {
		branch, merged := c.branch, ""
		if m, ok := strings.CutPrefix(branch, "merge "); ok {
			branch, merged = "main", m
		}
		fmt.Fprintf(&b, "commit refs/heads/%s\n", branch)
		fmt.Fprintf(&b, "committer %s Example <%s@example.com> %d +0000\n", c.author, strings.ToLower(c.author), at+int64(i)*86400)
		fmt.Fprintf(&b, "data %d\n%s\n", len(c.subject), c.subject)
		if !started[branch] && branch != "main" {
			b.WriteString("from refs/heads/main\n")
		}
		if merged != "" {
			fmt.Fprintf(&b, "merge refs/heads/%s\n", merged)
		}
		content := fmt.Sprintf("line %d\n", i)
		fmt.Fprintf(&b, "M 100644 inline file%d.txt\ndata %d\n%s\n", i%4, len(content), content)
		started[branch] = true
	}
	b.WriteString("tag v1.0\nfrom refs/heads/main\ntagger Ada Example <ada@example.com> " +
		fmt.Sprint(at+int64(len(commits))*86400) + " +0000\ndata 12\nRelease v1.0\n")
	return b.Bytes()
}

// Push commits one more change with the given message in a working copy and pushes
// it to main. It gives the ref update that a git host would tell of.
func (r *Repo) Push(message string) (model.RefUpdate, error) {
	work := filepath.Join(r.root, "work")
	var u model.RefUpdate
	if _, err := r.git(nil, "clone", "--quiet", r.dir, work); err != nil {
		return u, err
	}
	if err := os.WriteFile(filepath.Join(work, "pushed.txt"), []byte(message+"\n"), 0o600); err != nil {
		return u, err
	}
	var err error
	if u.Old, err = r.tip(); err != nil {
		return u, err
	}
	for _, args := range [][]string{
		{"-C", work, "add", "pushed.txt"},
		{"-C", work, "commit", "--quiet", "--message", message},
		{"-C", work, "push", "--quiet", "origin", "main"},
	} {
		if _, err := r.git(nil, args...); err != nil {
			return u, err
		}
	}
	u.Name = model.HeadPrefix + "main"
	u.New, err = r.tip()
	return u, err
}

func (r *Repo) tip() (model.Hash, error) {
	out, err := r.git(nil, "rev-parse", "refs/heads/main")
	if err != nil {
		return model.Hash{}, err
	}
	return model.ParseHash(strings.TrimSpace(string(out)))
}

// git runs one git command in the bare repository.
func (r *Repo) git(stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = r.dir, gitEnv(r.root), bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return out, nil
}
