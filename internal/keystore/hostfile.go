package keystore

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"

	"issuetrail/internal/model"
)

//go:embed known_hosts.txt
var builtinText []byte

// builtin gives the vendors' keys of known_hosts.txt.
var builtin = sync.OnceValue(func() []model.KnownHost {
	list, err := parseHosts(builtinText, "builtin")
	if err != nil {
		panic("known_hosts.txt: " + err.Error()) // a test reads it
	}
	return list
})

// maxHostFile bounds a known_hosts file, in bytes.
const maxHostFile = 16 << 20

// A hostFile is a known_hosts file of OpenSSH: host names plain, hashed or with wildcards,
// @revoked and @cert-authority lines.
type hostFile struct {
	path string
	text []byte
	db   *knownhosts.HostKeyDB
	list []model.KnownHost // to show; a hashed name stays hashed
}

func readHostFile(path string) (*hostFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("known hosts file %s: %w", path, cause(err))
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxHostFile+1))
	if err != nil {
		return nil, fmt.Errorf("known hosts file %s: %w", path, cause(err))
	}
	if len(text) > maxHostFile {
		return nil, fmt.Errorf("known hosts file %s: larger than %d bytes", path, maxHostFile)
	}
	db, err := knownhosts.NewDB(path)
	if err != nil {
		return nil, fmt.Errorf("known hosts file: %w", err)
	}
	list, err := parseHosts(text, "file")
	if err != nil {
		return nil, fmt.Errorf("known hosts file %s: %w", path, err)
	}
	return &hostFile{path, text, db, list}, nil
}

// check says whether the file has a word on the host or the key, and which.
func (f *hostFile) check(host string, key ssh.PublicKey) (known bool, err error) {
	// The library looks at the name alone; it wants an address all the same.
	err = f.db.HostKeyCallback()(host, &net.TCPAddr{IP: net.IPv4zero, Port: 22}, key)
	if err == nil {
		return true, nil
	}
	if _, ok := errors.AsType[*xknownhosts.RevokedError](err); ok {
		return true, revoked(host, key, f.path)
	}
	var pins []model.KnownHost
	if e, ok := errors.AsType[*xknownhosts.KeyError](err); ok {
		for _, w := range e.Want {
			pins = append(pins, knownHost(host, w.Key, "file"))
		}
		if len(pins) == 0 {
			return false, nil
		}
		return true, changed(host, key, pins, f.path)
	}
	return true, &model.Failure{ // a host certificate that does not hold
		Code:   model.CodeHostKeyChanged,
		Detail: fmt.Sprintf("%s offers the host key %s, and %s does not trust it: %v", host, show(key), f.path, err),
		Hint:   "tell the server's administrator",
		Err:    err,
	}
}

// parseHosts lists the keys of a known_hosts text, for each of their hosts.
func parseHosts(text []byte, source string) ([]model.KnownHost, error) {
	var list []model.KnownHost
	for i, line := range strings.Split(string(text), "\n") {
		marker, hosts, key, _, _, err := ssh.ParseKnownHosts([]byte(line))
		if errors.Is(err, io.EOF) {
			continue // blank, or a comment
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		if marker == "revoked" {
			continue
		}
		for _, h := range hosts {
			name, err := HostPort(h)
			if err != nil { // a pattern, or a hashed name
				name = h
			}
			if marker != "" {
				name = "@" + marker + " " + name
			}
			list = append(list, knownHost(name, key, source))
		}
	}
	return list, nil
}
