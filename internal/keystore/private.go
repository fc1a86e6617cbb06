package keystore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// readPrivate reads a file that nobody else may read: OpenSSH's rule for private keys. The
// error is a *KeyError of code key_file_unsafe, or wraps the system's. It also gives the time of the
// last change.
func readPrivate(path string) ([]byte, time.Time, error) {
	// A pipe would block for ever, so look before opening.
	if st, err := os.Stat(path); err != nil {
		return nil, time.Time{}, cause(err)
	} else if !st.Mode().IsRegular() {
		return nil, time.Time{}, errors.New("is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, time.Time{}, cause(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, time.Time{}, cause(err)
	}
	if err := checkOwner(path, st); err != nil {
		return nil, time.Time{}, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKey+1))
	if err != nil {
		return nil, time.Time{}, cause(err)
	}
	return text, st.ModTime(), nil
}

func checkOwner(path string, st fs.FileInfo) error {
	if bad := st.Mode().Perm() & forbidden(path); bad != 0 {
		return &KeyError{CodeFileUnsafe, fmt.Sprintf("others can use it (mode %04o); run: chmod 600 %s", st.Mode().Perm(), shellQuote(path))}
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	if us := os.Geteuid(); ok && sys.Uid != 0 && int(sys.Uid) != us {
		return &KeyError{CodeFileUnsafe, fmt.Sprintf("it belongs to user %d and the daemon runs as user %d; run: chown %d %s", sys.Uid, us, us, shellQuote(path))}
	}
	return nil
}

// forbidden are the mode bits that must not be set. systemd opens its credentials to the
// service by an access list, which shows as group bits.
func forbidden(path string) fs.FileMode {
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" {
		if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
			return 0o007
		}
	}
	return 0o077
}

// cause is err without the path, which the message around it has.
func cause(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}
