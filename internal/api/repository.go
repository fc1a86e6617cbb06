package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

// listRepos lists all repositories, or with ?url= the one that it names: by URL,
// id or name.
func (a *API) listRepos(c echo.Context) error {
	limit, cursor, err := page(c)
	if err != nil {
		return err
	}
	if what := c.QueryParam("url"); what != "" {
		return a.findRepo(c, what)
	}
	found, next, err := a.o.Repos.RepoStatuses(c.Request().Context(), limit, cursor)
	if err != nil {
		return err
	}
	items := make([]wire.Repository, len(found))
	for i, r := range found {
		items[i] = a.wireRepo(r)
	}
	return list(c, items, next)
}

func (a *API) findRepo(c echo.Context, what string) error {
	r, err := a.o.Repos.FindRepo(c.Request().Context(), what)
	if errors.Is(err, model.ErrNotFound) {
		return list[wire.Repository](c, nil, "")
	}
	if err != nil {
		return err
	}
	status, err := a.o.Repos.RepoStatus(c.Request().Context(), r.ID)
	if err != nil {
		return err
	}
	return list(c, []wire.Repository{a.wireRepo(status)}, "")
}

// repo reads the repository that the path names.
func (a *API) repo(c echo.Context) (model.RepoStatus, error) {
	id, err := pathID(c)
	if err != nil {
		return model.RepoStatus{}, err
	}
	r, err := a.o.Repos.RepoStatus(c.Request().Context(), id)
	if errors.Is(err, model.ErrNotFound) {
		err = notFound("there is no repository %d", id)
	}
	return r, err
}

func (a *API) getRepo(c echo.Context) error {
	r, err := a.repo(c)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, a.wireRepo(r))
}

func (a *API) addRepo(c echo.Context) error {
	var in wire.NewRepository
	if err := decode(c, &in, maxBody); err != nil {
		return err
	}
	spec, err := a.checkNew(in)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	r, err := a.o.RepoEdits.AddRepo(ctx, spec)
	if errors.Is(err, model.ErrExists) {
		return a.repoExists(c, in.URL)
	}
	if err != nil {
		return err
	}
	a.o.Changed(r)
	status, err := a.o.Repos.RepoStatus(ctx, r.ID)
	if err != nil {
		return err
	}
	out := a.wireRepo(status)
	c.Response().Header().Set(echo.HeaderLocation, Prefix+"/repositories/"+out.ID)
	return answer(c, http.StatusCreated, out)
}

func (a *API) repoExists(c echo.Context, url string) error {
	p := problem(http.StatusConflict, "repository_exists", "this repository is mirrored already")
	p.Hint = "issuetrail repo sync " + url
	if r, err := a.o.Repos.FindRepo(c.Request().Context(), url); err == nil {
		p.ID = strconv.FormatInt(r.ID, 10)
		p.Detail = "this repository is mirrored already, as " + r.URL
	}
	return p
}

func (a *API) patchRepo(c echo.Context) error {
	var in wire.RepositoryPatch
	if err := decode(c, &in, maxBody); err != nil {
		return err
	}
	r, err := a.repo(c)
	if err != nil {
		return err
	}
	if r.Source == model.SourceConfig && !onlyResumes(in, r.Repo) {
		return managedByConfig("change its entry in the config file, then reload; one that leaves the file is suspended")
	}
	patch, err := a.checkPatch(in)
	if err != nil {
		return err
	}
	changed, err := a.o.RepoEdits.UpdateRepo(c.Request().Context(), r.ID, patch)
	if err != nil {
		return err
	}
	a.o.Changed(changed)
	return a.getRepo(c)
}

// onlyResumes says whether all the patch does is to resume a suspended repository:
// the config file has no word for that, so it is allowed for any.
func onlyResumes(in wire.RepositoryPatch, r model.Repo) bool {
	return r.Suspended && in.Suspended != nil && !*in.Suspended &&
		in.Schedule == nil && in.Mirror == nil && in.Projects == nil
}

// deleteRepo forgets a repository. One that left the config file is suspended, and
// deleting it is how it goes for good.
func (a *API) deleteRepo(c echo.Context) error {
	r, err := a.repo(c)
	if err != nil {
		return err
	}
	if r.Source == model.SourceConfig && !r.Suspended {
		return managedByConfig("take it out of the config file and reload, then remove it")
	}
	if err := a.o.RepoEdits.DeleteRepo(c.Request().Context(), r.ID); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func managedByConfig(hint string) error {
	return hinted(http.StatusConflict, "managed_by_config", hint, "the config file declares this repository")
}

func (a *API) listBranches(c echo.Context) error {
	return listLinked(a, c, a.o.RepoLinks.LinkedBranches, func(r model.RepoStatus, links model.Links, b model.BranchLink) wire.LinkedBranch {
		return wire.LinkedBranch{
			Key: string(b.Key), Name: b.Name, Tip: b.Tip.String(),
			URL: optional(links.BranchURL(b.Name)), Default: b.Name == r.DefaultBranch,
		}
	})
}

func (a *API) listCommits(c echo.Context) error {
	return listLinked(a, c, a.o.RepoLinks.LinkedCommits, func(_ model.RepoStatus, links model.Links, l model.CommitLink) wire.LinkedCommit {
		return wire.LinkedCommit{
			Key: string(l.Key), Hash: l.Commit.Hash.String(), Subject: l.Commit.Subject(), Author: wire.Person(l.Commit.Author),
			CommittedAt: wire.At(l.Commit.CommittedAt), URL: optional(links.CommitURL(l.Commit.Hash)), Reachable: l.Reachable,
		}
	})
}

// listLinked answers a page of what is linked of one repository.
func listLinked[M, W any](a *API, c echo.Context, read func(context.Context, int64, int, string) ([]M, string, error),
	wired func(model.RepoStatus, model.Links, M) W,
) error {
	limit, cursor, err := page(c)
	if err != nil {
		return err
	}
	r, err := a.repo(c)
	if err != nil {
		return err
	}
	found, next, err := read(c.Request().Context(), r.ID, limit, cursor)
	if err != nil {
		return err
	}
	links := a.o.Links(r.Repo)
	items := make([]W, len(found))
	for i, m := range found {
		items[i] = wired(r, links, m)
	}
	return list(c, items, next)
}
