package webhook

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"issuetrail/internal/model"
)

// BenchmarkReceive is one delivery of 10 kB without network and storage; run
// it with -cpu 1. 3,000 a second, or 333 µs each, are wanted.
func BenchmarkReceive(b *testing.B) {
	body := pushBody[:len(pushBody)-1] + `,"commits":[` + strings.Repeat(`{"id":"6f1ed002ab5595859014ebf0951522d9aa3f6c11","message":"APP-7: log in\n\nwith a passkey"},`, 105) + `{}]}`
	d := openDoor(b, Options{}, nil)
	d.handler.inbox = discard{}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if w := d.do(signed("/webhooks/hub", "push", body)); w.Code != http.StatusAccepted {
			b.Fatal(w.Body)
		}
	}
}

// discard is an Inbox that does nothing.
type discard struct{}

func (discard) Accept(_ context.Context, d model.Delivery) (model.Delivery, error) {
	d.ID, d.Status = "1", model.DeliveryAccepted
	return d, nil
}
