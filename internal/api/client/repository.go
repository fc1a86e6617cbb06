package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"

	"issuetrail/internal/api/wire"
)

func repoPath(id string) string { return "/repositories/" + url.PathEscape(id) }

// Repositories lists all repositories.
func (c *Client) Repositories(ctx context.Context) iter.Seq2[wire.Repository, error] {
	return pages[wire.Repository](ctx, c, "/repositories", nil)
}

// Repository reads one repository by its id.
func (c *Client) Repository(ctx context.Context, id string) (wire.Repository, error) {
	return get[wire.Repository](ctx, c, repoPath(id))
}

// FindRepository finds a repository by URL, id, or name if that is unique. One that
// is not there is a problem of status 404.
func (c *Client) FindRepository(ctx context.Context, what string) (wire.Repository, error) {
	l, err := get[wire.List[wire.Repository]](ctx, c, "/repositories?"+url.Values{"url": {what}}.Encode())
	if err != nil {
		return wire.Repository{}, err
	}
	if len(l.Items) == 0 {
		return wire.Repository{}, &wire.Problem{
			Type: "about:blank", Title: http.StatusText(http.StatusNotFound), Status: http.StatusNotFound, Code: "not_found",
			Detail: fmt.Sprintf("no repository has the URL, the id or, alone, the name %.200q", what), Hint: "issuetrail repo list",
		}
	}
	return l.Items[0], nil
}

// AddRepository adds a repository; its first sync is queued.
func (c *Client) AddRepository(ctx context.Context, in wire.NewRepository) (wire.Repository, error) {
	return post[wire.Repository](ctx, c, "/repositories", in)
}

// PatchRepository changes what in sets.
func (c *Client) PatchRepository(ctx context.Context, id string, in wire.RepositoryPatch) (out wire.Repository, err error) {
	err = c.call(ctx, "PATCH", prefix+repoPath(id), in, &out)
	return out, err
}

// DeleteRepository forgets a repository and its links.
func (c *Client) DeleteRepository(ctx context.Context, id string) error {
	return c.call(ctx, "DELETE", prefix+repoPath(id), nil, nil)
}

// Sync queues a sync of one repository.
func (c *Client) Sync(ctx context.Context, id string) error {
	return c.call(ctx, "POST", prefix+repoPath(id)+"/sync", nil, nil)
}

// SyncAll queues a sync of every repository that is not suspended.
func (c *Client) SyncAll(ctx context.Context) error {
	return c.call(ctx, "POST", prefix+"/repositories/sync", nil, nil)
}

// Branches lists the linked branches of a repository.
func (c *Client) Branches(ctx context.Context, id string) iter.Seq2[wire.LinkedBranch, error] {
	return pages[wire.LinkedBranch](ctx, c, repoPath(id)+"/branches", nil)
}

// Commits lists the linked commits of a repository.
func (c *Client) Commits(ctx context.Context, id string) iter.Seq2[wire.LinkedCommit, error] {
	return pages[wire.LinkedCommit](ctx, c, repoPath(id)+"/commits", nil)
}

// Relink makes all links anew with the rules in force, or with dry says what would
// come and go.
func (c *Client) Relink(ctx context.Context, dry bool) (wire.Relink, error) {
	path := "/relink"
	if dry {
		path += "?dry_run=true"
	}
	return post[wire.Relink](ctx, c, path, nil)
}

// WaitSync asks again and again until a sync that was queued after before was read
// is done, and gives the repository as it then is: see LastError for how it went.
// seen, unless nil, gets every answer.
func (c *Client) WaitSync(ctx context.Context, before wire.Repository, seen func(wire.Repository)) (wire.Repository, error) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		r, err := c.Repository(ctx, before.ID)
		if err != nil {
			return r, err
		}
		if seen != nil {
			seen(r)
		}
		if r.Suspended || synced(before, r) {
			return r, nil
		}
		select {
		case <-ctx.Done():
			return r, fmt.Errorf("wait for the sync of %s: %w", r.Name, ctx.Err())
		case <-tick.C:
		}
	}
}

// synced says whether a sync ended since before was read, and none waits or runs.
// A failed sync may have a retry waiting: it counts as ended.
func synced(before, now wire.Repository) bool {
	if now.State == "queued" || now.State == "syncing" || now.State == "new" {
		return false
	}
	failedAnew := now.LastError != nil && (before.LastError == nil || now.LastError.At.After(before.LastError.At.Time))
	return failedAnew || now.LastSyncedAt.After(before.LastSyncedAt.Time)
}
