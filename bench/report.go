package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
)

// A figure is one line of the table: what was measured, against what, and what it
// must reach.
type figure struct {
	Work    string  `json:"work"`
	Unit    string  `json:"unit"`    // ms, MB, 1/s, or a plain count
	Value   float64 `json:"value"`   // the one that is held against the target
	Samples samples `json:"samples"` // of issuetrail; may be empty
	Against string  `json:"against,omitempty"`
	Other   samples `json:"other,omitempty"` // of what it is compared with
	Ratio   float64 `json:"ratio,omitempty"` // of the medians
	Target  string  `json:"target,omitempty"`
	Pass    *bool   `json:"pass,omitempty"` // nil: no target
}

// A report gathers figures and what they were measured on.
type report struct {
	Machine map[string]string `json:"machine"`
	Figures []figure          `json:"figures"`
	Faults  []string          `json:"faults"` // what must never be: lost deliveries, unequal links
}

func (r *report) add(f figure) { r.Figures = append(r.Figures, f) }

// compare adds a figure that must be at most limit of what it is measured against.
func (r *report) compare(work string, ours samples, against string, theirs samples, limit float64) {
	f := figure{Work: work, Unit: "ms", Value: ours.median(), Samples: ours, Against: against, Other: theirs}
	f.Ratio = ours.median() / theirs.median()
	if limit > 0 {
		f.Target = fmt.Sprintf("≤ %.3g of it", limit)
		f.Pass = new(f.Ratio <= limit)
	}
	r.add(f)
}

// atMost adds a figure with an upper limit; limit 0 means none.
func (r *report) atMost(work string, value float64, unit string, s samples, limit float64) {
	f := figure{Work: work, Unit: unit, Value: value, Samples: s}
	if limit > 0 {
		f.Target = fmt.Sprintf("≤ %g %s", limit, unit)
		f.Pass = new(value <= limit)
	}
	r.add(f)
}

// atLeast adds a figure with a lower limit.
func (r *report) atLeast(work string, value float64, unit string, limit float64) {
	r.add(figure{Work: work, Unit: unit, Value: value, Target: fmt.Sprintf("≥ %g %s", limit, unit), Pass: new(value >= limit)})
}

// fault notes what makes the bench fail.
func (r *report) fault(format string, args ...any) {
	r.Faults = append(r.Faults, fmt.Sprintf(format, args...))
}

// print writes the table.
func (r *report) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "work\tissuetrail\tmin … max\tagainst\tits median\tmin … max\tratio\ttarget\t")
	for _, f := range r.Figures {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", f.Work, amount(f.Value, f.Unit), f.Samples.spread(f.Unit),
			f.Against, ifAny(f.Other, amount(f.Other.median(), f.Unit)), f.Other.spread(f.Unit), ifAny(f.Other, fmt.Sprintf("%.3f", f.Ratio)), f.Target, f.verdict())
	}
	t.Flush()
	for _, s := range r.Faults {
		fmt.Fprintln(w, "FAULT:", s)
	}
}

func (f figure) verdict() string {
	switch {
	case f.Pass == nil:
		return ""
	case *f.Pass:
		return "pass"
	}
	return "MISS"
}

func amount(v float64, unit string) string {
	switch {
	case unit == "":
		return fmt.Sprintf("%.0f", v)
	case unit == "ms" && v >= 10_000:
		return fmt.Sprintf("%.1f s", v/1000)
	case v >= 100:
		return fmt.Sprintf("%.0f %s", v, unit)
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}

func (s samples) spread(unit string) string {
	return ifAny(s, amount(s.percentile(0), unit)+" … "+amount(s.percentile(100), unit))
}

func ifAny(s samples, text string) string {
	if len(s) == 0 {
		return ""
	}
	return text
}

// write saves the report as JSON.
func (r *report) write(file string) error {
	b, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(b, '\n'), 0o644)
}
