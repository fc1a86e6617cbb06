package sync

import (
	"strings"
	"testing"
	"time"
)

func TestScheduleRefused(t *testing.T) {
	for spec, want := range map[string]string{
		"":                                      "empty",
		"   ":                                   "empty",
		"TZ=0":                                  "time zone",
		"CRON_TZ=":                              "time zone",
		"CRON_TZ= 0 6 * * *":                    "time zone",
		"CRON_TZ=UTC":                           "time zone",
		"CRON_TZ=Mars/Base 0 6 * * *":           "Mars/Base",
		"0 0 31 2 *":                            "never fires",
		"@every -1h":                            "shortest interval",
		"@every 9s":                             "shortest interval",
		"@every 0s":                             "shortest interval",
		"@every x":                              "not a duration",
		"@every 99999999999h":                   "not a duration",
		"@reboot":                               "unrecognized descriptor",
		"* * * *":                               "expected exactly 5 fields",
		"* * * * * *":                           "expected exactly 5 fields",
		"61 * * * *":                            "above maximum",
		"*/0 * * * *":                           "step",
		"a * * * *":                             "failed to parse",
		strings.Repeat("1,", 200) + "1 * * * *": "longer than",
	} {
		_, err := ParseSchedule(spec)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "schedule ") {
			t.Errorf("ParseSchedule(%q) = %v, want %q", spec, err, want)
		}
	}
}

func at(s string) time.Time {
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return v
}

func TestScheduleNext(t *testing.T) {
	for _, c := range []struct{ spec, after, want string }{
		{"*/5 * * * *", "2026-01-01T00:01:00Z", "2026-01-01T00:05:00Z"},
		{"0 6 * * *", "2026-01-01T07:00:00Z", "2026-01-02T06:00:00Z"},
		{"CRON_TZ=America/New_York 0 6 * * *", "2026-01-01T00:00:00Z", "2026-01-01T11:00:00Z"},
		{"TZ=Asia/Tokyo @daily", "2026-01-01T00:00:00Z", "2026-01-01T15:00:00Z"},
		{"@hourly", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"},
		{"@every 90s", "2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z"},
		{"@every 1m30.9s", "2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z"},
		{"0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		// The clocks of Berlin: 02:30 does not exist on the first day, and is met once on the other.
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z"},
		{"CRON_TZ=Europe/Berlin 30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
	} {
		s, err := ParseSchedule(c.spec)
		if err != nil {
			t.Errorf("%s: %v", c.spec, err)
			continue
		}
		if got := s.Next(at(c.after)); !got.Equal(at(c.want)) || got.Location() != time.UTC {
			t.Errorf("%s after %s fires at %s, want %s", c.spec, c.after, got, c.want)
		}
	}
}

// TestScheduleSpread holds what For promises: an even spread, a fixed place, the interval kept.
func TestScheduleSpread(t *testing.T) {
	s, err := ParseSchedule("@every 15m")
	if err != nil {
		t.Fatal(err)
	}
	minutes := map[int]int{}
	start := at("2026-01-01T00:00:00Z")
	for id := int64(1); id <= 200; id++ {
		next := s.For(id).Next(start)
		if next.Sub(start) <= 0 || next.Sub(start) > 15*time.Minute {
			t.Fatalf("repo %d fires %s later", id, next.Sub(start))
		}
		if again := s.For(id).Next(next); again.Sub(next) != 15*time.Minute {
			t.Fatalf("repo %d fires again %s later", id, again.Sub(next))
		}
		if same := s.For(id).Next(next.Add(-time.Second)); !same.Equal(next) {
			t.Fatalf("repo %d fires at %s or %s, as one asks", id, next, same)
		}
		minutes[int(next.Sub(start)/time.Minute)]++
	}
	for m, n := range minutes {
		if n > 20 {
			t.Errorf("%d of 200 repos fire in minute %d", n, m)
		}
	}
	old := at("1960-05-05T05:05:05Z")
	if next := s.For(7).Next(old); next.Sub(old) <= 0 || next.Sub(old) > 15*time.Minute {
		t.Errorf("before 1970: %s after %s", next, old)
	}
	cron, _ := ParseSchedule("0 6 * * *")
	if got := cron.For(3).Upcoming(start, 3); len(got) != 3 || !got[2].Equal(at("2026-01-03T06:00:00Z")) {
		t.Errorf("cron fields are moved: %v", got)
	}
}

func FuzzParseSchedule(f *testing.F) {
	for _, s := range []string{"TZ=0", "@every 15m", "*/5 * * * *", "CRON_TZ=Europe/Berlin 0 6 * * *", "0 0 31 2 *", "TZ=UTC\t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		s, err := ParseSchedule(spec)
		if err != nil {
			return
		}
		now := time.Now()
		next := s.Next(now)
		if !next.After(now) || s.Next(next).Sub(next) < minInterval && !s.Next(next).IsZero() {
			t.Errorf("%q fires at %s and %s", spec, next, s.Next(next))
		}
	})
}
