package api

import (
	"context"
	"time"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

// Issues reads links. *store.Store is the implementation.
type Issues interface {
	// Issue never fails for a key that has no links: it gives empty lists.
	Issue(ctx context.Context, key model.IssueKey, q model.IssueQuery) (model.Issue, error)
	// Issues lists issues with links whose key begins with prefix, newest activity first.
	Issues(ctx context.Context, prefix string, limit int, cursor string) ([]model.IssueSummary, string, error)
}

// Repos reads repositories. *store.Store is the implementation. What is not there
// is model.ErrNotFound.
type Repos interface {
	RepoStatus(ctx context.Context, id int64) (model.RepoStatus, error)
	RepoStatuses(ctx context.Context, limit int, cursor string) ([]model.RepoStatus, string, error)
	// FindRepo takes a URL in any of its forms, an id, or a name if it is unique.
	FindRepo(ctx context.Context, what string) (model.Repo, error)
}

// RepoEdits changes repositories. *store.Store is the implementation. What is not
// there is model.ErrNotFound.
type RepoEdits interface {
	AddRepo(ctx context.Context, spec model.RepoSpec) (model.Repo, error) // model.ErrExists
	UpdateRepo(ctx context.Context, id int64, patch model.RepoPatch) (model.Repo, error)
	DeleteRepo(ctx context.Context, id int64) error
}

// RepoLinks reads what is linked of one repository. *store.Store is the
// implementation.
type RepoLinks interface {
	LinkedBranches(ctx context.Context, repoID int64, limit int, cursor string) ([]model.BranchLink, string, error)
	LinkedCommits(ctx context.Context, repoID int64, limit int, cursor string) ([]model.CommitLink, string, error)
}

// Jobs queues syncs. *store.Store is the implementation.
type Jobs interface {
	Enqueue(ctx context.Context, r model.Request) error
	EnqueueAll(ctx context.Context, p model.Priority, fetch bool, spread time.Duration) error
}

// Deliveries is the webhook log. *store.Store is the implementation. What is not
// there is model.ErrNotFound.
type Deliveries interface {
	// Deliveries lists those of one host, or of all when host is "", newest first.
	Deliveries(ctx context.Context, host string, limit int, cursor string) ([]model.Delivery, string, error)
	Delivery(ctx context.Context, id string) (model.Delivery, error)
	// Redeliver looks anew which repositories are meant, and queues them.
	Redeliver(ctx context.Context, id string) (model.Delivery, error)
}

// Tokens keeps the hashes of API tokens. *store.Store is the implementation.
type Tokens interface {
	CreateToken(ctx context.Context, name string, role model.Role, hash [32]byte) error // model.ErrExists
	Tokens(ctx context.Context) ([]model.Token, error)
	RevokeToken(ctx context.Context, name string) error // model.ErrNotFound
	// TokenByHash is model.ErrNotFound for a hash of no token.
	TokenByHash(ctx context.Context, hash [32]byte) (model.Token, error)
}

// Keys is the shared key. *keystore.Keyring is the implementation, through an
// adapter in cmd/daemon. What a person must mend is a *model.Failure with a code of the API:
// key_missing, key_public and so on, and managed_by_config while the key is a file.
type Keys interface {
	Info(ctx context.Context) (model.KeyInfo, error)
	// Infos tells of all keys that there are, the active one first.
	Infos(ctx context.Context) ([]model.KeyInfo, error)
	Generate(ctx context.Context, bits int) (model.KeyInfo, error) // 0 bits = the default
	// Import gives also what the key was converted from: openssh, pkcs8, putty or "".
	Import(ctx context.Context, pem, passphrase []byte) (info model.KeyInfo, convertedFrom string, err error)

	// Stage and StageNew are Import and Generate for a key that is only tried out, in place of any such one.
	Stage(ctx context.Context, pem, passphrase []byte) (info model.KeyInfo, convertedFrom string, err error)
	StageNew(ctx context.Context, bits int) (model.KeyInfo, error)
	Activate(ctx context.Context) (model.KeyInfo, error)           // the staged key; key_staged_missing
	Rollback(ctx context.Context) (model.KeyInfo, error)           // to the previous key; key_previous_missing
	Drop(ctx context.Context, role model.KeyRole) error            // staged or previous
	Rewrap(ctx context.Context) (keys int, note string, err error) // seals all keys anew; note says what a person does next
}

// KeyWatch knows which servers take which key. cmd/daemon has it.
type KeyWatch interface {
	// Checks gives a page of the repositories over SSH that are not suspended.
	Checks(ctx context.Context, limit int, cursor string) ([]wire.KeyCheck, string, error)
	Status(ctx context.Context) (wire.KeyStatus, error)
	// CheckNow has each server tried soon with the active key, and each repository with the staged one.
	CheckNow(ctx context.Context) (askedAt time.Time, err error)
}

// HostKeys is the trusted SSH host keys; hostport always has the port. cmd/daemon
// makes it of keystore.KnownHosts and mirror.Pool.
type HostKeys interface {
	List(ctx context.Context) ([]model.KnownHost, error)
	// Scan asks the server for the keys that it offers, without authentication. Those that are
	// trusted may have a Source.
	Scan(ctx context.Context, hostport string) ([]model.KnownHost, error)
	// Trust scans the server and trusts the key of this fingerprint.
	// model.ErrNotFound: it offers no such key.
	Trust(ctx context.Context, hostport, fingerprint string) (model.KnownHost, error)
	// Remove stops trusting what was added for a host, or for the patterns, the hashed name or
	// the "@marker names" of an imported line. model.ErrNotFound
	Remove(ctx context.Context, host string) error
	// Import trusts the lines of an OpenSSH known_hosts file.
	Import(ctx context.Context, text string) (model.HostImport, error)
}

// Tester tries a connection. *mirror.Pool is the implementation, through an adapter.
type Tester interface {
	// Test always dials. What it found is given also beside an error; OK, Code, Detail and Hint are left to
	// the caller.
	Test(ctx context.Context, a model.Address) (wire.TestResult, error)
}

// Relinker says what relinking a repository with the rules in force would change.
// It changes nothing. cmd/daemon makes it of the store and the rules of sync.
type Relinker interface {
	DryRun(ctx context.Context, r model.Repo, change func(model.LinkChange)) error
}

// Hosts knows the git hosts of the config. cmd/daemon makes it of the config and the room
// hosts. No answer holds a secret.
type Hosts interface {
	Hosts(ctx context.Context) ([]wire.Host, error)
	// HostGuide takes the name of an entry, or a kind. model.ErrNotFound: it is neither.
	HostGuide(ctx context.Context, name string) (wire.HostGuide, error)
}

// Pinger is the database. *store.Store is the implementation.
type Pinger interface {
	Ping(ctx context.Context) error
}
