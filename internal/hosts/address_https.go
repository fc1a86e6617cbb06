package hosts

import (
	"net/url"
	"slices"
	"strings"

	"issuetrail/internal/model"
)

// What is known of addresses over HTTPS. On the vendors' own services they name the same
// repositories as those over SSH. On a server of one's own nothing says that the two ways lead
// to one server, so they stay two.

// webServer is the server of an address over HTTPS, in the word for its SSH server where that
// is known to be the same.
func webServer(a model.Address) string {
	for _, h := range All() {
		s, ok := h.(hosted)
		if !ok || a.Port != 443 {
			continue
		}
		web, names := s.service()
		u, err := url.Parse(web)
		if err == nil && u.Host == a.Host && slices.Contains(names, a.Host) {
			return a.Host + ":22"
		}
	}
	return "https://" + a.HostPort()
}

// KindOf gives the kind of host that an address is known for, by its web address or by its SSH
// host; any other is plain git.
func KindOf(a model.Address) string {
	host := strings.TrimSuffix(a.Host, ".")
	if !a.HTTPS() {
		return KindOfSSHHost(host)
	}
	for _, h := range All() {
		s, ok := h.(hosted)
		if !ok || a.Port != 443 {
			continue
		}
		web, _ := s.service()
		if u, err := url.Parse(web); err == nil && u.Host == host {
			return h.Kind()
		}
	}
	if org, ok := strings.CutSuffix(host, azureOldWeb); ok && a.Port == 443 && org != "" && !strings.Contains(org, ".") {
		return kindAzure
	}
	return plain{}.Kind()
}

// behind takes the name of a repository from behind a word that stands before all names in
// addresses over HTTPS: "scm" of /scm/core/app.git.
func behind(a model.Address, word string) (before, name string, ok bool) {
	if !a.HTTPS() {
		return "", "", false
	}
	before, name, ok = strings.Cut("/"+a.Name(), "/"+word+"/")
	return strings.TrimPrefix(before+"/"+word, "/"), name, ok && name != ""
}

// movedBehind is movedPath where the word stays.
func movedBehind(a model.Address, word, name string) model.Address {
	if before, _, ok := behind(a, word); ok {
		name = before + "/" + name
	}
	return movedPath(a, name)
}

const (
	scmWord     = "scm" // of Bitbucket Data Center
	gerritWord  = "a"   // which asks for a login; without it the project is the same
	gitblitWord = "r"
)

// Bitbucket Data Center has project keys in upper case, writes them in lower case into
// clone URLs, and takes both, as it does with slugs. Over HTTPS "scm" stands before them.
func (bitbucketServer) identify(a model.Address) model.Identity {
	id := caseless(a)
	if _, name, ok := behind(a, scmWord); ok && strings.Count(name, "/") == 1 {
		id.Name = name
	}
	return id
}

func (bitbucketServer) moved(a model.Address, name string) model.Address {
	return movedBehind(a, scmWord, name)
}

// Gerrit keeps projects in folders, whose names have cases.
func (gerrit) identify(a model.Address) model.Identity {
	if before, name, ok := behind(a, gerritWord); ok && before == gerritWord {
		a.Path = "/" + name
	}
	return a.Identity()
}

func (gerrit) moved(a model.Address, name string) model.Address {
	if before, _, _ := behind(a, gerritWord); before != gerritWord {
		return movedPath(a, name)
	}
	return movedBehind(a, gerritWord, name)
}

// GitBlit keeps repositories in folders, too, and serves them below "r".
func (gitblit) identify(a model.Address) model.Identity {
	id := a.Identity()
	if before, name, ok := behind(a, gitblitWord); ok && before == gitblitWord {
		id.Name = name
	}
	return id
}

func (gitblit) moved(a model.Address, name string) model.Address {
	if before, _, _ := behind(a, gitblitWord); before != gitblitWord {
		return movedPath(a, name)
	}
	return movedBehind(a, gitblitWord, name)
}
