package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// A loader is a running load process.
type loader struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out bytes.Buffer
}

// startLoad starts this program again as a load process.
func startLoad(ctx context.Context, p loadPlan) (*loader, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	l := &loader{cmd: command(ctx, self, "load")}
	if l.in, err = l.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	l.cmd.Stdout, l.cmd.Stderr = &l.out, os.Stderr
	if err := l.cmd.Start(); err != nil {
		return nil, err
	}
	if err := json.NewEncoder(l.in).Encode(p); err != nil {
		l.kill()
		return nil, err
	}
	return l, nil
}

// stop ends the load and gives what came of it.
func (l *loader) stop() (*loadResult, error) {
	l.in.Close()
	return l.wait()
}

// kill ends the load process if it still runs; after stop or wait it does nothing.
func (l *loader) kill() {
	if l.cmd.ProcessState == nil {
		_ = syscall.Kill(-l.cmd.Process.Pid, syscall.SIGKILL)
		_ = l.cmd.Wait()
	}
}

// wait gives what came of the load once its plan has ended.
func (l *loader) wait() (*loadResult, error) {
	if err := l.cmd.Wait(); err != nil {
		return nil, fmt.Errorf("load process: %w", err)
	}
	var r loadResult
	return &r, json.Unmarshal(l.out.Bytes(), &r)
}
