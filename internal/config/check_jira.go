package config

import (
	"regexp"
	"strings"
)

// entryName is the shape of the names of hosts and sites: they stand in paths and in commands.
var entryName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// names checks a name and that no other entry has it, in whatever case.
type names map[string]string

func (c *checker) name(seen names, path, name string) {
	path += ".name"
	switch first, twice := seen[strings.ToLower(name)]; {
	case name == "":
	case !entryName.MatchString(name):
		c.again(path, "%s is not a name: letters, digits, dot, dash and _, 63 at most", quote(name))
	case twice:
		c.again(path, "%s is the name of %s already", quote(name), first)
	default:
		seen[strings.ToLower(name)] = strings.TrimSuffix(path, ".name")
	}
}

func (c *checker) jira() {
	seen := names{}
	for i := range c.cfg.Jira {
		site, path := &c.cfg.Jira[i], index("jira", i)
		c.name(seen, path, site.Name)
		c.secureAddress(path+".site", &site.Site)
		c.secureAddress(path+".api_url", &site.APIURL)
		c.secureAddress(path+".token_url", &site.TokenURL)
		c.projects(path+".projects", site.Projects)
		c.credentials(path, site)
	}
}

// credentials checks that a site has what its kind needs, and nothing of the other kind.
func (c *checker) credentials(path string, site *Jira) {
	cloud := map[string]string{"client_id": site.ClientID, "client_secret_file": site.ClientSecretFile}
	dc := map[string]string{"token_file": site.TokenFile}
	switch site.Kind {
	case "cloud":
		if site.APIURL == "" && !c.refused(path+".api_url") {
			site.APIURL = cloudAPI
		}
		if site.TokenURL == "" && !c.refused(path+".token_url") {
			site.TokenURL = cloudToken
		}
		c.needs(path, site.Kind, cloud)
		c.hasNo(path, site.Kind, dc)
	case "datacenter":
		cloud["cloud_id"], cloud["api_url"], cloud["token_url"] = site.CloudID, site.APIURL, site.TokenURL
		c.needs(path, site.Kind, dc)
		c.hasNo(path, site.Kind, cloud)
	}
}

func (c *checker) needs(path, kind string, keys map[string]string) {
	for key, value := range keys {
		if value == "" {
			c.again(path+"."+key, "is required with kind: %s", kind)
		}
	}
}

func (c *checker) hasNo(path, kind string, keys map[string]string) {
	for key, value := range keys {
		if value != "" {
			c.again(path+"."+key, "has no meaning with kind: %s", kind)
		}
	}
}
