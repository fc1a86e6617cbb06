package keystore

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
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
	ask  ssh.HostKeyCallback
	db   *knownhosts.HostKeyDB // tells which keys are known
	list []model.KnownHost     // to show; a hashed name stays hashed
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
	ask, err := xknownhosts.New(path)
	if err != nil {
		return nil, fmt.Errorf("known hosts file: %w", err)
	}
	return &hostFile{path, text, ask, db, list}, nil
}

// check says whether the file has a word on the host or the key, and which. As with
// OpenSSH, a key of the host's name alone holds for its other ports too.
func (f *hostFile) check(host string, key ssh.PublicKey) (known bool, err error) {
	pins, err := f.lookUp(host, key)
	if err == nil {
		return true, nil
	}
	if len(pins) > 0 {
		return true, changed(host, key, pins, f.path)
	}
	if _, ok := errors.AsType[*xknownhosts.KeyError](err); ok {
		_, err = f.lookUp(withoutPort(host), key)
		return err == nil, err
	}
	if _, ok := errors.AsType[*xknownhosts.RevokedError](err); ok {
		return true, revoked(host, key, f.path)
	}
	return true, &model.Failure{ // a host certificate that does not hold
		Code:   model.CodeHostKeyChanged,
		Detail: fmt.Sprintf("%s offers the host key %s, and %s does not trust it: %v", host, show(key), f.path, err),
		Hint:   "tell the server's administrator",
		Err:    err,
	}
}

// lookUp asks the library, and gives the keys that it has instead of this one.
func (f *hostFile) lookUp(host string, key ssh.PublicKey) (pins []model.KnownHost, err error) {
	// It looks at the name alone; it wants an address all the same.
	err = f.ask(host, &net.TCPAddr{IP: net.IPv4zero, Port: 22}, key)
	if e, ok := errors.AsType[*xknownhosts.KeyError](err); ok {
		for _, w := range e.Want {
			pins = append(pins, knownHost(host, w.Key, "file"))
		}
	}
	return pins, err
}

func (f *hostFile) algorithms(host string) []string {
	keys := f.db.HostKeys(host)
	if len(keys) == 0 {
		keys = f.db.HostKeys(withoutPort(host))
	}
	var algos []string
	for _, key := range keys {
		more := algorithmsOf(key.Type())
		if key.Cert {
			more = certAlgorithms
		}
		if !slices.Contains(algos, more[0]) {
			algos = append(algos, more...)
		}
	}
	return algos
}

// certAlgorithms are all of them: an authority signs host keys of other types than its own.
var certAlgorithms = []string{
	ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
	ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
}

func withoutPort(host string) string {
	name, _, _ := net.SplitHostPort(host)
	return net.JoinHostPort(name, "22")
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
