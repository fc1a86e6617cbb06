package mirror

import (
	"context"
	"io"
)

// A talk is what a session has with the server's git: a command that runs over SSH, or
// requests over HTTPS.
type talk interface {
	// Read gives what the server says, the greeting first. io.EOF is the end: of the
	// conversation over SSH, of one answer over HTTPS. Between during and its stop only.
	io.Reader
	// Write sends a whole request. Between during and its stop only.
	io.Writer
	// during watches the waits for the server, until stop is called.
	during(ctx context.Context) (stop func())
	// because gives why a wait was ended from this side, or else err.
	because(err error) error
	// ended says why the server ended where more was expected.
	ended() error
	// lost says whether the connection, which was there before, had ended without a word;
	// then no other session gets it.
	lost() bool
	// leave ends the conversation; awaited says that the server awaits another request. It
	// does not wait for the server.
	leave(awaited bool)
	// hangUp ends it at once, and does not wait either.
	hangUp()
}
