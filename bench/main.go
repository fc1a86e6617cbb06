// Command bench measures issuetrail beside git, on the same machine in the same run:
// the figures of docs/performance.md. It is a black box: it builds the program, serves
// repositories over a real sshd on loopback, and speaks to the daemon by HTTP alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	work, bin, json, real, realProjects, only string
	allRefs                                   bool
	commits, branches, rounds, pushes, repos  int
	loadFor, idle, timeout                    time.Duration
}

func parseFlags(args []string) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.work, "work", filepath.Join(os.TempDir(), "issuetrail-bench"), "`folder` of generated repositories, kept for the next run, and of all other files, removed at the end")
	f.StringVar(&o.bin, "bin", "", "the issuetrail `program`; empty = built from ./cmd/daemon")
	f.StringVar(&o.json, "json", "", "also write all samples to this `file`")
	f.StringVar(&o.only, "only", "", "comma-separated `parts` to run: "+strings.Join(partNames(), ", "))
	f.StringVar(&o.real, "repo", "", "a real bare repository on disk, of more than 100,000 commits, for the parts real and equal; only read")
	f.StringVar(&o.realProjects, "projects", "", "comma-separated Jira `projects` of -repo")
	f.BoolVar(&o.allRefs, "all-refs", false, "serve the refs of -repo outside heads and tags as branches")
	f.IntVar(&o.commits, "commits", 100_000, "commits of the generated repository")
	f.IntVar(&o.branches, "branches", 20_000, "branches of the generated repository")
	f.IntVar(&o.rounds, "rounds", 3, "rounds of each comparison")
	f.IntVar(&o.pushes, "pushes", 200, "pushes of the latency figure")
	f.IntVar(&o.repos, "repos", 200, "small repositories beside the large one")
	f.DurationVar(&o.loadFor, "load", 10*time.Second, "how long each load of deliveries lasts")
	f.DurationVar(&o.idle, "idle", 90*time.Second, "how long the daemon rests before its idle memory is read")
	f.DurationVar(&o.timeout, "timeout", time.Hour, "of the whole run")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if o.real != "" && o.realProjects == "" {
		return o, errors.New("-repo needs -projects")
	}
	return o, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == "load" {
		exit(loadMain(ctx, os.Stdin, os.Stdout))
	}
	o, err := parseFlags(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("the run took longer than %s", o.timeout))
	defer cancel()
	exit(measure(ctx, o))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// A bench is one run.
type bench struct {
	options
	tmp    string // files of this run
	git    git
	sshd   *sshServer
	big    *served // the generated repository, once it is there
	small  []*served
	report report
	log    io.Writer
}

// A part is a group of figures that are measured together.
type part struct {
	name string
	run  func(*bench, context.Context) error
}

// parts in the order they run.
func parts() []part {
	return []part{
		{"first", (*bench).firstIndex},
		{"noop", (*bench).noop},
		{"one", (*bench).oneCommit},
		{"latency", (*bench).latency},
		{"deliveries", (*bench).deliveries},
		{"crash", (*bench).crash},
		{"memory", (*bench).memory},
		{"equal", (*bench).equalGenerated},
		{"real", (*bench).realRepository},
	}
}

func partNames() []string {
	var names []string
	for _, p := range parts() {
		names = append(names, p.name)
	}
	return names
}

// measure runs the wanted parts and prints the table. It fails if a part broke or a
// fault was found; a missed target is no failure.
func measure(ctx context.Context, o options) error {
	wanted := partNames()
	if o.only != "" {
		wanted = strings.Split(o.only, ",")
	}
	for _, name := range wanted {
		if !slices.Contains(partNames(), name) {
			return fmt.Errorf("no part %q; there are %s", name, strings.Join(partNames(), ", "))
		}
	}
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	var failed []error
	for _, p := range parts() {
		if !slices.Contains(wanted, p.name) || ctx.Err() != nil {
			continue
		}
		fmt.Fprintf(b.log, "%s %s\n", time.Now().Format(time.TimeOnly), p.name)
		if err := p.run(b, ctx); err != nil {
			fmt.Fprintf(b.log, "  broke: %v\n", err)
			failed = append(failed, fmt.Errorf("%s: %w", p.name, err))
		}
	}
	b.report.print(os.Stdout)
	if o.json != "" {
		failed = append(failed, b.report.write(o.json))
	}
	if n := len(b.report.Faults); n > 0 {
		failed = append(failed, fmt.Errorf("%d faults", n))
	}
	return errors.Join(append(failed, context.Cause(ctx))...)
}
