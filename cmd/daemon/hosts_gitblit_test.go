package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"issuetrail/internal/testssh"
)

// blitRunner runs a script as GitBlit runs its post-receive scripts, with the variables that it binds.
// GitBlit itself is a Java program of its own; what its script needs of it is in these.
const blitRunner = `
class Id { String name }
class Command { Id oldId, newId; String refName }
class Repository { String name }
class Log {
	def warn(text) { println "warned: $text" }
	def info(text) { }
	def error(text) { println "error: $text" }
}
def commands = args[2..-1].collect { line ->
	def (old, now, ref) = line.split(' ')
	new Command(oldId: new Id(name: old), newId: new Id(name: now), refName: ref)
}
new GroovyShell(new Binding(
	gitblit: new Object(), repository: new Repository(name: args[1]), receivePack: new Object(), user: new Object(), commands: commands,
	url: 'https://blit.example.com', logger: new Log(), clientLogger: new Log())).evaluate(new File(args[0]))
Thread.allStackTraces.keySet().findAll { it.name == 'issuetrail' }.each { it.join() }
`

// The shipped Groovy script, run by Debian's Groovy, tells of several refs at once.
func TestGitBlitScript(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, namedSSH(t, testssh.Options{}))
	dir := w.ssh.InitRepo("proj/app.git")
	old := testssh.AddCommits(t, dir, "main", 1, nil)
	w.hostsConfig([]string{hostEntry("gitblit", "allow_sha1: true")}, []string{repoEntry(namedURL(w.ssh, "proj/app"), "gitblit")})
	w.mustStart()
	w.synced("app")
	tip := testssh.AddCommits(t, dir, "main", 1, func(int) string { return "APP-41 to GitBlit" })
	testssh.Git(t, dir, "branch", "feature/OPS-42-ü", "main")
	zero := fmt.Sprintf("%040d", 0)
	w.groovy("proj/app.git", old+" "+tip+" refs/heads/main", zero+" "+tip+" refs/heads/feature/OPS-42-ü")
	w.until("each ref of the push is seen", func() bool { return w.linked("APP-41", tip) && len(w.issue("OPS-42").Branches) == 1 })
	all := w.deliveries()
	if len(all) != 1 || all[0].Status != "accepted" || all[0].Repository != "proj/app" || all[0].DeliveryID == "" {
		t.Errorf("deliveries %+v", all)
	}
}

// groovy runs the script for a push of these refs, "OLD NEW REF" each.
func (w *world) groovy(repository string, refs ...string) {
	w.t.Helper()
	dir := w.t.TempDir()
	script, runner := filepath.Join(dir, "issuetrail.groovy"), filepath.Join(dir, "runner.groovy")
	executable(w.t, script, w.hookScript("gitblit"))
	executable(w.t, runner, blitRunner)
	java, err := exec.LookPath("java")
	if err == nil {
		java, err = filepath.EvalSymlinks(java) // Debian's groovy guesses a JAVA_HOME that need not exist
	}
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command("groovy", append([]string{"-c", "UTF-8", runner, script, repository}, refs...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "JAVA_HOME="+filepath.Dir(filepath.Dir(java)))
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		w.t.Fatalf("groovy: %v\n%s", err, out)
	}
}
