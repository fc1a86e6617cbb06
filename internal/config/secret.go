package config

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxSecret bounds a secret file, in bytes.
const maxSecret = 64 << 10

// credentials is the variable that names the folder of systemd's credentials.
const credentials = "CREDENTIALS_DIRECTORY"

// pathTo makes a path absolute, from the config file's folder. A "file" must be
// readable; a "secret" must also be closed to others and not empty.
func (d *decoder) pathTo(n *yaml.Node, text, path, demand string) string {
	full := text
	if !filepath.IsAbs(full) {
		full = filepath.Join(d.folder, full)
	}
	if demand == "any" {
		return filepath.Clean(full)
	}
	var err error
	if demand == "file" {
		err = checkFile(full)
	} else {
		dir, _ := d.lookup(credentials)
		_, err = readSecret(full, dir)
	}
	if err != nil {
		d.at(n, path, "%s%v", shownPath(text, full), err)
	}
	return filepath.Clean(full)
}

// shownPath is the path to print, unless the value, expanded, may be a secret that was
// given in place of the path of its file: as text, or as ${NAME} of a variable that holds it.
func shownPath(text, full string) string {
	for _, start := range []string{"/", "./", "../"} {
		if strings.HasPrefix(text, start) {
			return full + ": "
		}
	}
	return "the file named here: "
}

func checkFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return plainError(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return plainError(err)
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("is not a regular file")
	}
	return nil
}

// ReadSecret gives the content of a secret file without line breaks at its end.
// It refuses a file that others can read, an empty one, and one above 64 KiB. The error
// names the path and never the content.
func ReadSecret(path string) ([]byte, error) {
	b, err := readSecret(path, os.Getenv(credentials))
	if err != nil {
		return nil, fmt.Errorf("secret file %s: %w", path, err)
	}
	return b, nil
}

func readSecret(path, credentials string) ([]byte, error) {
	// A pipe would block the start for ever, so look before opening.
	if st, err := os.Stat(path); err != nil {
		return nil, plainError(err)
	} else if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, plainError(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, plainError(err)
	}
	if bad := st.Mode().Perm() & forbidden(path, credentials); bad != 0 {
		return nil, fmt.Errorf("others can read it (mode %04o); run: chmod 600 %s", st.Mode().Perm(), path)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	switch {
	case err != nil:
		return nil, plainError(err)
	case len(b) > maxSecret:
		return nil, fmt.Errorf("is larger than %d bytes", maxSecret)
	case len(bytes.TrimSpace(b)) == 0:
		return nil, fmt.Errorf("is empty")
	}
	return bytes.TrimRight(b, "\r\n"), nil
}

// forbidden are the mode bits a secret file must not have. systemd gives its
// credentials to the service by an access list, which shows as group bits.
func forbidden(path, credentials string) fs.FileMode {
	if credentials != "" {
		if rel, err := filepath.Rel(credentials, path); err == nil && filepath.IsLocal(rel) {
			return 0o007
		}
	}
	return 0o077
}
