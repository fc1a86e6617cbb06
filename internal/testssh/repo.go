package testssh

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// InitRepo makes an empty bare repository below Root, default branch main, and
// gives its path. Further words are arguments of git init.
func (s *Server) InitRepo(name string, args ...string) string {
	s.tb.Helper()
	dir := filepath.Join(s.Root, name)
	must(s.tb, os.MkdirAll(dir, 0o700))
	Git(s.tb, dir, append([]string{"init", "-q", "--bare", "-b", "main"}, args...)...)
	return dir
}

// Environ is an environment for git that no setting of the user or of
// the machine reaches.
func Environ() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=/nonexistent",
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_TERMINAL_PROMPT=0",
		"LC_ALL=C",
		"GIT_AUTHOR_NAME=A U Thor", "GIT_AUTHOR_EMAIL=author@example.com",
		"GIT_COMMITTER_NAME=C O Mitter", "GIT_COMMITTER_EMAIL=committer@example.com",
	}
}

// Git runs git in dir and gives its output without the last line break. The
// test fails if git does.
func Git(tb testing.TB, dir string, args ...string) string {
	tb.Helper()
	return GitInput(tb, dir, nil, args...)
}

// GitInput is Git with something to read.
func GitInput(tb testing.TB, dir string, in io.Reader, args ...string) string {
	tb.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env, cmd.Stdin = dir, Environ(), in
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		tb.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return strings.TrimRight(out.String(), "\n")
}

// Shell gives what a command line prints in sh, as the shell of a server's account would
// read it.
func Shell(tb testing.TB, line string) string {
	tb.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir, cmd.Env = tb.TempDir(), Environ()
	out, err := cmd.Output()
	must(tb, err)
	return string(out)
}

// FastImport feeds git fast-import with what write writes.
func FastImport(tb testing.TB, dir string, write func(w io.Writer)) {
	tb.Helper()
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	write(w)
	must(tb, w.Flush())
	GitInput(tb, dir, &b, "fast-import", "--quiet", "--force", "--date-format=raw")
}

// AddCommits adds n commits to a branch or another full ref, which may be new, on
// top of what it holds. Each one changes one file. message gets 0 to n-1; nil
// gives "APP-<i> commit <i>". It returns the new tip.
func AddCommits(tb testing.TB, dir, ref string, n int, message func(i int) string) string {
	tb.Helper()
	if !strings.HasPrefix(ref, "refs/") {
		ref = "refs/heads/" + ref
	}
	if message == nil {
		message = func(i int) string { return fmt.Sprintf("APP-%d commit %d\n", i+1, i) }
	}
	from := tip(dir, ref)
	start := 1700000000
	if from != "" {
		fmt.Sscan(Git(tb, dir, "show", "-s", "--format=%ct", from), &start)
	}
	FastImport(tb, dir, func(w io.Writer) {
		for i := range n {
			m, content := message(i), fmt.Sprintf("%s %s %d\n", ref, from, i)
			fmt.Fprintf(w, "commit %s\ncommitter C O Mitter <committer@example.com> %d +0000\n", ref, start+1+i)
			fmt.Fprintf(w, "data %d\n%s\n", len(m), m)
			if i == 0 && from != "" {
				fmt.Fprintf(w, "from %s\n", from)
			}
			fmt.Fprintf(w, "M 100644 inline file%d\ndata %d\n%s\n", i%10, len(content), content)
		}
		fmt.Fprint(w, "done\n")
	})
	return Git(tb, dir, "rev-parse", ref)
}

// tip is the hash of a ref, or "".
func tip(dir, ref string) string {
	cmd := exec.Command("git", "rev-parse", "-q", "--verify", ref)
	cmd.Dir, cmd.Env = dir, Environ()
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
