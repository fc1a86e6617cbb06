// Package api is the JSON API under /api/v1, and the probes /healthz and /readyz.
// openapi.yaml describes it; a test holds the two together.
package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

// Options is what the API stands on. All fields are needed but those marked so.
type Options struct {
	Issues     Issues
	Repos      Repos
	RepoEdits  RepoEdits
	RepoLinks  RepoLinks
	Jobs       Jobs
	Deliveries Deliveries
	Tokens     Tokens
	Keys       Keys
	KeyWatch   KeyWatch
	HostKeys   HostKeys
	Tester     Tester
	Relinker   Relinker
	Hosts      Hosts
	Database   Pinger

	Links          func(model.Repo) model.Links                                // web addresses
	JiraURL        func(model.IssueKey) string                                 // "" = no site has the key
	CheckSchedule  func(spec string) error                                     // says what is wrong with a cron spec
	NextRuns       func(r model.Repo, n int) []time.Time                       // optional: when the schedule next queues it; sync.Runner.NextRuns
	ResolveHost    func(name string, a model.Address) (host string, err error) // name "" = by the address
	AddressAllowed func(model.Address) error                                   // refuses literal addresses; names are not resolved
	Defaults       func() (schedule string, mirror model.Mirror)               // of the config
	Changed        func(model.Repo)                                            // optional: a repo was added or changed

	ErrCursor error // what a list says of a cursor that it did not give; store.ErrCursor
	Version   wire.Version
	Log       *zap.Logger
}

// API answers the JSON API. It is safe for concurrent use.
type API struct {
	o           Options
	tokens      *tokenCache
	ready       readiness
	crossOrigin *http.CrossOriginProtection
	now         func() time.Time
}

// New makes the API.
func New(o Options) *API {
	if o.NextRuns == nil {
		o.NextRuns = func(model.Repo, int) []time.Time { return nil }
	}
	if o.Changed == nil {
		o.Changed = func(model.Repo) {}
	}
	return &API{
		o:           o,
		tokens:      &tokenCache{store: o.Tokens, known: map[[32]byte]cachedToken{}},
		crossOrigin: http.NewCrossOriginProtection(),
		now:         time.Now,
	}
}

// Prefix is where the API lives.
const Prefix = "/api/v1"

// A route is one call: who may make it, and who answers.
type route struct {
	method, path string
	need         access
	handler      echo.HandlerFunc
}

// routes is the whole API.
func (a *API) routes() []route {
	const get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
	return []route{
		{get, "/healthz", public, a.healthz},
		{get, "/readyz", public, a.readyz},
		{get, Prefix + "/openapi.json", public, a.openapi},
		{get, Prefix + "/version", viewer, a.version},

		{get, Prefix + "/issues", viewer, a.listIssues},
		{get, Prefix + "/issues/:key", viewer, a.getIssue},

		{get, Prefix + "/repositories", viewer, a.listRepos},
		{post, Prefix + "/repositories", admin, a.addRepo},
		{post, Prefix + "/repositories/sync", admin, a.syncAll},
		{get, Prefix + "/repositories/:id", viewer, a.getRepo},
		{patch, Prefix + "/repositories/:id", admin, a.patchRepo},
		{del, Prefix + "/repositories/:id", admin, a.deleteRepo},
		{post, Prefix + "/repositories/:id/sync", admin, a.syncRepo},
		{get, Prefix + "/repositories/:id/branches", viewer, a.listBranches},
		{get, Prefix + "/repositories/:id/commits", viewer, a.listCommits},
		{post, Prefix + "/relink", admin, a.relink},

		{get, Prefix + "/deliveries", viewer, a.listDeliveries},
		{get, Prefix + "/deliveries/:id", viewer, a.getDelivery},
		{post, Prefix + "/deliveries/:id/redeliver", admin, a.redeliver},

		{get, Prefix + "/hosts", viewer, a.listHosts},
		{get, Prefix + "/hosts/:name/guide", viewer, a.hostGuide},

		{get, Prefix + "/key", viewer, a.getKey},
		{put, Prefix + "/key", admin, a.putKey},
		{post, Prefix + "/key/generate", admin, a.generateKey},
		{get, Prefix + "/key/status", viewer, a.keyStatus},
		{get, Prefix + "/key/checks", viewer, a.listKeyChecks},
		{post, Prefix + "/key/check", admin, a.tryKey},
		{post, Prefix + "/key/stage", admin, a.stageKey},
		{del, Prefix + "/key/staged", admin, a.dropKey(model.KeyStaged)},
		{post, Prefix + "/key/activate", admin, a.activateKey},
		{post, Prefix + "/key/rollback", admin, a.rollbackKey},
		{del, Prefix + "/key/previous", admin, a.dropKey(model.KeyPrevious)},
		{post, Prefix + "/key/rewrap", admin, a.rewrapKey},
		{post, Prefix + "/connections/test", admin, a.testConnection},
		{get, Prefix + "/known-hosts", viewer, a.listKnownHosts},
		{post, Prefix + "/known-hosts", admin, a.addKnownHost},
		{del, Prefix + "/known-hosts", admin, a.removeKnownHost},
		{post, Prefix + "/known-hosts/scan", admin, a.scanHost},
		{post, Prefix + "/known-hosts/import", admin, a.importKnownHosts},

		{get, Prefix + "/tokens", admin, a.listTokens},
		{post, Prefix + "/tokens", admin, a.createToken},
		{del, Prefix + "/tokens/:name", admin, a.revokeToken},
	}
}

// Register adds the API to e, and makes ErrorHandler e's error handler.
func (a *API) Register(e *echo.Echo) {
	e.HTTPErrorHandler = ErrorHandler(a.o.Log)
	for _, r := range a.routes() {
		e.Add(r.method, r.path, a.guard(r.need, r.handler))
	}
}
