package hosts

import "encoding/json"

// A loose value is one that a host writes in several ways, or that is not worth a
// refusal: of another type than T it is as if it were missing.
type loose[T any] struct{ value T }

// UnmarshalJSON takes any JSON.
func (l *loose[T]) UnmarshalJSON(b []byte) error {
	var v T
	if json.Unmarshal(b, &v) == nil {
		l.value = v
	}
	return nil
}
