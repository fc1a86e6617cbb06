package api

import (
	"errors"
	"net/http"
	"regexp"
	"strconv"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

var projectPattern = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,254}$`)

// maxProjects bounds the project keys that one repository may be narrowed to.
const maxProjects = 1000

// checkNew turns the body of POST /repositories into what the store keeps. Names
// are not resolved: an address is looked at only when it stands in the URL itself.
func (a *API) checkNew(in wire.NewRepository) (model.RepoSpec, error) {
	address, err := model.ParseAddress(in.URL)
	if err != nil {
		return model.RepoSpec{}, unprocessable(err, model.CodeURLInvalid, "")
	}
	if err := a.o.AddressAllowed(address); err != nil {
		return model.RepoSpec{}, unprocessable(err, model.CodeURLForbidden, "list the network in sync.allow_addresses of the config file")
	}
	host, err := a.o.ResolveHost(in.Host, address)
	if err != nil {
		return model.RepoSpec{}, unprocessable(err, "host_unknown", "give the name of an entry of hosts: in the config file")
	}
	if err := a.checkSettings(in.Schedule, in.Mirror); err != nil {
		return model.RepoSpec{}, err
	}
	projects, err := checkProjects(in.Projects)
	if err != nil {
		return model.RepoSpec{}, err
	}
	return model.RepoSpec{
		URL: in.URL, Host: host, Schedule: in.Schedule, Mirror: model.Mirror(in.Mirror),
		Projects: projects, Source: model.SourceAPI,
	}, nil
}

func (a *API) checkPatch(in wire.RepositoryPatch) (model.RepoPatch, error) {
	patch := model.RepoPatch{Schedule: in.Schedule, Mirror: (*model.Mirror)(in.Mirror), Suspended: in.Suspended}
	var schedule, mirror string
	if in.Schedule != nil {
		schedule = *in.Schedule
	}
	if in.Mirror != nil {
		mirror = *in.Mirror
	}
	if err := a.checkSettings(schedule, mirror); err != nil {
		return model.RepoPatch{}, err
	}
	if in.Projects != nil {
		projects, err := checkProjects(*in.Projects)
		if err != nil {
			return model.RepoPatch{}, err
		}
		patch.Projects = &projects
	}
	return patch, nil
}

// checkSettings looks at the settings that may be empty, for the default.
func (a *API) checkSettings(schedule, mirror string) error {
	if schedule != "" {
		if err := a.o.CheckSchedule(schedule); err != nil {
			return unprocessable(err, "schedule_invalid", "write five fields, such as */5 * * * *, or @every 15m")
		}
	}
	switch model.Mirror(mirror) {
	case "", model.MirrorFull, model.MirrorCommits:
		return nil
	}
	return problem(http.StatusUnprocessableEntity, "mirror_invalid", "mirror is full or commits")
}

func checkProjects(in []string) ([]string, error) {
	if len(in) > maxProjects {
		return nil, problem(http.StatusUnprocessableEntity, "projects_invalid", "more than %d projects", maxProjects)
	}
	out := make([]string, len(in))
	for i, p := range in {
		if out[i] = upper(p); !projectPattern.MatchString(out[i]) {
			return nil, problem(http.StatusUnprocessableEntity, "projects_invalid", "%.80q is not a project key; one looks like APP", p)
		}
	}
	return out, nil
}

// unprocessable is 422 with the code and the hint of the Failure in err, or else
// with these.
func unprocessable(err error, code, hint string) error {
	p := hinted(http.StatusUnprocessableEntity, code, hint, "%s", err.Error())
	var f *model.Failure
	if errors.As(err, &f) {
		p.Code, p.Detail = f.Code, f.Detail
		if f.Hint != "" {
			p.Hint = f.Hint
		}
	}
	return p
}

// shownRuns is how many coming runs a repository shows.
const shownRuns = 3

func (a *API) wireRepo(r model.RepoStatus) wire.Repository {
	schedule, mirror := a.o.Defaults()
	if r.Schedule != "" {
		schedule = r.Schedule
	}
	if r.Mirror != "" {
		mirror = r.Mirror
	}
	projects := r.Projects
	if projects == nil {
		projects = []string{}
	}
	return wire.Repository{
		ID: strconv.FormatInt(r.ID, 10), URL: r.URL, Name: r.Name, Host: r.Host, HostID: r.HostID, MovedTo: r.MovedTo, Mirror: string(mirror), Schedule: schedule,
		Projects: projects, Source: string(r.Source), State: string(r.State), Suspended: r.Suspended,
		DefaultBranch: r.DefaultBranch, WebURL: optional(a.o.Links(r.Repo).Repo), CreatedAt: wire.At(r.CreatedAt),
		LastSyncedAt: wire.At(r.LastSyncedAt), NextSyncAt: wire.At(r.NextSyncAt), NextRuns: a.nextRuns(r.Repo),
		LastError: lastError(r), Refs: r.Refs, Commits: r.Commits, LinkedCommits: r.LinkedCommits,
		LinkedBranches: r.LinkedBranches, HistoryBytes: r.HistoryBytes, Progress: progress(r.Progress),
	}
}

func (a *API) nextRuns(r model.Repo) []wire.Time {
	runs := []wire.Time{}
	if r.Suspended {
		return runs
	}
	for _, t := range a.o.NextRuns(r, shownRuns) {
		runs = append(runs, wire.At(t))
	}
	return runs
}

func lastError(r model.RepoStatus) *wire.LastError {
	if f := r.LastFailure; f != nil {
		return &wire.LastError{Code: f.Code, Detail: f.Detail, Hint: f.Hint, At: wire.At(r.FailedAt)}
	}
	return nil
}

func progress(p *model.Progress) *wire.Progress {
	if p == nil {
		return nil
	}
	return &wire.Progress{Stage: p.Stage, Objects: p.Objects, Total: p.Total, Bytes: p.Bytes, Commits: p.Commits}
}
