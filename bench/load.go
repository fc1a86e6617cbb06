package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// A loadPlan is what the load process reads on standard input.
type loadPlan struct {
	Base    string
	Hooks   []hook        // sent in turn
	Prefix  string        // of the delivery ids
	Clients int           // connections
	Rate    float64       // deliveries a second, sent on time whatever the answers do; 0 = as fast as they come
	Total   int           // ends after so many; 0 = never
	For     time.Duration // ends after this
}

// A loadResult is what it writes on standard output.
type loadResult struct {
	Sent     int            // answered or not
	Statuses map[string]int // by HTTP status; "failed" without one
	Accepted []string       // our ids of the deliveries answered 202
	Took     time.Duration
	Latency  samples // ms, of answered ones; with a rate, from the moment it was due
	LastErr  string
}

// loadMain is the load process: it has no more to do than a git host's, so that the daemon
// and it share the machine as they would in a trial by hand.
func loadMain(ctx context.Context, in io.Reader, out io.Writer) error {
	var p loadPlan
	if err := json.NewDecoder(in).Decode(&p); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	go func() { // the parent closes the pipe when it wants the result
		_, _ = io.Copy(io.Discard, in)
		cancel()
	}()
	return json.NewEncoder(out).Encode(p.run(ctx))
}

// run sends until the plan ends or ctx does.
func (p loadPlan) run(ctx context.Context) *loadResult {
	ctx, cancel := context.WithTimeout(ctx, p.For)
	defer cancel()
	backlog := 0
	if p.Rate > 0 {
		backlog = 1 << 16 // what is due waits here and its latency grows; it is not forgotten
	}
	due := make(chan time.Time, backlog)
	start := time.Now()
	go p.schedule(ctx, start, due)
	r := &loadResult{Statuses: map[string]int{}}
	var mu sync.Mutex
	var all sync.WaitGroup
	c := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: p.Clients, DisableCompression: true}}
	number := 0
	for range p.Clients {
		all.Go(func() {
			for at := range due {
				mu.Lock()
				n := number
				number++
				mu.Unlock()
				if p.Rate == 0 {
					at = time.Now()
				}
				a, err := p.Hooks[n%len(p.Hooks)].send(context.Background(), c, p.Base, fmt.Sprintf("%s-%d", p.Prefix, n))
				took := time.Since(at)
				mu.Lock()
				r.note(a, err, took)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	r.Took = time.Since(start)
	return r
}

// schedule says when each delivery is due, and closes the channel at the end of the plan.
func (p loadPlan) schedule(ctx context.Context, start time.Time, due chan<- time.Time) {
	defer close(due)
	for n := 0; p.Total == 0 || n < p.Total; n++ {
		var at time.Time
		if p.Rate > 0 {
			at = start.Add(time.Duration(float64(n) / p.Rate * float64(time.Second)))
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Until(at)):
			}
		}
		select {
		case <-ctx.Done():
			return
		case due <- at:
		}
	}
}

func (r *loadResult) note(a answer, err error, took time.Duration) {
	r.Sent++
	if err != nil {
		r.Statuses["failed"]++
		r.LastErr = err.Error()
		return
	}
	r.Statuses[fmt.Sprint(a.Code)]++
	r.Latency.add(took)
	if a.Code == http.StatusAccepted {
		r.Accepted = append(r.Accepted, a.Delivery)
	}
}
