package webhook

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
)

// A Listener is the door of a host that tells of pushes over SSH, one event a line. What
// it cannot hear, while the connection is down, is fetched after the next connect.
// The zero value of what is not exported is ready.
type Listener struct {
	// Open connects and gives each line, until the stream ends, ctx ends or line returns
	// an error, which Open then returns. It calls line with nil first, once the server
	// sends all that happens from then on.
	Open func(ctx context.Context, line func([]byte) error) error

	Host  hosts.Host
	Name  string // of the hosts entry
	Inbox Inbox
	Log   *zap.Logger // nil = none

	stats stats
}

const (
	// The waits before the next try have full jitter; the bound doubles from the first to the last.
	firstPause = time.Second
	lastPause  = 5 * time.Minute

	maxLine = 1 << 20 // bytes of an event

	connectedEvent = "stream-events connected"
)

// Run listens until ctx ends.
func (l *Listener) Run(ctx context.Context) {
	if l.Log == nil {
		l.Log = zap.NewNop()
	}
	for bound := firstPause; ; bound = min(2*bound, lastPause) {
		heard, err := l.listen(ctx)
		if ctx.Err() != nil {
			return
		}
		if heard {
			bound = firstPause
		}
		pause := rand.N(bound) + 1
		l.Log.Warn("the stream of events ended", zap.String("host", l.Name), zap.Duration("retry_in", pause), zap.Error(redact(err)))
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// Counts gives how many lines ended in one way, since the start. Safe at any time.
func (l *Listener) Counts() []Count { return l.stats.list() }

// listen opens the stream once; heard says whether a line came.
func (l *Listener) listen(ctx context.Context) (heard bool, err error) {
	err = guard(func() error {
		return l.Open(ctx, func(line []byte) error {
			if line == nil {
				return l.accept(ctx, model.Delivery{
					Host: l.Name, Push: model.Push{Event: connectedEvent, Everything: true}, ReceivedAt: time.Now().UTC(),
				})
			}
			heard = true
			return l.line(ctx, line)
		})
	})
	l.desk().logPanic(l.Name, err)
	return heard, err
}

func (l *Listener) desk() desk { return desk{l.Inbox, l.Log} }

// line takes one event. An error ends the stream, so that what could not be stored is
// fetched after the next connect. What says nothing here is not stored: a busy server
// tells of far more than pushes.
func (l *Listener) line(ctx context.Context, line []byte) error {
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return nil
	}
	if len(line) > maxLine {
		l.Log.Warn("an event is too long", zap.String("host", l.Name), zap.Int("bytes", len(line)))
		l.stats.count(l.Name, TooLarge, 0)
		return nil
	}
	d, _ := l.desk().parse(l.Name, l.Host, nil, bytes.Clone(line))
	if d.Status == model.DeliveryIgnored {
		l.stats.count(l.Name, Ignored, 0)
		return nil
	}
	return l.accept(ctx, d)
}

func (l *Listener) accept(ctx context.Context, d model.Delivery) error {
	stored, err := l.desk().store(ctx, d)
	switch {
	case err != nil:
		l.stats.count(l.Name, NotStored, 0)
		return err
	case stored.Status == model.DeliveryAccepted:
		l.stats.count(l.Name, Accepted, 0)
	case stored.Status == model.DeliveryRejected:
		l.stats.count(l.Name, Rejected, 0)
	default:
		l.stats.count(l.Name, Ignored, 0)
	}
	return nil
}

// redact leaves the value of a panic out: that may quote an event.
func redact(err error) error {
	var p *panicked
	if errors.As(err, &p) {
		return errors.New("panic")
	}
	return err
}
