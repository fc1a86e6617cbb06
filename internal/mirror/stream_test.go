package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
	"issuetrail/internal/testssh"
)

const streamCommand = "gerrit stream-events -s ref-updated"

// eventServer is a real sshd whose account runs a script, whatever the client asks for.
func eventServer(t *testing.T, script string) *testssh.Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "events")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return testssh.Start(t, testssh.Options{HostKeyTypes: []string{"ed25519", "rsa"}, Config: []string{"ForceCommand " + file}})
}

// TestStream has a script that prints events, is silent for long, prints again and ends.
func TestStream(t *testing.T) {
	more := filepath.Join(t.TempDir(), "more")
	s := eventServer(t, `printf '%s\r\n\n' "$SSH_ORIGINAL_COMMAND"
while ! [ -e `+more+` ]; do read -t 1 x 2>/dev/null || sleep 0.1; done
echo '{"type":"ref-updated"}'
printf 'cut off'
echo "server shutting down" >&2
`)
	o := options(s)
	o.Timeouts.Idle, o.Timeouts.KeepAlive = 2*time.Second, 100*time.Millisecond
	p := newPool(t, o)
	var got []string
	first := make(chan struct{})
	time.AfterFunc(2500*time.Millisecond, func() { // silent for longer than the idle limit
		<-first
		if err := os.WriteFile(more, nil, 0o600); err != nil {
			t.Error(err)
		}
	})
	err := p.Stream(t.Context(), address(t, s.URL("x")), streamCommand, func(line []byte) error {
		if line == nil && len(got) > 0 {
			t.Error("the start is told twice")
		}
		if got = append(got, fmt.Sprint(line != nil, " ", string(line))); len(got) == 2 {
			close(first)
		}
		return nil
	})
	wantCode(t, err, model.CodeProtocol, "server shutting down", "gerrit stream-events", "not be allowed")
	if want := []string{"false ", "true " + streamCommand, "true ", `true {"type":"ref-updated"}`}; !slices.Equal(got, want) {
		t.Errorf("lines %q, want %q", got, want)
	}
	if p.held() != 0 {
		t.Error("a stream's connection is on a shelf")
	}
}

func TestStreamEnds(t *testing.T) {
	s := eventServer(t, "while echo tick; do sleep 0.02; done\n")
	p := newPool(t, options(s))
	a := address(t, s.URL("x"))
	enough := errors.New("enough")
	n := 0
	err := p.Stream(t.Context(), a, streamCommand, func([]byte) error {
		if n++; n == 3 {
			return enough
		}
		return nil
	})
	if err != enough || n != 3 {
		t.Errorf("the function's own error: %v after %d", err, n)
	}
	gone := errors.New("the daemon stops")
	ctx, cancel := context.WithCancelCause(t.Context())
	if err := p.Stream(ctx, a, streamCommand, func([]byte) error { cancel(gone); return nil }); !errors.Is(err, gone) {
		t.Errorf("ended context: %v", err)
	}
	err = p.Stream(t.Context(), a, streamCommand, func(line []byte) error {
		if line != nil {
			s.Stop()
		}
		return nil
	})
	wantCode(t, err, model.CodeUnreachable, "broke off")

	s.Restart()
	done := make(chan error, 1)
	started := make(chan struct{}, 1000)
	go func() {
		done <- p.Stream(context.Background(), a, streamCommand, func([]byte) error { started <- struct{}{}; return nil })
	}()
	for range 2 {
		<-started
	}
	p.Close() // ends streams, and waits for them
	if err := <-done; err == nil {
		t.Error("a stream outlives its pool")
	}
	if err := p.Stream(t.Context(), a, streamCommand, nil); !errors.Is(err, errClosed) {
		t.Errorf("a closed pool: %v", err)
	}
}

func TestStreamLimits(t *testing.T) {
	s := eventServer(t, fmt.Sprintf("head -c %d /dev/zero | tr '\\0' x; echo; head -c %d /dev/zero | tr '\\0' y; echo\n", maxLine-2, maxLine+1))
	p := newPool(t, options(s))
	longest := 0
	err := p.Stream(t.Context(), address(t, s.URL("x")), streamCommand, func(line []byte) error {
		longest = max(longest, len(line))
		return nil
	})
	wantCode(t, err, model.CodeLimitExceeded, "longer than 1048576 bytes")
	if longest != maxLine-2 {
		t.Errorf("the longest line has %d bytes", longest)
	}
	for _, command := range []string{"", "-oProxyCommand=x", "a\nb", "a\x00b", "a\x1bb", strings.Repeat("a", 2000)} {
		if err := p.Stream(t.Context(), address(t, s.URL("x")), command, nil); err == nil || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%.20q: %v", command, err)
		}
	}
}

// TestStreamGuards: a stream is dialled as a session is.
func TestStreamGuards(t *testing.T) {
	s := eventServer(t, "echo no\n")
	a := address(t, s.URL("x"))
	_, other := testssh.NewKey(t)
	for name, c := range map[string]struct {
		spoil func(o *Options)
		code  string
	}{
		"an unknown host key": {func(o *Options) { o.HostKeys = &trust{} }, model.CodeHostKeyUnknown},
		"a changed host key":  {func(o *Options) { o.HostKeys = &trust{keys: []ssh.PublicKey{other.PublicKey()}} }, model.CodeHostKeyChanged},
		"a refused key":       {func(o *Options) { o.Keys = &keys{other} }, model.CodeAuthFailed},
		"no key":              {func(o *Options) { o.Keys = &keys{} }, model.CodeKeyMissing},
		"a forbidden address": {func(o *Options) { o.Allow = func() []netip.Prefix { return nil } }, model.CodeURLForbidden},
	} {
		o := options(s)
		c.spoil(&o)
		err := newPool(t, o).Stream(t.Context(), a, streamCommand, func([]byte) error { t.Errorf("%s: it began", name); return nil })
		wantCode(t, err, c.code)
	}
}

// TestStreamDeadServer: a server that hangs with its connection open is found out.
func TestStreamDeadServer(t *testing.T) {
	f := newFake(t, atDead)
	defer f.close()
	o := f.options()
	o.Timeouts.KeepAlive = 50 * time.Millisecond
	p := newPool(t, o)
	n := 0
	start := time.Now()
	err := p.Stream(t.Context(), f.address(t), streamCommand, func([]byte) error { n++; return nil })
	wantCode(t, err, model.CodeUnreachable, "broke off")
	if d := time.Since(start); n != 2 || d > 3*time.Second {
		t.Errorf("%d lines, %s", n, d)
	}
}

// TestStreamHost: the events of a Host, for those who have no sshd.
func TestStreamHost(t *testing.T) {
	h := testssh.StartHost(t, testssh.HostOptions{Commands: map[string]func(testssh.Conversation) int{
		streamCommand: func(c testssh.Conversation) int {
			io.WriteString(c.Out, "one\ntwo\n")
			return 0
		},
	}})
	var got []string
	err := newPool(t, hostOptions(h)).Stream(t.Context(), address(t, h.URL("x")), streamCommand, func(line []byte) error {
		got = append(got, string(line))
		return nil
	})
	wantCode(t, err, model.CodeProtocol, "ended without a word")
	if !slices.Equal(got, []string{"", "one", "two"}) {
		t.Errorf("lines %q", got)
	}
}
