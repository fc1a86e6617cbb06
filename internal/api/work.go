package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

// syncRepo queues a sync now.
func (a *API) syncRepo(c echo.Context) error {
	r, err := a.repo(c)
	if err != nil {
		return err
	}
	if r.Suspended {
		return hinted(http.StatusConflict, "repository_suspended", "issuetrail repo resume "+r.URL, "this repository is suspended")
	}
	request := model.Request{RepoID: r.ID, Priority: model.PriorityManual, Fetch: true}
	if err := a.o.Jobs.Enqueue(c.Request().Context(), request); err != nil {
		return err
	}
	return queued(c, strconv.FormatInt(r.ID, 10))
}

// syncAll queues a sync of every repository that is not suspended.
func (a *API) syncAll(c echo.Context) error {
	if err := a.o.Jobs.EnqueueAll(c.Request().Context(), model.PriorityManual, true, 0); err != nil {
		return err
	}
	return queued(c)
}

func queued(c echo.Context, ids ...string) error {
	if ids == nil {
		ids = []string{}
	}
	return answer(c, http.StatusAccepted, wire.Queued{Status: "queued", Repositories: ids})
}

// shownChanges bounds how many changes a dry run of relinking lists; it counts all.
const shownChanges = 1000

// relink makes all links anew with the rules in force, or says with ?dry_run=true
// what would come and go.
func (a *API) relink(c echo.Context) error {
	dry, err := boolParam(c, "dry_run")
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	if dry {
		// It reads the whole history: no limit that the server has for answers fits.
		_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Time{})
		out, err := a.dryRun(ctx)
		if err != nil {
			return err
		}
		return answer(c, http.StatusOK, out)
	}
	if err := a.o.Jobs.EnqueueAll(ctx, model.PriorityManual, false, 0); err != nil {
		return err
	}
	return answer(c, http.StatusAccepted, wire.Relink{Status: "queued", Repositories: []wire.RelinkRepository{}})
}

func (a *API) dryRun(ctx context.Context) (wire.Relink, error) {
	out := wire.Relink{Status: "done", DryRun: true, Repositories: []wire.RelinkRepository{}}
	listed := 0
	for cursor := ""; ; {
		repos, next, err := a.o.Repos.RepoStatuses(ctx, maxLimit, cursor)
		if err != nil {
			return out, err
		}
		for _, r := range repos {
			one, err := a.dryRunOf(ctx, r.Repo, shownChanges-listed)
			if err != nil {
				return out, err
			}
			listed += len(one.Changes)
			out.Added += one.Added
			out.Removed += one.Removed
			if one.Added+one.Removed > 0 {
				out.Repositories = append(out.Repositories, one)
			}
		}
		if cursor = next; cursor == "" {
			out.Truncated = out.Added+out.Removed > listed
			return out, nil
		}
	}
}

func (a *API) dryRunOf(ctx context.Context, r model.Repo, room int) (wire.RelinkRepository, error) {
	out := wire.RelinkRepository{Repository: r.Name, RepositoryID: strconv.FormatInt(r.ID, 10), Changes: []wire.RelinkChange{}}
	err := a.o.Relinker.DryRun(ctx, r, func(l model.LinkChange) {
		change := wire.RelinkChange{Key: string(l.Key), Change: "removed", Branch: l.Branch, PullRequest: l.PullRequest}
		if l.Branch == "" && l.PullRequest == 0 {
			change.Commit = l.Commit.String()
		}
		if l.Added {
			change.Change = "added"
			out.Added++
		} else {
			out.Removed++
		}
		if len(out.Changes) < room {
			out.Changes = append(out.Changes, change)
		}
	})
	if errors.Is(err, model.ErrNotFound) { // deleted meanwhile
		return wire.RelinkRepository{}, nil
	}
	return out, err
}
