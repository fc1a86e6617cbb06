package hosts

import "strings"

// The kinds, as the config writes them.
const (
	kindGitHub          = "github"
	kindGitLab          = "gitlab"
	kindBitbucket       = "bitbucket"
	kindBitbucketServer = "bitbucket-server"
	kindAzure           = "azure-devops"
	kindGerrit          = "gerrit"
	kindGitBlit         = "gitblit"
	kindGitolite        = "gitolite"
	kindBeanstalk       = "beanstalk"
	kindGitea           = "gitea"
	kindGit             = "git"
)

// Kinds lists the words that the config takes as a host's kind. Repositories of
// any of them are synced; webhooks work for those that ByKind knows.
func Kinds() []string {
	return []string{
		kindGitHub, kindGitLab, kindBitbucket, kindBitbucketServer, kindAzure, kindGerrit,
		kindGitBlit, kindGitolite, kindBeanstalk, kindGitea, kindGit,
	}
}

// sshHosts are the SSH names of hosted services, the ones on port 443 included.
var sshHosts = map[string]string{
	"github.com":              kindGitHub,
	"ssh.github.com":          kindGitHub,
	"gitlab.com":              kindGitLab,
	"altssh.gitlab.com":       kindGitLab,
	"bitbucket.org":           kindBitbucket,
	"altssh.bitbucket.org":    kindBitbucket,
	"ssh.dev.azure.com":       kindAzure,
	"vs-ssh.visualstudio.com": kindAzure,
}

// KindOfSSHHost gives the kind of a known SSH host name, without a port; any
// other host is plain git.
func KindOfSSHHost(host string) string {
	if kind, ok := sshHosts[strings.TrimSuffix(strings.ToLower(host), ".")]; ok {
		return kind
	}
	return kindGit
}

// DefaultWeb gives the web address of the hosted service of a kind, or "". It
// is right for repositories on that service's own SSH host alone: ask it after
// KindOfSSHHost, not for a server of one's own.
func DefaultWeb(kind string) string {
	switch kind {
	case kindGitHub:
		return "https://github.com"
	case kindGitLab:
		return "https://gitlab.com"
	case kindBitbucket:
		return "https://bitbucket.org"
	case kindAzure:
		return "https://dev.azure.com"
	}
	return ""
}
