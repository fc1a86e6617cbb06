package main

import (
	"fmt"
	"io"
	"strings"

	"issuetrail/internal/api/wire"
)

// A progress is a bar on a terminal; on anything else it stays silent.
type progress struct {
	w    io.Writer
	live bool
	wide int // columns of the line that is shown now
}

func newProgress(w io.Writer) *progress { return &progress{w: w, live: isTerminal(w)} }

// show draws the state of a repository in one line.
func (p *progress) show(r wire.Repository) {
	if !p.live {
		return
	}
	line := plain(r.Name) + " " + r.State
	if r.Progress != nil {
		line = fmt.Sprintf("%s %s %s", plain(r.Name), bar(r.Progress), progressText(r.Progress))
	}
	pad := max(p.wide-len([]rune(line)), 0)
	fmt.Fprintf(p.w, "\r%s%s", line, strings.Repeat(" ", pad))
	p.wide = len([]rune(line))
}

// end wipes the line.
func (p *progress) end() {
	if p.live && p.wide > 0 {
		fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", p.wide))
		p.wide = 0
	}
}

const barWidth = 24

func bar(p *wire.Progress) string {
	full := 0
	if p.Total > 0 {
		full = int(min(p.Objects, p.Total) * barWidth / p.Total)
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", barWidth-full) + "]"
}

func progressText(p *wire.Progress) string {
	text := fmt.Sprintf("%d objects", p.Objects)
	if p.Total > 0 {
		text = fmt.Sprintf("%d %% of %d objects", min(100, p.Objects*100/p.Total), p.Total)
	}
	return fmt.Sprintf("%s, %.1f MB, %d commits", text, float64(p.Bytes)/1e6, p.Commits)
}
