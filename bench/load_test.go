package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestLoad runs the load against a door that refuses every tenth delivery.
func TestLoad(t *testing.T) {
	var n atomic.Int64
	ids := make(chan string, 100)
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ids <- r.Header.Get("X-GitHub-Delivery")
		code := http.StatusAccepted
		if n.Add(1)%10 == 0 {
			code = http.StatusServiceUnavailable
		}
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(map[string]any{"delivery": r.Header.Get("X-GitHub-Delivery"), "status": "accepted"})
	}))
	defer door.Close()
	s := &served{url: "ssh://git@127.0.0.1/r.git", name: "r"}
	for _, rate := range []float64{0, 5000} {
		p := loadPlan{Base: door.URL, Hooks: []hook{newHook(s, pushed{})}, Prefix: "t", Clients: 4, Total: 50, Rate: rate, For: time.Minute}
		r := p.run(t.Context())
		if r.Sent != 50 || r.Statuses["202"] != 45 || r.Statuses["503"] != 5 || len(r.Accepted) != 45 || len(r.Latency) != 50 {
			t.Errorf("rate %g: %+v", rate, r)
		}
	}
	seen := map[string]int{}
	close(ids)
	for id := range ids {
		seen[id]++
	}
	if len(seen) != 50 || seen["t-0"] != 2 {
		t.Errorf("delivery ids are not unique within a load: %v", seen)
	}
}

// TestLoadProcess holds the two ends of the pipe together: closing it ends the load.
func TestLoadProcess(t *testing.T) {
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte("{}"))
	}))
	defer door.Close()
	plan, err := json.Marshal(loadPlan{Base: door.URL, Hooks: []hook{{}}, Clients: 2, For: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := loadMain(t.Context(), strings.NewReader(string(plan)), &out); err != nil {
		t.Fatal(err)
	}
	var r loadResult
	if err := json.Unmarshal([]byte(out.String()), &r); err != nil || r.Statuses["failed"] > 0 {
		t.Errorf("%v, %v", r.Statuses, err)
	}
}
