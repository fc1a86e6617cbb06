package webhook

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"issuetrail/internal/model"
)

// chunked hides the length of a body, as chunked transfer does.
func chunked(r *http.Request, body io.Reader) *http.Request {
	r.Body, r.ContentLength = io.NopCloser(body), -1
	return r
}

// endless is a body that never ends; it counts what was taken from it.
type endless struct{ read int64 }

func (e *endless) Read(b []byte) (int, error) {
	e.read += int64(len(b))
	return len(b), nil
}

func TestLargestBody(t *testing.T) {
	host := &spy{}
	d := openDoor(t, Options{}, host)
	for _, c := range []struct {
		size, status int
	}{{maxBody, 202}, {maxBody + 1, 413}} {
		body := bytes.Repeat([]byte{'x'}, c.size)
		for _, r := range []*http.Request{
			signed("/webhooks/fake", "push", string(body)),
			chunked(signed("/webhooks/fake", "push", ""), bytes.NewReader(body)),
		} {
			host.body = nil
			if w := d.do(r); w.Code != c.status || c.status == 202 && len(host.body) != c.size || c.status == 413 && host.body != nil {
				t.Errorf("%d bytes, length %d: %d, host saw %d", c.size, r.ContentLength, w.Code, len(host.body))
			}
		}
	}
	source := &endless{}
	if w := d.do(chunked(signed("/webhooks/fake", "push", ""), source)); w.Code != 413 || source.read != maxBody+1 {
		t.Errorf("endless: %d after %d bytes", w.Code, source.read)
	}
	roomIsFree(t, d)
}

// roomIsFree holds when no request runs.
func roomIsFree(t *testing.T, d *door) {
	t.Helper()
	r := d.handler.room
	if !r.small.TryAcquire(smallRoom) || !r.large.TryAcquire(largeRoom) {
		t.Fatal("room was not given back")
	}
	r.small.Release(smallRoom)
	r.large.Release(largeRoom)
}

// TestSizes reads bodies around each step of growth, in pieces and whole.
func TestSizes(t *testing.T) {
	host := &spy{}
	d := openDoor(t, Options{}, host)
	for _, base := range []int{0, firstRead, 2 * firstRead, smallBody, 2 * smallBody} {
		for _, n := range []int{base - 1, base, base + 1} {
			if n < 0 {
				continue
			}
			body := strings.Repeat("b", n)
			for _, r := range []*http.Request{
				signed("/webhooks/fake", "push", body),
				chunked(signed("/webhooks/fake", "push", ""), strings.NewReader(body)),
				chunked(signed("/webhooks/fake", "push", ""), iotest.OneByteReader(strings.NewReader(body))),
			} {
				if w := d.do(r); w.Code != 202 || string(host.body) != body {
					t.Errorf("%d bytes, length %d: %d, host saw %d", n, r.ContentLength, w.Code, len(host.body))
				}
			}
		}
	}
	roomIsFree(t, d)
}

// TestRoom fills the large room with bodies that stand still. Ordinary
// deliveries go on, a further large one waits and is turned away, and then all of it ends.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := openDoor(t, Options{}, &spy{})
		ctx, cancel := context.WithCancel(t.Context())
		var all sync.WaitGroup
		var stalled []*io.PipeWriter
		for range 3 {
			in, out := io.Pipe()
			stalled = append(stalled, out)
			r := chunked(signed("/webhooks/fake", "push", ""), in).WithContext(ctx)
			all.Go(func() { d.do(r) })
			all.Go(func() {
				_, _ = out.Write(make([]byte, 9<<20)) // takes 16 MiB of room
			})
		}
		synctest.Wait()
		start := time.Now()
		w := d.do(signed("/webhooks/fake", "push", strings.Repeat("x", 4<<20)))
		if w.Code != 503 || w.Header().Get("Retry-After") != "5" || time.Since(start) != 2*time.Second {
			t.Errorf("%d after %s", w.Code, time.Since(start))
		}
		if n, _ := d.counted(Busy); n != 1 {
			t.Errorf("counted %+v", d.handler.Stats().Counts)
		}
		start = time.Now()
		if w := d.do(signed("/webhooks/fake", "push", strings.Repeat("x", smallBody))); w.Code != 202 || time.Since(start) != 0 {
			t.Errorf("an ordinary delivery: %d after %s", w.Code, time.Since(start))
		}
		// One of them goes away in time, and a waiting one gets in.
		time.AfterFunc(time.Second, func() { stalled[0].CloseWithError(io.ErrUnexpectedEOF) })
		if w := d.do(signed("/webhooks/fake", "push", strings.Repeat("x", 4<<20))); w.Code != 202 || time.Since(start) != time.Second {
			t.Errorf("a waiting delivery: %d after %s", w.Code, time.Since(start))
		}
		cancel()
		for _, s := range stalled {
			s.CloseWithError(io.ErrUnexpectedEOF)
		}
		all.Wait()
		roomIsFree(t, d)
	})
}

func TestBrokenBody(t *testing.T) {
	d := openDoor(t, Options{}, &spy{})
	in, out := io.Pipe()
	out.CloseWithError(io.ErrUnexpectedEOF)
	if w := d.do(chunked(signed("/webhooks/fake", "push", ""), in)); w.Code != 400 || fields(t, w.Body)["code"] != "body_incomplete" {
		t.Errorf("%d", w.Code)
	}
	if n, _ := d.counted(Aborted); n != 1 || len(d.inbox.deliveries()) != 0 {
		t.Errorf("counted %d, stored %v", n, d.inbox.deliveries())
	}
	roomIsFree(t, d)
}

// TestContextEndsReading: over a real connection, whose sender stops in mid body.
func TestContextEndsReading(t *testing.T) {
	d := openDoor(t, Options{}, &spy{})
	started := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(started)
		d.http.ServeHTTP(w, r.WithContext(ctx))
	}))
	defer s.Close()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /webhooks/fake HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nonly this")
	<-started
	cancel()
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("%s", res.Status)
	}
}

// TestRealServer sends a whole delivery through a real server and client.
func TestRealServer(t *testing.T) {
	d := openDoor(t, Options{}, nil)
	s := httptest.NewServer(d.http)
	defer s.Close()
	r := signed(s.URL+"/webhooks/plain", "push", "repo acme/app\n")
	r.RequestURI = ""
	res, err := s.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if f := fields(t, res.Body); res.StatusCode != 202 || f["status"] != string(model.DeliveryAccepted) {
		t.Errorf("%s %v", res.Status, f)
	}
}
