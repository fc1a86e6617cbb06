package main

import (
	"slices"
	"time"
)

// samples are measured values of one thing, in one unit.
type samples []float64

func (s *samples) add(d time.Duration) { *s = append(*s, d.Seconds()*1000) }

// time adds what f measures.
func (s *samples) time(f func() (time.Duration, error)) error {
	took, err := f()
	if err == nil {
		s.add(took)
	}
	return err
}

// percentile is the smallest value that p percent of the samples do not exceed.
func (s samples) percentile(p float64) float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	at := int(p / 100 * float64(len(sorted)))
	if float64(at) == p/100*float64(len(sorted)) && at > 0 {
		at--
	}
	return sorted[min(at, len(sorted)-1)]
}

// median of an even number of samples is the mean of the middle two.
func (s samples) median() float64 {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
