package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// A reload ends the reading of events where the config no longer asks for it, begins it where
// it does, and leaves the others alone.
func TestStreamFollowsTheConfig(t *testing.T) {
	t.Parallel()
	g, _ := newGerritStream(t)
	g.mustStart()
	g.listens()
	g.hup("done")
	g.says(`{"type":"ref-updated","refUpdate":[`) // stored as not understood, if the stream still is there
	g.until("the reading outlasts a reload that does not touch it", func() bool {
		return g.metric(`issuetrail_deliveries_total{host="gerrit",outcome="rejected"}`) == 1
	})

	config, err := os.ReadFile(filepath.Join(g.dir, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(config)
	before, after, _ := strings.Cut(text, ", stream_events: ")
	_, after, _ = strings.Cut(after, "}")
	g.write("config.yaml", before+"}"+after)
	g.hup("done")
	g.end.Close()
	g.until("nobody reads any more", func() bool {
		// What runs on the server ends when it has something to say and nobody to say it to.
		end, err := os.OpenFile(g.pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err != nil {
			return true
		}
		defer end.Close()
		_, _ = end.WriteString("\n")
		return false
	})

	g.write("config.yaml", text)
	g.hup("done")
	g.listens()
	g.end.Close()
}
