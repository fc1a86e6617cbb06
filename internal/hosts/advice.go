package hosts

import "issuetrail/internal/model"

// What GitHub, GitLab and Gitea know more than the server's answer says. All three hide
// a repository from a key that may not read it: "not found" says both.

func (github) hint(code string) string {
	switch code {
	case model.CodeAuthFailed:
		return "GitHub knows the key of no user and of no repository: add it under Settings → SSH and GPG keys of a machine user, or as a deploy key"
	case model.CodeNotFound:
		return "GitHub answers the same for a repository that is not there and for one that the key may not read. A deploy key reads one repository only; " +
			"a user's key must be authorized for an organization with single sign-on (Settings → SSH and GPG keys → Configure SSO)"
	case model.CodeUnreachable, model.CodeTimeout:
		return "where port 22 is closed, ssh://git@ssh.github.com:443/owner/repository.git is the same repository of github.com on port 443"
	}
	return ""
}

func (gitlab) hint(code string) string {
	switch code {
	case model.CodeAuthFailed:
		return "GitLab knows the key of no user and of no project: add it under Preferences → SSH keys of a user with the Reporter role, or as a deploy key. " +
			"An administrator may have forbidden keys of this type or length, and keys expire on the date that was set with them"
	case model.CodeNotFound:
		return "GitLab answers the same for a project that is not there and for one that the key may not read. A deploy key must be enabled in each project, " +
			"a user needs the Reporter role in it"
	case model.CodeUnreachable, model.CodeTimeout:
		return "where port 22 is closed, ssh://git@altssh.gitlab.com:443/group/project.git is the same project of gitlab.com on port 443"
	}
	return ""
}

func (gitea) hint(code string) string {
	switch code {
	case model.CodeAuthFailed:
		return "the server knows the key of no user and of no repository: add it under Settings → SSH / GPG Keys. With the built-in SSH server the port is that of SSH_PORT, " +
			"and the user that of BUILTIN_SSH_SERVER_USER, mostly git"
	case model.CodeNotFound:
		return "the server answers the same for a repository that is not there and for one that the key may not read"
	}
	return ""
}
