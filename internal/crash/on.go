//go:build crashpoints

// Package crash marks the steps between which a kill must lose nothing. The
// marks do nothing in the program that users run; built with the tag
// "crashpoints", a test names one of them and the process kills itself there.
package crash

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

var (
	mu   sync.Mutex
	hits = map[string]int{}
)

// Point kills the process (SIGKILL) where ISSUETRAIL_CRASH_AT="name:n" names
// this point and its nth hit. With ISSUETRAIL_CRASH_LOG=FILE each hit appends
// its name to FILE, so that a test can list the points of a run.
func Point(name string) {
	mu.Lock()
	defer mu.Unlock()
	hits[name]++
	if file := os.Getenv("ISSUETRAIL_CRASH_LOG"); file != "" {
		if f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			fmt.Fprintln(f, name)
			f.Close()
		}
	}
	want, n, _ := strings.Cut(os.Getenv("ISSUETRAIL_CRASH_AT"), ":")
	if at, _ := strconv.Atoi(n); want == name && hits[name] == at {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}
