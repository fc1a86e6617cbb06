//go:build race

package hosts

// raced is for tests that take long: the detector makes them twenty times slower, and
// finds nothing in them, for no parser has a goroutine.
const raced = true
