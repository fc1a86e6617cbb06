package keystore

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"issuetrail/internal/crash"
)

// writeNew makes a file of mode 0600 that did not exist; fs.ErrExist when it does. After it
// returns, the file survives a power cut.
func writeNew(path string, content []byte) error {
	return writeFile(path, content, os.Link)
}

// replaceFile gives a file that exists another content, mode 0600: after a crash it has the
// one or the other. After it returns, the new one survives a power cut.
func replaceFile(path string, content []byte) error {
	path, err := filepath.EvalSymlinks(path) // a link stays one
	if err != nil {
		return err
	}
	return writeFile(path, content, os.Rename)
}

// writeFile writes a file beside path and then puts it there.
func writeFile(path string, content []byte, put func(from, to string) error) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	crash.Point("keystore.file.written")
	if err := put(f.Name(), path); err != nil {
		return err
	}
	crash.Point("keystore.file.put")
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// tidyMaster removes what a crash left of writing our own master key file. What another process may
// be at just now stays.
func (k *Keyring) tidyMaster() {
	path, own := k.masterPath()
	if !own {
		return
	}
	dir := filepath.Dir(path)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return // what needs the folder says so
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "."+masterName+"-") || !e.Type().IsRegular() {
			continue
		}
		if st, err := e.Info(); err == nil && k.o.Now().Sub(st.ModTime()) > time.Minute {
			_ = os.Remove(filepath.Join(dir, e.Name())) // tried again at the next start
		}
	}
}
