package hosts

import (
	"net/url"
	"strings"

	"issuetrail/internal/model"
)

const (
	azureSSH    = "ssh.dev.azure.com"
	azureOldSSH = "vs-ssh.visualstudio.com"
	azureWeb    = "dev.azure.com"
	azureOldWeb = ".visualstudio.com" // behind the organization's name
	azureGit    = "_git"
	azureOldGit = "_ssh" // stands for _git in some SSH addresses
)

// An azureRepo is what an address of Azure DevOps names, its parts as people write
// them, without %20.
type azureRepo struct {
	server  string // "ssh.dev.azure.com:22" for all of the cloud
	under   string // what stands before a server's collection, such as "tfs"; mostly ""
	org     string // the organization, or a server's collection
	project string
	repo    string
}

func (r azureRepo) name() string { return r.org + "/" + r.project + "/" + r.repo }

// identify knows these forms, of which all but the last two are one and the same:
//
//	git@ssh.dev.azure.com:v3/org/project/repo
//	org@vs-ssh.visualstudio.com:v3/org/project/repo
//	ssh://org@vs-ssh.visualstudio.com:22/[DefaultCollection/][project/]_ssh/repo
//	https://dev.azure.com/org/[project/]_git/repo
//	https://org.visualstudio.com/[DefaultCollection/][project/]_git/repo
//	ssh://server:22/[tfs/]collection/[project/]_git/repo
//	https://server/[tfs/]collection/[project/]_git/repo
//
// Where the project is left out it has the repository's name. Names are without case on
// Azure. "tfs" is where servers were installed to at first, and the address of an old clone
// may have it still.
func (azure) identify(a model.Address) model.Identity {
	r, ok := readAzure(a)
	if !ok {
		return caseless(a)
	}
	if r.under == "" || strings.EqualFold(r.under, "tfs") {
		return lowered(r.server, r.name())
	}
	return model.Identity{Key: r.server + "/" + strings.ToLower(r.under+"/"+r.name()), Name: r.name()}
}

// readAzure takes an address apart; false = it has none of the known forms.
func readAzure(a model.Address) (azureRepo, bool) {
	parts, host := azureParts(a.Path), strings.TrimSuffix(a.Host, ".")
	org, old := strings.CutSuffix(host, azureOldWeb)
	switch cloud := old || host == azureSSH; {
	case a.HTTPS() && host == azureWeb:
		return azureOnWeb(parts)
	case cloud && len(parts) == 4 && strings.EqualFold(parts[0], "v3"):
		return azureRepo{azureSSH + ":22", "", parts[1], parts[2], parts[3]}, true
	case host == azureOldSSH && a.User != "git":
		org = a.User
	case !cloud:
		r, ok := azureOnServer(parts)
		r.server = server(a)
		return r, ok
	case !old || host == azureOldSSH || strings.Contains(org, "."):
		return azureRepo{}, false
	}
	before, repo, ok := azureCut(parts)
	if len(before) > 0 && strings.EqualFold(before[0], "DefaultCollection") {
		before = before[1:]
	}
	r := azureRepo{azureSSH + ":22", "", org, repo, repo}
	if len(before) == 1 {
		r.project = before[0]
	}
	return r, ok && len(before) <= 1
}

// azureOnWeb reads the path of an address over HTTPS at dev.azure.com.
func azureOnWeb(parts []string) (azureRepo, bool) {
	before, repo, ok := azureCut(parts)
	if !ok || len(before) == 0 || len(before) > 2 {
		return azureRepo{}, false
	}
	r := azureRepo{azureSSH + ":22", "", before[0], repo, repo}
	if len(before) == 2 {
		r.project = before[1]
	}
	return r, true
}

// azureOnServer reads the path on a server of one's own.
func azureOnServer(parts []string) (azureRepo, bool) {
	before, repo, ok := azureCut(parts)
	under := ""
	if len(before) > 1 && strings.EqualFold(before[0], "tfs") {
		under, before = before[0], before[1:]
	}
	switch n := len(before); {
	case !ok || n == 0:
		return azureRepo{}, false
	case n == 1:
		return azureRepo{under: under, org: before[0], project: repo, repo: repo}, true
	default:
		under = strings.Trim(under+"/"+strings.Join(before[:n-2], "/"), "/")
		return azureRepo{under: under, org: before[n-2], project: before[n-1], repo: repo}, true
	}
}

// azureCut gives what stands before "_git" or "_ssh", and the repository behind it.
func azureCut(parts []string) (before []string, repo string, ok bool) {
	n := len(parts)
	if n < 2 || !strings.EqualFold(parts[n-2], azureGit) && !strings.EqualFold(parts[n-2], azureOldGit) {
		return nil, "", false
	}
	return parts[:n-2], parts[n-1], true
}

// azureParts gives the segments of a path as people write them: a path that was
// copied from Azure has %20 for a space, one of an ssh:// URL was decoded already.
func azureParts(path string) []string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	for i, p := range parts {
		if decoded, err := url.PathUnescape(p); err == nil && !strings.ContainsFunc(decoded, notInName) {
			parts[i] = decoded
		}
	}
	return parts
}

// notInName says whether a name that is not a path may not hold r.
func notInName(r rune) bool { return r == '/' || r < ' ' || r == 0x7f || r == '\uFFFD' }

// moved keeps the form of the address; the project is always written.
func (azure) moved(a model.Address, name string) model.Address {
	to := strings.Split(name, "/")
	r, ok := readAzure(a)
	if !ok || len(to) != 3 {
		return movedPath(a, name)
	}
	parts := azureParts(a.Path)
	org, cloud := to[0], r.server == azureSSH+":22"
	switch {
	case a.HTTPS() && a.Host == azureWeb:
		to = []string{to[0], to[1], azureGit, to[2]}
	case cloud && strings.EqualFold(parts[0], "v3"):
		to = append(parts[:1:1], to...)
	case cloud:
		before, _, _ := azureCut(parts)
		to = []string{to[1], parts[len(parts)-2], to[2]}
		if len(before) > 0 && strings.EqualFold(before[0], "DefaultCollection") {
			to = append(before[:1:1], to...)
		}
	default:
		to = []string{to[0], to[1], parts[len(parts)-2], to[2]}
		if r.under != "" {
			to = append([]string{r.under}, to...)
		}
	}
	if !a.HTTPS() && strings.EqualFold(a.User, r.org) {
		a.User = org // of an old address
	}
	return azurePath(a, to)
}

// azurePath puts segments into the path, escaped where the address stays as it is written.
func azurePath(a model.Address, parts []string) model.Address {
	if strings.HasPrefix(a.Path, "/") {
		a.Path = "/" + strings.Join(parts, "/")
		return a
	}
	escaped := make([]string, len(parts))
	for i, p := range parts {
		escaped[i] = url.PathEscape(p)
	}
	a.Path = strings.Join(escaped, "/")
	return a
}
