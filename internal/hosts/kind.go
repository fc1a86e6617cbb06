package hosts

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
