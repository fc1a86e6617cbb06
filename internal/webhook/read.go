package webhook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	maxBody = 26 << 20 // bytes of a delivery; GitHub sends 25 MB at most

	// What is held of bodies at one time, 64 MiB in all. The first bytes of each
	// body have room of their own: who fills the large one with long bodies and
	// no secret does not keep ordinary deliveries out.
	smallBody = 64 << 10
	smallRoom = 16 << 20
	largeRoom = 48 << 20

	firstRead = 2 << 10 // bytes set aside before anything came
)

var (
	errTooLarge = errors.New("the body is too large")
	errNoRoom   = errors.New("too much is being received")
)

// A room bounds the memory that all bodies together take.
type room struct {
	small, large *semaphore.Weighted
	wait         time.Duration // for room, before a delivery is turned away
}

func newRoom(wait time.Duration) *room {
	return &room{semaphore.NewWeighted(smallRoom), semaphore.NewWeighted(largeRoom), wait}
}

// A body is what was received, and the room it takes until release.
type body struct {
	room         *room
	bytes        []byte
	small, large int64
}

func (b *body) release() {
	b.room.small.Release(b.small)
	b.room.large.Release(b.large)
	b.small, b.large = 0, 0
}

// acceptable looks at the headers alone; nothing of the body is read yet.
func acceptable(r *http.Request) (answer, bool) {
	if r.ContentLength > maxBody {
		return tooLarge(), false
	}
	for _, e := range r.Header.Values("Content-Encoding") {
		if e = strings.TrimSpace(e); e != "" && !strings.EqualFold(e, "identity") {
			return problem(WrongEncoding, http.StatusUnsupportedMediaType, "encoding_unsupported",
				"send the body without Content-Encoding"), false
		}
	}
	return answer{}, true
}

// read takes in the whole body, and ends with the request's context too. The
// room is taken as bytes arrive: a length that is only announced holds none.
func (m *room) read(w http.ResponseWriter, r *http.Request) (*body, error) {
	b := &body{room: m}
	ctx := r.Context()
	stop := context.AfterFunc(ctx, func() {
		// Ends a read that waits for a slow sender.
		_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
	})
	defer stop()
	for {
		if err := ctx.Err(); err != nil {
			return b, err
		}
		if len(b.bytes) == cap(b.bytes) {
			if int64(len(b.bytes)) == r.ContentLength {
				return b, nil
			}
			if err := b.grow(ctx, r.ContentLength); err != nil {
				return b, err
			}
		}
		n, err := r.Body.Read(b.bytes[len(b.bytes):cap(b.bytes)])
		b.bytes = b.bytes[:len(b.bytes)+n]
		switch {
		case len(b.bytes) > maxBody:
			return b, errTooLarge
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil && ctx.Err() != nil:
			return b, ctx.Err()
		case err != nil:
			return b, fmt.Errorf("read body: %w", err)
		}
	}
}

// grow doubles the buffer, up to the announced length, or one byte past the limit.
func (b *body) grow(ctx context.Context, length int64) error {
	size := max(int64(2*len(b.bytes)), firstRead)
	if size = min(size, maxBody+1); length >= 0 {
		size = min(size, length)
	}
	ctx, cancel := context.WithTimeout(ctx, b.room.wait)
	defer cancel()
	if err := take(ctx, b.room.small, &b.small, min(size, smallBody)); err != nil {
		return err
	}
	if err := take(ctx, b.room.large, &b.large, size-b.small); err != nil {
		return err
	}
	grown := make([]byte, len(b.bytes), size)
	copy(grown, b.bytes)
	b.bytes = grown
	return nil
}

// take raises what is held to want. It asks for nothing where nothing is missing:
// even that would queue behind those who wait.
func take(ctx context.Context, from *semaphore.Weighted, held *int64, want int64) error {
	if want <= *held {
		return nil
	}
	if from.Acquire(ctx, want-*held) != nil {
		return errNoRoom
	}
	*held = want
	return nil
}

func tooLarge() answer {
	return problem(TooLarge, http.StatusRequestEntityTooLarge, "body_too_large", "the body is longer than 26 MiB")
}

// unread says why a body was not received.
func unread(err error) answer {
	var limit *http.MaxBytesError // of a limit around us
	switch {
	case errors.Is(err, errTooLarge), errors.As(err, &limit):
		return tooLarge()
	case errors.Is(err, errNoRoom):
		return unavailable(Busy, "busy", "too much is being received at this moment")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return unavailable(Aborted, "timeout", "the request was ended before its body was received")
	}
	return problem(Aborted, http.StatusBadRequest, "body_incomplete", "the body was not received whole")
}
