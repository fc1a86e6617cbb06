package webhook

import (
	"errors"
	"strings"

	"go.uber.org/zap"

	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
)

// maxReason bounds the stored reason, in bytes.
const maxReason = 500

// judge writes into the delivery what Parse said of it. Nil leaves the status
// open: the inbox knows whether a repository waits for this push.
func judge(d *model.Delivery, err error) {
	var p *panicked
	switch {
	case err == nil:
		return
	case errors.Is(err, hosts.ErrIgnored):
		d.Status, d.Reason = model.DeliveryIgnored, err.Error()
	case errors.As(err, &p):
		d.Push = model.Push{} // half made
		d.Status, d.Reason = model.DeliveryRejected, "issuetrail failed on reading this delivery; its log says more"
	default:
		d.Status, d.Reason = model.DeliveryRejected, err.Error()
	}
	if len(d.Reason) > maxReason {
		d.Reason = d.Reason[:maxReason]
	}
	d.Reason = strings.ToValidUTF8(d.Reason, "") // a rune cut in two
}

// logPanic logs err if it is a caught panic, the stack with it, but not the
// value: that may quote the delivery.
func (k desk) logPanic(host string, err error) {
	var p *panicked
	if errors.As(err, &p) {
		k.log.Error("panic on a delivery", zap.String("host", host), zap.ByteString("stack", p.stack))
	}
}

// storeCode is the code a host sees when the inbox failed.
func storeCode(err error) string {
	if f := model.AsFailure(err); f.Code == model.CodeDiskFull {
		return f.Code
	}
	return "not_stored"
}
