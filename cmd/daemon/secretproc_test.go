package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// process looks at what other programs can see of a process, and says that it has no children.
func (w *secretWorld) process(pid int) {
	w.t.Helper()
	for _, name := range []string{"cmdline", "environ"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
		if err != nil && !os.IsPermission(err) {
			w.t.Error(err)
		}
		w.scan.in(fmt.Sprintf("%s of %d", name, pid), text)
	}
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil || len(lists) == 0 {
		w.t.Errorf("no task: %v", err)
	}
	for _, list := range lists {
		if text, _ := os.ReadFile(list); len(text) > 0 {
			w.t.Errorf("%d has a child: %s", pid, text)
		}
	}
}

// powerless is the command that runs another one without root's powers, so that root is a user like others.
func powerless() []string {
	if os.Geteuid() != 0 {
		return nil
	}
	return []string{"setpriv", "--bounding-set=-all", "--inh-caps=-all"}
}

// closed says that another process of the same user cannot look into a process; and that the way this is
// tried can fail, by a process that the user may look into.
func closed(t *testing.T, pid int) {
	t.Helper()
	command := func(args ...string) *exec.Cmd {
		args = append(powerless(), args...)
		return exec.Command(args[0], args[1:]...)
	}
	look := func(pid int, name string) error { return command("cat", fmt.Sprintf("/proc/%d/%s", pid, name)).Run() }
	open := command("cat")
	in, err := open.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := open.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := open.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); _ = open.Wait() }()
	if _, err := io.WriteString(in, "!"); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 1)); err != nil { // with that it is cat
		t.Fatal(err)
	}
	for _, name := range []string{"environ", "maps", "auxv"} {
		if err := look(open.Process.Pid, name); err != nil {
			t.Errorf("this way nobody can look into any process: %s: %v", name, err)
		}
		if look(pid, name) == nil {
			t.Errorf("other processes can read %s of %d", name, pid)
		}
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err == nil && !strings.Contains(string(limits), "Max core file size        0                    0") {
		t.Errorf("%d may write a core file:\n%s", pid, limits)
	}
}

// duringImport looks at a command that has a key in hand: it waits for a daemon that does not answer.
func (w *secretWorld) duringImport() {
	w.t.Helper()
	socket := filepath.Join(w.dir, "mute.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		w.t.Fatal(err)
	}
	defer l.Close()
	w.enter = powerless()
	cmd := w.program("key", "import", "keys/one.aes", "--passphrase-file", "keys/pass", "--socket", socket)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	_ = l.(*net.UnixListener).SetDeadline(time.Now().Add(time.Minute))
	var c net.Conn
	for got := []byte{}; !bytes.Contains(got, []byte("private_key")); {
		b := make([]byte, 4096)
		n, err := 0, io.EOF
		if c != nil {
			n, err = c.Read(b)
		}
		if got = append(got, b[:n]...); err == nil {
			continue
		}
		if c, err = l.Accept(); err != nil { // the first connection asks whether somebody is there
			w.t.Fatal(err)
		}
		defer c.Close()
	}
	w.process(cmd.Process.Pid)
	closed(w.t, cmd.Process.Pid)
	c.Close()
	l.Close()
	if cmd.Wait() == nil {
		w.t.Error("the import worked without an answer")
	}
	w.scan.in("what the import without an answer prints", out.Bytes())
}
