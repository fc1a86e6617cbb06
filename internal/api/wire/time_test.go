package wire

import (
	"encoding/json"
	"testing"
	"time"
)

func TestTime(t *testing.T) {
	zone := time.FixedZone("x", 3600)
	for in, want := range map[time.Time]string{
		{}:                                      `null`,
		time.Date(2026, 1, 2, 3, 4, 5, 0, zone): `"2026-01-02T02:04:05Z"`,
		time.Date(2026, 1, 2, 3, 4, 5, 120000, time.UTC):  `"2026-01-02T03:04:05.00012Z"`,
		time.Date(2026, 1, 2, 3, 4, 5, 1234567, time.UTC): `"2026-01-02T03:04:05.001234Z"`,
	} {
		b, err := json.Marshal(At(in))
		if err != nil || string(b) != want {
			t.Errorf("%v: %s, %v", in, b, err)
		}
		back := At(time.Now())
		if err := json.Unmarshal(b, &back); err != nil || !back.Equal(in.Truncate(time.Microsecond)) {
			t.Errorf("%s came back as %v, %v", b, back, err)
		}
	}
	var bad Time
	for _, s := range []string{`7`, `"yesterday"`, `{}`} {
		if err := json.Unmarshal([]byte(s), &bad); err == nil {
			t.Errorf("%s is taken", s)
		}
	}
}

func TestProblemIsAnError(t *testing.T) {
	if s := (&Problem{Title: "Conflict", Status: 409}).Error(); s != "Conflict (409)" {
		t.Error(s)
	}
	if s := (&Problem{Detail: "it is so"}).Error(); s != "it is so" {
		t.Error(s)
	}
}
