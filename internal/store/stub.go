package store

import (
	"context"
	"time"

	"issuetrail/internal/model"
)

func (s *Store) AddRepo(ctx context.Context, spec model.RepoSpec) (model.Repo, error) { panic("todo") }
func (s *Store) DeclareRepos(ctx context.Context, specs []model.RepoSpec) error       { panic("todo") }
func (s *Store) Repo(ctx context.Context, id int64) (model.Repo, error)               { panic("todo") }
func (s *Store) RepoStatus(ctx context.Context, id int64) (model.RepoStatus, error)   { panic("todo") }
func (s *Store) RepoStatuses(ctx context.Context, limit int, cursor string) ([]model.RepoStatus, string, error) {
	panic("todo")
}
func (s *Store) FindRepo(ctx context.Context, name string) (model.Repo, error) { panic("todo") }
func (s *Store) UpdateRepo(ctx context.Context, id int64, p model.RepoPatch) (model.Repo, error) {
	panic("todo")
}
func (s *Store) DeleteRepo(ctx context.Context, id int64) error     { panic("todo") }
func (s *Store) Enqueue(ctx context.Context, r model.Request) error { panic("todo") }
func (s *Store) EnqueueTick(ctx context.Context, repoID int64, expect, next time.Time) (bool, error) {
	panic("todo")
}
func (s *Store) PlanTick(ctx context.Context, repoID int64, next time.Time) error { panic("todo") }
func (s *Store) EnqueueAll(ctx context.Context, p model.Priority, fetch bool, spread time.Duration) error {
	panic("todo")
}
func (s *Store) Claim(ctx context.Context, o model.ClaimOptions) (model.Claimed, error) {
	panic("todo")
}
func (s *Store) Renew(ctx context.Context, j model.Job, lease time.Duration, p *model.Progress) error {
	panic("todo")
}
func (s *Store) Fail(ctx context.Context, j model.Job, f *model.Failure, retryAt time.Time) error {
	panic("todo")
}
func (s *Store) Finish(ctx context.Context, j model.Job) error                         { panic("todo") }
func (s *Store) Wake() <-chan struct{}                                                 { panic("todo") }
func (s *Store) NextRunAt(ctx context.Context) (time.Time, error)                      { panic("todo") }
func (s *Store) Refs(ctx context.Context, repoID int64) ([]model.Ref, error)           { panic("todo") }
func (s *Store) Add(ctx context.Context, j model.Job, batch []model.BatchCommit) error { panic("todo") }
func (s *Store) Record(ctx context.Context, j model.Job, r model.SyncResult) error     { panic("todo") }
func (s *Store) Known(ctx context.Context, repoID int64, hashes []model.Hash) ([]bool, error) {
	panic("todo")
}
func (s *Store) EachCommit(ctx context.Context, repoID int64, f func(model.RawCommit) error) error {
	panic("todo")
}
func (s *Store) Relink(ctx context.Context, j model.Job, rules string, keys func(model.RawCommit) []model.IssueKey,
	branch func(name string) []model.IssueKey, dry bool, changed func(model.LinkChange)) error {
	panic("todo")
}
func (s *Store) ResetHistory(ctx context.Context, j model.Job) error { panic("todo") }
func (s *Store) Issue(ctx context.Context, key model.IssueKey, q model.IssueQuery) (model.Issue, error) {
	panic("todo")
}
func (s *Store) Issues(ctx context.Context, prefix string, limit int, cursor string) ([]model.IssueSummary, string, error) {
	panic("todo")
}
func (s *Store) LinkedBranches(ctx context.Context, repoID int64, limit int, cursor string) ([]model.BranchLink, string, error) {
	panic("todo")
}
func (s *Store) LinkedCommits(ctx context.Context, repoID int64, limit int, cursor string) ([]model.CommitLink, string, error) {
	panic("todo")
}
func (s *Store) CommitByHash(ctx context.Context, repoID int64, h model.Hash) (model.Commit, error) {
	panic("todo")
}
func (s *Store) Accept(ctx context.Context, d model.Delivery) (model.Delivery, error) { panic("todo") }
func (s *Store) Deliveries(ctx context.Context, host string, limit int, cursor string) ([]model.Delivery, string, error) {
	panic("todo")
}
func (s *Store) Delivery(ctx context.Context, id string) (model.Delivery, error)  { panic("todo") }
func (s *Store) Redeliver(ctx context.Context, id string) (model.Delivery, error) { panic("todo") }
func (s *Store) PruneDeliveries(ctx context.Context, before time.Time) error      { panic("todo") }
func (s *Store) CreateToken(ctx context.Context, name string, role model.Role, hash [32]byte) error {
	panic("todo")
}
func (s *Store) Tokens(ctx context.Context) ([]model.Token, error)                   { panic("todo") }
func (s *Store) RevokeToken(ctx context.Context, name string) error                  { panic("todo") }
func (s *Store) TokenByHash(ctx context.Context, hash [32]byte) (model.Token, error) { panic("todo") }
func (s *Store) KnownHosts(ctx context.Context) ([]model.KnownHost, error)           { panic("todo") }
func (s *Store) AddKnownHosts(ctx context.Context, hosts []model.KnownHost) error    { panic("todo") }
func (s *Store) RemoveKnownHost(ctx context.Context, host string) error              { panic("todo") }
func (s *Store) Key(ctx context.Context) (model.SealedKey, error)                    { panic("todo") }
func (s *Store) PutKey(ctx context.Context, k model.SealedKey) error                 { panic("todo") }
func (s *Store) Ping(ctx context.Context) error                                      { panic("todo") }
func (s *Store) Stats(ctx context.Context) (model.Stats, error)                      { panic("todo") }
