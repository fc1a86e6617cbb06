package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"issuetrail/internal/api/wire"
)

// A progress is a bar on a terminal; on anything else it stays silent.
type progress struct {
	w     io.Writer
	width func() int // columns of the terminal
	shown bool       // a line is on the terminal now
}

// newProgress draws on w if that is a terminal.
func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	if !ok || terminalWidth(f) == 0 || os.Getenv("TERM") == "dumb" {
		return &progress{}
	}
	return &progress{w: w, width: func() int { return terminalWidth(f) }}
}

// terminalWidth is the number of columns of a terminal; 0 = f is none.
func terminalWidth(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	switch {
	case err != nil:
		return 0
	case size.Col == 0:
		return 80 // a terminal that does not know
	}
	return int(size.Col)
}

// Moves the cursor to the start of the line, and clears from there to its end.
const lineStart, clearLine = "\r", "\r\x1b[K"

// show draws the state of a repository.
func (p *progress) show(r wire.Repository) {
	line := plain(r.Name) + "  " + r.State
	if r.Progress != nil {
		line = fmt.Sprintf("%s  %s %s", plain(r.Name), bar(r.Progress), progressText(r.Progress))
	}
	p.say(line)
}

// say shows a line in place of the last one, cut to the terminal's width.
func (p *progress) say(line string) {
	if p.w == nil {
		return
	}
	if cut := []rune(line); len(cut) >= p.width() {
		line = string(cut[:p.width()-1])
	}
	fmt.Fprint(p.w, clearLine, line, lineStart)
	p.shown = true
}

// end wipes the line.
func (p *progress) end() {
	if p.shown {
		fmt.Fprint(p.w, clearLine)
		p.shown = false
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
	if p.Objects == 0 {
		return "waits for the server"
	}
	text := fmt.Sprintf("%d objects", p.Objects)
	if p.Total > 0 {
		text = fmt.Sprintf("%d %% of %d objects", min(100, p.Objects*100/p.Total), p.Total)
	}
	return fmt.Sprintf("%s, %.1f MB, %s", text, float64(p.Bytes)/1e6, count(int(p.Commits), "commit"))
}
