// Package config reads config.yaml into one validated struct. All mistakes are
// reported at once, each with file, line, column and path. It opens no secret
// except to see that there is one and that nobody else can read it.
package config

import (
	"net/netip"
	"time"
)

// A Config is the whole configuration, with defaults filled in and all paths absolute.
type Config struct {
	// Folder of the database, the key and the known hosts.
	DataDir string `yaml:"data_dir" path:"any"`
	// The HTTP server.
	Server Server `yaml:"server"`
	// Where everything is remembered.
	Database Database `yaml:"database"`
	// The one shared SSH private key.
	Key Key `yaml:"key"`
	// A known_hosts file in OpenSSH's format; "" = managed in the database.
	KnownHostsFile string `yaml:"known_hosts_file" path:"file"`
	// When and how repositories are synced.
	Sync Sync `yaml:"sync"`
	// How issue keys are found and linked.
	Issues Issues `yaml:"issues"`
	// Jira sites that links are published to; none is fine too.
	Jira []Jira `yaml:"jira"`
	// Git hosts.
	Hosts []Host `yaml:"hosts"`
	// Repositories; more can be added by API or command.
	Repositories []Repository `yaml:"repositories"`
}

// Server says where the daemon listens.
type Server struct {
	// Address of API and webhooks, "host:port".
	Listen string `yaml:"listen"`
	// A second address that serves /webhooks/ alone, "host:port"; "" = none.
	WebhookListen string `yaml:"webhook_listen"`
	// Unix socket of the command line; "" = $RUNTIME_DIRECTORY/control.sock, else data_dir/control.sock.
	ControlSocket string `yaml:"control_socket" path:"any"`
	// Address under which people and git hosts reach the server, http or https, without a "/" at the end.
	PublicURL string `yaml:"public_url"`
	// Certificate and key, both or none.
	TLS TLS `yaml:"tls"`
	// Networks whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix `yaml:"trusted_proxies"`
}

// TLS names the files of the server's certificate and its key, PEM.
type TLS struct {
	// Certificate chain.
	CertFile string `yaml:"cert_file" path:"file"`
	// Private key of the certificate.
	KeyFile string `yaml:"key_file" path:"secret"`
}

// Database says which database is used.
type Database struct {
	// "" = SQLite in data_dir; postgres://… = PostgreSQL, for several nodes.
	URL string `yaml:"url"`
}

// Key says where the shared SSH key comes from.
type Key struct {
	// An RSA key to read, PEM; "" = managed by `key generate|import` and the API.
	File string `yaml:"file" path:"file"`
	// Holds the passphrase of file.
	PassphraseFile string `yaml:"passphrase_file" path:"secret"`
	// Encrypts the managed key in the database; "" = data_dir/master-key, made on first start.
	// Needed with PostgreSQL.
	MasterKeyFile string `yaml:"master_key_file" path:"secret"`
}

// Sync says when and how repositories are synced.
type Sync struct {
	// Cron spec: five fields, @every or CRON_TZ=.
	Schedule string `yaml:"schedule"`
	// full = bare mirror with files; commits = history without trees and files.
	Mirror string `yaml:"mirror" jsonschema:"enum=full,enum=commits"`
	// Repositories synced at the same time.
	Workers int `yaml:"workers" jsonschema:"minimum=1,maximum=1000"`
	// Longest duration of one sync, the first one of a repository excepted; "15m".
	Timeout time.Duration `yaml:"timeout"`
	// Syncs at the same time against one SSH host and port.
	PerHost int `yaml:"per_host" jsonschema:"minimum=1,maximum=1000"`
	// Which branches are followed.
	Refs Refs `yaml:"refs"`
	// Networks that SSH may reach although they are refused otherwise: loopback, link-local, multicast, metadata.
	AllowAddresses []netip.Prefix `yaml:"allow_addresses"`
}

// Refs narrows the followed branches by globs over their short names.
type Refs struct {
	// Branches to follow; empty = all.
	Include []string `yaml:"include"`
	// Branches to leave out; wins over include.
	Exclude []string `yaml:"exclude"`
}

// Issues says how issue keys are found and linked.
type Issues struct {
	// Jira project keys; empty = any key that passes the strict rules.
	Projects []string `yaml:"projects"`
	// Renamed projects, old key to new key: with OLD: NEW, OLD-7 links to NEW-7.
	// A chain of renames is followed to its end when the file is read.
	Aliases map[string]string `yaml:"aliases"`
	// What becomes of links whose commit no followed ref reaches any more.
	Unreachable string `yaml:"unreachable" jsonschema:"enum=remove,enum=keep"`
}

// A Jira is one Jira site.
type Jira struct {
	// Name of the site in issuetrail.
	Name string `yaml:"name" jsonschema:"required"`
	// cloud = Jira Cloud; datacenter = Jira Data Center.
	Kind string `yaml:"kind" jsonschema:"required,enum=cloud,enum=datacenter"`
	// Web address; https, or http on loopback.
	Site string `yaml:"site" jsonschema:"required"`
	// Cloud only; "" = asked from the site.
	CloudID string `yaml:"cloud_id"`
	// Cloud only: client id of the OAuth credential.
	ClientID string `yaml:"client_id"`
	// Cloud only: holds the client secret.
	ClientSecretFile string `yaml:"client_secret_file" path:"secret"`
	// Cloud only: base of every API call.
	APIURL string `yaml:"api_url"`
	// Cloud only: where access tokens come from.
	TokenURL string `yaml:"token_url"`
	// Data Center only: holds a personal access token.
	TokenFile string `yaml:"token_file" path:"secret"`
	// Project keys that belong to this site; empty = all.
	Projects []string `yaml:"projects"`
	// Smart commits: off; jira = Jira runs them; own = issuetrail runs them.
	SmartCommits string `yaml:"smart_commits" jsonschema:"enum=off,enum=jira,enum=own"`
}

// A Host is one git-hosting product or its configured instance.
type Host struct {
	// The word in the webhook's path: /webhooks/NAME.
	Name string `yaml:"name" jsonschema:"required"`
	// The product.
	Kind string `yaml:"kind" jsonschema:"required"`
	// Base of commit, branch and file links, http or https; "" = the product's own site, if it has one.
	WebURL string `yaml:"web_url"`
	// Repositories with this SSH host belong here; "host" is any port of it, "host:port" that one.
	SSHHost string `yaml:"ssh_host"`
	// Holds the webhook secret, or two of them, one a line; "" = no webhooks are accepted.
	WebhookSecretFile string `yaml:"webhook_secret_file" path:"secret"`
	// Templates of web links that differ from the product's own.
	Links Links `yaml:"links"`
	// Gerrit without its webhooks plugin: the SSH server whose events are read, ssh://user@host:port; "" = none are.
	StreamEvents string `yaml:"stream_events"`
	// Holds an API token, for the full-feature integration; without effect in this version.
	APITokenFile string `yaml:"api_token_file" path:"secret"`
	// Allows SSH servers that sign RSA with SHA-1 only.
	AllowSHA1 bool `yaml:"allow_sha1"`
	// HTTPS: holds user name and token, one a line; read at each sync. They go to the server of web_url alone, or, without one,
	// to ssh_host on port 443, or to the product's own site.
	CredentialsFile string `yaml:"credentials_file" path:"secret"`
	// HTTPS: certificate authorities that are trusted beside the system's, PEM.
	CAFile string `yaml:"ca_file" path:"file"`
	// HTTPS: whether the server's certificate is checked.
	TLSVerify bool `yaml:"tls_verify"`
	// With an API token: owners, groups or projects whose repositories are added; globs; without effect in this version.
	Discover []string `yaml:"discover"`
}

// Links are templates of web addresses. Each begins with {web}, which is web_url, or with http:// or https://.
// {repo} is the name of the repository, {project} that name without its last part, {name} that last part.
// A word is escaped for where it stands; {branch:all} escapes slashes in a path, too. [#L{line}] is left out when a word
// in it has no value.
type Links struct {
	// Page of the repository.
	Repo string `yaml:"repo"`
	// Page of a commit, with {hash}.
	Commit string `yaml:"commit"`
	// Page of a branch, with {branch}.
	Branch string `yaml:"branch"`
	// Page of a tag, with {tag}.
	Tag string `yaml:"tag"`
	// Page that compares two commits, with {from} and {to}.
	Compare string `yaml:"compare"`
	// Page of a file, with {path}, {hash} and {line}.
	File string `yaml:"file"`
	// Page of a pull request, with {number}.
	PullRequest string `yaml:"pull_request"`
}

// A Repository is a repository to follow.
type Repository struct {
	// Clone URL: git@host:path, ssh://user@host:port/path or https://host/path.
	URL string `yaml:"url" jsonschema:"required"`
	// Name of the host entry; "" = the entry whose ssh_host it has, else what is known of its SSH host.
	Host string `yaml:"host"`
	// Cron spec; "" = sync.schedule.
	Schedule string `yaml:"schedule"`
	// "" = sync.mirror.
	Mirror string `yaml:"mirror" jsonschema:"enum=full,enum=commits"`
	// Narrows issues.projects for this repository.
	Projects []string `yaml:"projects"`
}
