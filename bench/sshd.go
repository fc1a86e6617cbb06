package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"issuetrail/internal/testssh"
)

// An sshServer is the real sshd of the tests, for both sides: it lets one key in, speaks
// protocol v2, and its account runs no shell start-up files.
type sshServer struct {
	*testssh.Server
	dir string // of the files key and known_hosts
	tb  *programTB
}

// startSSHD starts sshd. Keys lie in dir.
func startSSHD(dir string) (s *sshServer, err error) {
	tb := &programTB{dir: dir}
	defer func() {
		if f, ok := recover().(fatal); ok {
			tb.cleanup()
			s, err = nil, fmt.Errorf("start sshd: %s", string(f))
		}
	}()
	s = &sshServer{Server: testssh.Start(tb, testssh.Options{}), dir: dir, tb: tb}
	if err := os.WriteFile(filepath.Join(dir, "key"), s.ClientKeyPEM, 0o600); err != nil {
		return nil, err
	}
	return s, os.WriteFile(filepath.Join(dir, "known_hosts"), []byte(s.KnownHosts()), 0o600)
}

// sshCommand is what git runs: the same key and host key as issuetrail's, no ssh config.
func (s *sshServer) sshCommand() string {
	return fmt.Sprintf("ssh -F /dev/null -i %[1]s/key -o IdentitiesOnly=yes -o UserKnownHostsFile=%[1]s/known_hosts"+
		" -o StrictHostKeyChecking=yes -o BatchMode=yes", s.dir)
}

// hold opens one connection that stays, as a careful script would, and gives the ssh command
// that uses it.
func (s *sshServer) hold(ctx context.Context) (sshCommand string, end func(), err error) {
	path := filepath.Join(s.dir, "held")
	args := append(strings.Fields(s.sshCommand())[1:], "-M", "-N", "-S", path, "-p", fmt.Sprint(s.Port), s.User()+"@"+s.Host())
	c := command(ctx, "ssh", args...)
	if err := c.Start(); err != nil {
		return "", nil, err
	}
	end = func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGTERM)
		_ = c.Wait()
	}
	wait, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	err = poll(wait, 10*time.Millisecond, func() (bool, error) {
		_, err := os.Stat(path)
		return err == nil, nil
	})
	if err != nil {
		end()
		return "", nil, fmt.Errorf("hold an SSH connection: %w", err)
	}
	return s.sshCommand() + " -S " + path, end, nil
}

// programTB is as much of a testing.TB as testssh asks for.
type programTB struct {
	testing.TB
	dir  string
	undo []func()
}

// fatal is the panic of a programTB that cannot go on.
type fatal string

func (*programTB) Helper()                      {}
func (t *programTB) TempDir() string            { return t.dir }
func (t *programTB) Cleanup(f func())           { t.undo = append(t.undo, f) }
func (*programTB) Fatal(args ...any)            { panic(fatal(fmt.Sprint(args...))) }
func (*programTB) Fatalf(f string, args ...any) { panic(fatal(fmt.Sprintf(f, args...))) }

func (t *programTB) cleanup() {
	for _, f := range t.undo {
		f()
	}
}
