package keystore

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
)

//go:embed known_hosts.txt
var builtinText []byte

// builtin gives the vendors' keys of known_hosts.txt.
var builtin = sync.OnceValue(func() []hostLine {
	list, err := parseBuiltin(builtinText)
	if err != nil {
		panic("known_hosts.txt: " + err.Error()) // a test reads it
	}
	return list
})

// parseBuiltin reads known hosts whose comments tell of the keys below them where their vendor publishes
// them, "# source https://…", and when they were compared with it, "# date 2006-01-02".
func parseBuiltin(text []byte) (list []hostLine, err error) {
	var page, date string
	for line := range bytes.Lines(text) {
		if word, rest, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(string(line), "#")), " "); ok && line[0] == '#' {
			switch word {
			case "source":
				page = rest
			case "date":
				date = rest
			}
		}
		lines, err := parseHosts(line, sourceBuiltin)
		if err != nil {
			return nil, err
		}
		for _, l := range lines {
			for _, h := range l.entries(sourceBuiltin) {
				h.Page, h.Dated = page, date
				one, err := storedLine(h)
				if err != nil {
					return nil, err
				}
				list = append(list, one)
			}
		}
	}
	return list, nil
}

// maxHostFile bounds a known_hosts file, in bytes.
const maxHostFile = 16 << 20

// readHostFile reads a known_hosts file of OpenSSH: host names plain, hashed or with wildcards,
// @revoked and @cert-authority lines.
func readHostFile(path string) ([]hostLine, error) {
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
	lines, err := parseHosts(text, sourceFile)
	if err != nil {
		return nil, fmt.Errorf("known hosts file %s: %w", path, err)
	}
	return lines, nil
}
