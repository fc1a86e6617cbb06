package hosts

import (
	"slices"
	"strings"

	"issuetrail/internal/model"
)

// What only some hosts have is a small interface, asked for in this file alone,
// except PathSecret, which the webhook's path depends on.

// A PathSecret is a Host that cannot sign: its secret is the last part of the
// webhook's path. Then VerifyPath decides, and Verify is not asked.
type PathSecret interface {
	// VerifyPath compares as Verify does, and its error wraps ErrSignature.
	VerifyPath(given string, secret Secret) error
}

// hosted is a Host whose vendor runs a service on the net.
type hosted interface {
	// service gives the web address and the SSH names of the service, lower case.
	service() (web string, ssh []string)
}

// addressed is a Host whose addresses have several forms, or whose names are not
// those of the path.
type addressed interface {
	// identify gives one Identity for all forms of an address. Any address may come,
	// also one of a server of one's own.
	identify(a model.Address) model.Identity
	// moved gives the address of a repository of this host that is now called name.
	moved(a model.Address, name string) model.Address
}

// hinting is a Host that knows more than the server's answer says.
type hinting interface {
	// hint gives what a person should look at on this host after a failure of this
	// code (model.Code…); "" = nothing in particular.
	hint(code string) string
}

// streaming is a Host that tells of pushes over SSH, too.
type streaming interface {
	// stream is the command that prints one event a line; Parse reads a line.
	stream() string
}

// scripted is a Host that is told of pushes by a script, which the project ships.
type scripted interface {
	script() Script
}

// A Script is a hook that users install.
type Script struct {
	Text  string // with the lines that Install changes
	Place string // where it goes, one sentence
}

// KindOfSSHHost gives the kind of a known SSH host name, without a port; any
// other host is plain git.
func KindOfSSHHost(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	for _, h := range All() {
		if s, ok := h.(hosted); ok {
			if _, names := s.service(); slices.Contains(names, host) {
				return h.Kind()
			}
		}
	}
	return plain{}.Kind()
}

// DefaultWeb gives the web address of the hosted service of a kind, or "". It
// is right for repositories on that service's own SSH host alone: ask it after
// KindOfSSHHost, not for a server of one's own.
func DefaultWeb(kind string) string {
	h, _ := ByKind(kind)
	if s, ok := h.(hosted); ok {
		web, _ := s.service()
		return web
	}
	return ""
}

// Identify gives what a repository of this kind of host is known by: the same for
// each form in which its address can be written.
func Identify(kind string, a model.Address) model.Identity {
	h, _ := ByKind(kind)
	if s, ok := h.(addressed); ok {
		return s.identify(a)
	}
	return a.Identity()
}

// Moved gives the clone URL of a repository that is now called name, on the same
// server and in the form of its address a; "" where that is none.
func Moved(kind string, a model.Address, name string) string {
	if name == "" || strings.HasPrefix(name, "/") || strings.Contains("/"+name+"/", "/../") {
		return ""
	}
	h, _ := ByKind(kind)
	if s, ok := h.(addressed); ok {
		a = s.moved(a, name)
	} else {
		a = movedPath(a, name)
	}
	if _, err := model.ParseAddress(a.URL()); err != nil {
		return ""
	}
	return a.URL()
}

// movedPath puts a new name where the old one stands in the path.
func movedPath(a model.Address, name string) model.Address {
	slash, git := "", ""
	if strings.HasPrefix(a.Path, "/") {
		slash = "/"
	}
	if strings.HasSuffix(strings.TrimRight(a.Path, "/"), ".git") {
		git = ".git"
	}
	a.Path = slash + name + git
	return a
}

// Hint gives what a person should look at on this kind of host after a failure of
// this code; "" = what the failure says itself is all.
func Hint(kind, code string) string {
	h, _ := ByKind(kind)
	if s, ok := h.(hinting); ok {
		return s.hint(code)
	}
	return ""
}

// StreamCommand is what is run over SSH on this kind of host to be told of pushes,
// one event a line; "" = it has none.
func StreamCommand(kind string) string {
	h, _ := ByKind(kind)
	if s, ok := h.(streaming); ok {
		return s.stream()
	}
	return ""
}

// ScriptOf gives the hook script of this kind of host.
func ScriptOf(kind string) (Script, bool) {
	h, _ := ByKind(kind)
	s, ok := h.(scripted)
	if !ok {
		return Script{}, false
	}
	return s.script(), true
}
