package hosts

import (
	"strings"

	"issuetrail/internal/model"
)

// port443 names the servers that vendors run on port 443, for networks that let nothing
// else through, and the server that has the same repositories on port 22. Azure has none.
var port443 = map[string]string{
	"ssh.github.com:443":       "github.com:22",
	"altssh.gitlab.com:443":    "gitlab.com:22",
	"altssh.bitbucket.org:443": "bitbucket.org:22",
}

// server is the server of an address, "host:port" of SSH or "https://host:port": one word for
// all names of one server.
func server(a model.Address) string {
	a.Host = strings.TrimSuffix(a.Host, ".")
	if a.HTTPS() {
		return webServer(a)
	}
	if main, ok := port443[a.HostPort()]; ok {
		return main
	}
	return a.HostPort()
}

// caseless gives the identity on a host that takes paths in any case, and where no two
// repositories differ in case alone. All hosts that keep their repositories in a database
// are so. Those that keep them in directories are not: there Acme/app and acme/app are two.
func caseless(a model.Address) model.Identity {
	return lowered(server(a), a.Name())
}

// lowered is the identity of a name on a server, with its key in lower case.
func lowered(server, name string) model.Identity {
	return model.Identity{Key: server + "/" + strings.ToLower(name), Name: name}
}

// GitHub redirects and compares owners and names without case, in the cloud and on
// Enterprise Server.
func (github) identify(a model.Address) model.Identity { return caseless(a) }

func (github) moved(a model.Address, name string) model.Address { return movedPath(a, name) }

// GitLab finds a project by its path without case, and refuses a second one that differs
// in case alone.
func (gitlab) identify(a model.Address) model.Identity { return caseless(a) }

func (gitlab) moved(a model.Address, name string) model.Address { return movedPath(a, name) }

// Gitea, Forgejo and Gogs look owners and names up in lower case.
func (gitea) identify(a model.Address) model.Identity { return caseless(a) }

func (gitea) moved(a model.Address, name string) model.Address { return movedPath(a, name) }

// Bitbucket Cloud makes workspaces and slugs lower case, and takes them in any.
func (bitbucket) identify(a model.Address) model.Identity { return caseless(a) }

func (bitbucket) moved(a model.Address, name string) model.Address { return movedPath(a, name) }
