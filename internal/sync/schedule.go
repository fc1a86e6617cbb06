package sync

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // CRON_TZ= must work on a machine without time zones

	"github.com/robfig/cron/v3"
)

// Limits of a schedule.
const (
	minInterval  = 10 * time.Second
	maxSpec      = 200 // bytes
	checkFirings = 24  // that many are looked at for the shortest interval
)

var cronParser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// A Schedule says when a repo is due: five cron fields, or "@every 15m", "@daily" and the
// like. Times are in UTC unless the spec begins with CRON_TZ=Zone; where the clocks of
// that zone go forward, a time that does not exist is skipped, and where they go
// back, an hour is met twice or once, as robfig/cron has it.
type Schedule struct {
	spec   string
	cron   cron.Schedule
	every  time.Duration // of "@every", whole seconds; else 0
	spread bool          // For was called: fires at whole multiples of every, plus offset
	offset time.Duration
}

// ParseSchedule reads a spec. It refuses what never fires and what fires more often
// than every 10 seconds; it never panics.
func ParseSchedule(spec string) (Schedule, error) {
	s, err := parseSchedule(strings.TrimSpace(spec))
	if err != nil {
		return Schedule{}, fmt.Errorf("schedule %.80q: %w", spec, err)
	}
	return s, nil
}

// CheckSchedule gives the error of ParseSchedule alone, for the check of a config.
func CheckSchedule(spec string) error {
	_, err := ParseSchedule(spec)
	return err
}

func parseSchedule(spec string) (s Schedule, err error) {
	defer func() {
		if r := recover(); r != nil { // robfig/cron panics on "TZ=0", say
			s, err = Schedule{}, fmt.Errorf("not understood (%v)", r)
		}
	}()
	switch {
	case spec == "":
		return Schedule{}, errors.New("it is empty; give five cron fields or @every 15m")
	case len(spec) > maxSpec:
		return Schedule{}, fmt.Errorf("it is longer than %d bytes", maxSpec)
	}
	zone, rest := "UTC", spec
	if name, value, ok := strings.Cut(spec, "="); ok && (name == "CRON_TZ" || name == "TZ") {
		zone, rest, ok = strings.Cut(value, " ")
		if !ok || zone == "" || strings.TrimSpace(rest) == "" {
			return Schedule{}, errors.New("a time zone must be followed by a schedule, such as CRON_TZ=Europe/Berlin 0 6 * * *")
		}
	}
	s = Schedule{spec: spec}
	rest = strings.TrimSpace(rest)
	if word, ok := strings.CutPrefix(rest, "@every "); ok {
		if s.every, err = parseEvery(word); err != nil {
			return Schedule{}, err
		}
	}
	if s.cron, err = cronParser.Parse("CRON_TZ=" + zone + " " + rest); err != nil {
		return Schedule{}, err
	}
	return s, s.check(time.Now())
}

// parseEvery reads the duration of "@every"; the library takes -1h for a second.
func parseEvery(word string) (time.Duration, error) {
	d, err := time.ParseDuration(strings.TrimSpace(word))
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is not a duration such as 15m or 1h30m", word)
	case d < minInterval:
		return 0, fmt.Errorf("the shortest interval is %s", minInterval)
	}
	return d.Truncate(time.Second), nil
}

// check looks at the next firings.
func (s Schedule) check(now time.Time) error {
	at := s.Next(now)
	if at.IsZero() {
		return errors.New("it never fires")
	}
	for range checkFirings {
		next := s.Next(at)
		if !next.IsZero() && next.Sub(at) < minInterval {
			return fmt.Errorf("it fires more often than every %s", minInterval)
		}
		if at = next; at.IsZero() {
			break
		}
	}
	return nil
}

// String gives the spec.
func (s Schedule) String() string { return s.spec }

// For gives the schedule as one repo follows it. With "@every D" each repo fires at
// multiples of D since 1970, moved by a share of D that follows from its id: 200 repos on
// "@every 15m" are spread evenly over the 15 minutes, all nodes agree on when, and a
// restart moves nothing. Cron fields mean what they say and are not moved.
func (s Schedule) For(repoID int64) Schedule {
	if s.every > 0 {
		// Multiples of the golden ratio lie apart from each other however many there are.
		share := (uint64(repoID) * 0x9E3779B97F4A7C15) >> 44 // 20 bits
		seconds := uint64(s.every/time.Second) * share >> 20
		s.spread, s.offset = true, time.Duration(seconds)*time.Second
	}
	return s
}

// Next is the first firing after a time, in UTC; zero = never again.
func (s Schedule) Next(after time.Time) time.Time {
	if s.spread {
		base := time.Unix(0, 0).Add(s.offset)
		n := after.Sub(base) / s.every // saturates in 2262
		if after.Before(base) {
			n--
		}
		return base.Add((n + 1) * s.every).UTC()
	}
	next := s.cron.Next(after)
	if next.IsZero() {
		return next
	}
	return next.UTC()
}

// Upcoming gives the next n firings, fewer if it stops.
func (s Schedule) Upcoming(after time.Time, n int) []time.Time {
	var out []time.Time
	for range n {
		if after = s.Next(after); after.IsZero() {
			break
		}
		out = append(out, after)
	}
	return out
}
