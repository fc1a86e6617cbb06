package main

import (
	"context"
	_ "embed"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"
	"time"
)

//go:embed config.tmpl
var configText string

// hookSecret signs the deliveries of the bench.
const hookSecret = "a secret of the bench, 32 bytes or more"

// A daemon is one issuetrail process with a data folder of its own.
type daemon struct {
	*client
	dir string
	bin string
	cmd *exec.Cmd
	ctx context.Context
}

// benchProject is the Jira project of the commits that the bench pushes.
const benchProject = "BENCH"

// newDaemon writes a config and starts issuetrail on an empty data folder.
func (b *bench) newDaemon(ctx context.Context, name string, projects []string) (*daemon, error) {
	d := &daemon{dir: filepath.Join(b.tmp, name), bin: b.bin, ctx: ctx}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(d.dir, "secret"), []byte(hookSecret+"\n"), 0o600); err != nil {
		return nil, err
	}
	var conf strings.Builder
	values := map[string]any{"Dir": d.dir, "Port": port, "SSHD": b.sshd.dir, "Projects": append([]string{benchProject}, projects...)}
	if err := template.Must(template.New("").Parse(configText)).Execute(&conf, values); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(d.dir, "config.yaml"), []byte(conf.String()), 0o600); err != nil {
		return nil, err
	}
	d.client = newClient(fmt.Sprintf("http://127.0.0.1:%d", port))
	if err := d.start(); err != nil {
		return nil, err
	}
	token, err := os.ReadFile(filepath.Join(d.dir, "data/admin-token"))
	if err != nil {
		d.kill()
		return nil, err
	}
	d.token = strings.TrimSpace(string(token))
	return d, nil
}

// start runs the daemon and waits until it is ready.
func (d *daemon) start() error {
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	d.cmd = command(d.ctx, d.bin, "serve", "--config", filepath.Join(d.dir, "config.yaml"))
	d.cmd.Env, d.cmd.Stdout, d.cmd.Stderr = cleanEnv(), log, log
	if err := d.cmd.Start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(d.ctx, 30*time.Second)
	defer cancel()
	if err := poll(ctx, 2*time.Millisecond, d.ready); err != nil {
		d.kill()
		return fmt.Errorf("issuetrail is not ready: %w: %s", err, d.lastLog())
	}
	return nil
}

func (d *daemon) ready() (bool, error) {
	resp, err := d.http.Get(d.base + "/readyz")
	if err != nil {
		return false, nil // not listening yet
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK, nil
}

// lastLog is the end of what the daemon logged, for errors.
func (d *daemon) lastLog() string {
	b, _ := os.ReadFile(filepath.Join(d.dir, "log"))
	return string(b[max(0, len(b)-2000):])
}

// kill ends the process as a power cut would, without a word.
func (d *daemon) kill() {
	_ = syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
	_ = d.cmd.Wait()
	d.http.CloseIdleConnections()
}

// stop ends the process as systemd would, and removes its data.
func (d *daemon) stop() {
	_ = syscall.Kill(-d.cmd.Process.Pid, syscall.SIGTERM)
	done := make(chan struct{})
	go func() { _ = d.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		d.kill()
	}
	_ = os.RemoveAll(filepath.Join(d.dir, "data"))
}

// peak is the highest resident memory of the process so far, in MB.
func (d *daemon) peak() (float64, error) {
	n, err := status(d.cmd.Process.Pid, "VmHWM")
	return float64(n) / 1e6, err
}

// resident is the resident memory of the process, in MB.
func (d *daemon) resident() (float64, error) {
	n, err := status(d.cmd.Process.Pid, "VmRSS")
	return float64(n) / 1e6, err
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
