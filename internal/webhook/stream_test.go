package webhook

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
)

const gerritPush = `{"type":"ref-updated","refUpdate":{"refName":"refs/heads/main","project":"acme/app"}}`

// A theater gives a Listener one act after the other, each a connection; after the last
// one the listener is stopped.
type theater struct {
	*Listener
	inbox  *memory
	logs   *observer.ObservedLogs
	opened []time.Time
}

func newTheater(t *testing.T, acts ...func(line func([]byte) error) error) *theater {
	t.Helper()
	host, ok := hosts.ByKind("gerrit")
	if !ok {
		t.Fatal("no such kind")
	}
	core, logs := observer.New(zap.DebugLevel)
	th := &theater{inbox: &memory{}, logs: logs}
	th.Listener = &Listener{Host: host, Name: "review", Inbox: th.inbox, Log: zap.New(core)}
	ctx, cancel := context.WithCancel(t.Context())
	th.Open = func(got context.Context, line func([]byte) error) error {
		th.opened = append(th.opened, time.Now())
		if len(th.opened) > len(acts) {
			cancel()
			<-got.Done()
			return got.Err()
		}
		return acts[len(th.opened)-1](line)
	}
	synctest.Test(t, func(*testing.T) { th.Run(ctx) })
	return th
}

var errDropped = errors.New("dropped")

// plays is an act: connected, these lines, the end.
func plays(lines ...string) func(func([]byte) error) error {
	return func(line func([]byte) error) error {
		if err := line(nil); err != nil {
			return err
		}
		buffer := make([]byte, 0, 4<<20)
		for _, l := range lines {
			buffer = append(buffer[:0], l...)
			if err := line(buffer); err != nil {
				return err
			}
		}
		clear(buffer) // what line was given is no longer there
		return errDropped
	}
}

func refused(func([]byte) error) error { return errDropped }

func TestListener(t *testing.T) {
	th := newTheater(t, plays(
		"", gerritPush+"\r", `{"type":"comment-added"}`, `{"type":"ref-updated","refUpdate":{"refName":"refs/changes/1/1/meta","project":"acme/app"}}`,
		`{"type":"change-merged","change":{"project":"acme/app","number":12,"subject":"APP-7"}}`,
		`{"type":`, strings.Repeat("x", maxLine+1), gerritPush,
	), plays())
	var got []string
	for _, d := range th.inbox.deliveries() {
		if d.Host != "review" || d.ReceivedAt.IsZero() {
			t.Errorf("%+v", d)
		}
		got = append(got, fmt.Sprintf("%s %s %v %d %q", d.Push.Event, d.Status, d.Push.Everything, d.BodySize, d.Body))
	}
	want := []string{
		`stream-events connected accepted true 0 ""`,
		fmt.Sprintf("ref-updated accepted false %d %q", len(gerritPush), gerritPush),
		`change-merged accepted false 86 "{\"type\":\"change-merged\",\"change\":{\"project\":\"acme/app\",\"number\":12,\"subject\":\"APP-7\"}}"`,
		` rejected false 8 "{\"type\":"`,
		fmt.Sprintf("ref-updated accepted false %d %q", len(gerritPush), gerritPush),
		`stream-events connected accepted true 0 ""`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("stored\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if p := th.inbox.deliveries()[2].Push.PullRequest; p == nil || p.Number != 12 {
		t.Errorf("pull request %+v", p)
	}
	counts := map[Outcome]uint64{}
	for _, c := range th.Counts() {
		counts[c.Outcome] = c.N
	}
	if want := map[Outcome]uint64{Accepted: 5, Ignored: 2, Rejected: 1, TooLarge: 1}; fmt.Sprint(counts) != fmt.Sprint(want) {
		t.Errorf("counted %v, want %v", counts, want)
	}
}

// pauses gives the waits between the connections.
func (th *theater) pauses() (out []time.Duration) {
	for i := 1; i < len(th.opened); i++ {
		out = append(out, th.opened[i].Sub(th.opened[i-1]))
	}
	return out
}

// TestPauses: the bound doubles up to five minutes, and a line begins anew.
func TestPauses(t *testing.T) {
	longest := make([]time.Duration, 14)
	for range 60 {
		acts := make([]func(func([]byte) error) error, 14)
		for i := range acts {
			acts[i] = refused
		}
		acts[11] = plays() // a connection alone is no reason to be quick
		acts[12] = plays(gerritPush)
		for i, p := range newTheater(t, acts...).pauses() {
			longest[i] = max(longest[i], p)
		}
	}
	bound := firstPause
	for i, p := range longest {
		if i == 12 {
			bound = firstPause
		}
		if p > bound+time.Nanosecond || p < bound/2 {
			t.Errorf("pause %d was %s at most, the bound is %s", i, p, bound)
		}
		bound = min(2*bound, lastPause)
	}
}

// TestListenerAndInbox: what cannot be stored ends the stream, so that it is fetched later.
func TestListenerAndInbox(t *testing.T) {
	ended := []error{}
	watch := func(act func(func([]byte) error) error, line func([]byte) error) error {
		err := act(line)
		ended = append(ended, err)
		return err
	}
	var th *theater
	fail := errors.New("the database is away")
	host, _ := hosts.ByKind("gerrit")
	inbox := &memory{}
	core, _ := observer.New(zap.DebugLevel)
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	th = &theater{inbox: inbox, Listener: &Listener{Host: host, Name: "review", Inbox: inbox, Log: zap.New(core)}}
	th.Open = func(_ context.Context, line func([]byte) error) error {
		switch calls++; calls {
		case 1: // at the connect
			inbox.fail = fail
			return watch(plays(gerritPush), line)
		case 2: // at a line
			inbox.fail = nil
			inbox.before = func(context.Context) { inbox.fail, inbox.before = nil, func(context.Context) { inbox.fail = fail } }
			return watch(plays(gerritPush, gerritPush), line)
		case 3: // at a line, by a panic
			inbox.fail, inbox.before = nil, nil
			return watch(func(line func([]byte) error) error {
				if err := line(nil); err != nil {
					return err
				}
				inbox.before = func(context.Context) { panic("inbox") }
				return line([]byte(gerritPush))
			}, line)
		}
		cancel()
		return context.Canceled
	}
	synctest.Test(t, func(*testing.T) { th.Run(ctx) })
	if len(ended) != 3 || !errors.Is(ended[0], fail) || !errors.Is(ended[1], fail) || ended[2] == nil {
		t.Errorf("the streams ended with %v", ended)
	}
	if n := len(inbox.deliveries()); n != 2 {
		t.Errorf("%d stored, want the two connects", n)
	}
}

// TestListenerPanics: neither a host's nor the connection's panic ends the listener, and
// no log holds what they quote.
func TestListenerPanics(t *testing.T) {
	th := newTheater(t, func(func([]byte) error) error { panic("open " + secretText) }, plays(gerritPush))
	if n := len(th.inbox.deliveries()); n != 2 {
		t.Errorf("%d stored after the panic", n)
	}
	inbox := &memory{}
	core, logs := observer.New(zap.DebugLevel)
	host := &spy{parse: func([]byte) (model.Push, error) { panic("parse " + secretText) }}
	l := &Listener{Host: host, Name: "review", Inbox: inbox, Log: zap.New(core)}
	ctx, cancel := context.WithCancel(t.Context())
	l.Open = func(_ context.Context, line func([]byte) error) error {
		defer cancel()
		return plays(gerritPush, gerritPush)(line)
	}
	l.Run(ctx)
	if got := inbox.deliveries(); len(got) != 3 || got[1].Status != model.DeliveryRejected || host.parsed != 2 {
		t.Errorf("%+v", got)
	}
	for _, e := range append(th.logs.All(), logs.All()...) {
		if strings.Contains(fmt.Sprint(e.Message, e.ContextMap()), secretText) {
			t.Errorf("the log holds the secret: %v", e)
		}
	}
	if th.logs.FilterMessage("panic on a delivery").Len() != 1 || logs.FilterMessage("panic on a delivery").Len() != 2 {
		t.Errorf("logs %v %v", th.logs.All(), logs.All())
	}
}

// TestListenerStops: the end of the context ends a wait, too.
func TestListenerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		l := &Listener{Name: "review", Inbox: &memory{}}
		l.Open = func(context.Context, func([]byte) error) error { return errDropped }
		done := make(chan bool)
		go func() { l.Run(ctx); close(done) }()
		synctest.Wait()
		cancel()
		<-done
	})
}
