package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"time"

	"go.uber.org/zap"

	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
)

// acceptTimeout bounds the storing of one delivery. It does not end with the
// request: what a host sent whole is kept, though the host hung up meanwhile.
const acceptTimeout = 15 * time.Second

// A desk is where deliveries end up that proved themselves, by whatever door they came.
type desk struct {
	inbox Inbox
	log   *zap.Logger
}

// parse makes a delivery of what was received. Its Status is empty if the inbox is to
// decide on it. Keep is false for what proved nothing: whoever sends that fills no database.
func (k desk) parse(name string, host hosts.Host, h http.Header, body []byte) (d model.Delivery, keep bool) {
	d = model.Delivery{Host: name, BodySize: int64(len(body)), ReceivedAt: time.Now().UTC()}
	if len(body) <= model.MaxKeptBody {
		d.Body = body
	}
	err := guard(func() (err error) {
		d.Push, err = host.Parse(h, body)
		return err
	})
	judge(&d, err)
	k.logPanic(name, err)
	return d, !errors.Is(err, hosts.ErrUnsigned)
}

// store hands a delivery to the inbox, and logs if that fails.
func (k desk) store(ctx context.Context, d model.Delivery) (model.Delivery, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), acceptTimeout)
	defer cancel()
	var stored model.Delivery
	err := guard(func() (err error) {
		stored, err = k.inbox.Accept(ctx, d)
		return err
	})
	if err != nil {
		k.log.Error("delivery not stored", zap.String("host", d.Host), zap.String("event", d.Push.Event), zap.Error(err))
	}
	return stored, err
}

// A panicked is a panic that was caught, as an error. It wraps nothing, so that
// it counts as "not understood".
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// guard runs f and turns a panic into an error.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicked{v, debug.Stack()}
		}
	}()
	return f()
}
