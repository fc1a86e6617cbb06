-- +goose Up
-- Times are microseconds since 1970 in UTC, 0 for none. Truths are 0 and 1. Names of
-- refs are bytes: git allows names that are not UTF-8.
CREATE TABLE repo (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  address_key     TEXT NOT NULL UNIQUE,       -- model.Address.Key
  url             TEXT NOT NULL,
  server          TEXT NOT NULL,              -- SSH host:port
  host            TEXT NOT NULL,              -- name of the hosts entry
  name            TEXT NOT NULL,
  match_path      TEXT NOT NULL,              -- lower-case "host/path", as web addresses have it
  match_name      TEXT NOT NULL,              -- lower-case name
  schedule        TEXT NOT NULL,
  mirror          TEXT NOT NULL,
  projects        TEXT NOT NULL,              -- JSON
  source          TEXT NOT NULL,
  suspended       INTEGER NOT NULL DEFAULT 0,
  undeclared      INTEGER NOT NULL DEFAULT 0, -- suspended because it left the config file
  deleted         INTEGER NOT NULL DEFAULT 0, -- its rows are being removed
  default_branch  TEXT NOT NULL DEFAULT '',
  created_at      INTEGER NOT NULL,
  last_synced_at  INTEGER NOT NULL DEFAULT 0,
  next_sync_at    INTEGER NOT NULL DEFAULT 0,
  failure_code    TEXT NOT NULL DEFAULT '',
  failure_detail  TEXT NOT NULL DEFAULT '',
  failure_hint    TEXT NOT NULL DEFAULT '',
  failed_at       INTEGER NOT NULL DEFAULT 0,
  failures        INTEGER NOT NULL DEFAULT 0, -- in a row
  refs            INTEGER NOT NULL DEFAULT 0,
  commits         INTEGER NOT NULL DEFAULT 0,
  linked_commits  INTEGER NOT NULL DEFAULT 0,
  linked_branches INTEGER NOT NULL DEFAULT 0,
  history_bytes   INTEGER NOT NULL DEFAULT 0,
  digest          BLOB,
  rules           TEXT NOT NULL DEFAULT '',
  indexed         INTEGER NOT NULL DEFAULT 0, -- a sync was recorded
  version         INTEGER NOT NULL DEFAULT 0, -- of refs and history: one more for every change
  epoch           INTEGER NOT NULL DEFAULT 0, -- one more when history was dropped
  unreached       INTEGER NOT NULL DEFAULT 0, -- commits that no followed ref reaches
  stale_reach     INTEGER NOT NULL DEFAULT 0  -- refs changed so that unreached must be found anew
);
CREATE INDEX repo_path ON repo (host, match_path);
CREATE INDEX repo_name ON repo (host, match_name);
CREATE INDEX repo_list ON repo (name, id);

CREATE TABLE job (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  repo_id     INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  state       INTEGER NOT NULL DEFAULT 0, -- 0 waits, 1 runs
  priority    INTEGER NOT NULL,
  fetches     INTEGER NOT NULL,
  attempt     INTEGER NOT NULL DEFAULT 0,
  node        TEXT NOT NULL DEFAULT '',
  lease_until INTEGER NOT NULL DEFAULT 0,
  run_at      INTEGER NOT NULL,
  created_at  INTEGER NOT NULL,
  progress    TEXT NOT NULL DEFAULT ''    -- JSON
);
CREATE UNIQUE INDEX job_waiting ON job (repo_id) WHERE state = 0;
CREATE UNIQUE INDEX job_running ON job (repo_id) WHERE state = 1;
CREATE INDEX job_due ON job (state, priority, run_at);

CREATE TABLE ref (
  repo_id INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  name    BLOB NOT NULL,
  tip     BLOB NOT NULL,
  peeled  BLOB,
  PRIMARY KEY (repo_id, name)
) WITHOUT ROWID;

-- A segment holds up to 4096 commits. What is not done belongs to a job that has
-- not ended, and is invisible.
CREATE TABLE segment (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  repo_id INTEGER NOT NULL,
  done    INTEGER NOT NULL DEFAULT 0,
  job_id  INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  commits INTEGER NOT NULL,
  linked  INTEGER NOT NULL,  -- commits with a link
  bytes   INTEGER NOT NULL,  -- of the rows in segment_block
  gone    BLOB               -- bit set: commits that no followed ref reaches; NULL = none
);
CREATE INDEX segment_repo ON segment (repo_id, done, id);

-- In stored order: hashes of 20 bytes; parents as numbers, see packing.go; commit
-- times of 8 bytes; positions of the commits that have links.
CREATE TABLE segment_index (
  segment_id INTEGER PRIMARY KEY,
  hashes     BLOB NOT NULL,
  parents    BLOB NOT NULL,
  times      BLOB NOT NULL,
  linked     BLOB NOT NULL
);

-- Raw commit objects, from position first on, each behind its length; zstd.
CREATE TABLE segment_block (
  segment_id INTEGER NOT NULL,
  first      INTEGER NOT NULL,
  raw        BLOB NOT NULL,
  PRIMARY KEY (segment_id, first)
);

CREATE TABLE link (
  issue_key    TEXT NOT NULL,
  segment_id   INTEGER NOT NULL,
  pos          INTEGER NOT NULL,
  repo_id      INTEGER NOT NULL,
  committed_at INTEGER NOT NULL,
  gone         INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (issue_key, segment_id, pos)
) WITHOUT ROWID;
CREATE INDEX link_time ON link (committed_at);
CREATE INDEX link_repo ON link (repo_id, committed_at, segment_id, pos);

CREATE TABLE branch_link (
  issue_key  TEXT NOT NULL,
  repo_id    INTEGER NOT NULL,
  name       BLOB NOT NULL,    -- full: refs/heads/…
  created_at INTEGER NOT NULL,
  PRIMARY KEY (issue_key, repo_id, name)
) WITHOUT ROWID;
CREATE INDEX branch_link_repo ON branch_link (repo_id, name);
CREATE INDEX branch_link_time ON branch_link (created_at);

CREATE TABLE delivery (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  host          TEXT NOT NULL,
  host_id       TEXT NOT NULL,    -- the host's own; '' = none
  received_at   INTEGER NOT NULL,
  status        TEXT NOT NULL,
  reason        TEXT NOT NULL,
  repositories  TEXT NOT NULL,    -- JSON
  push          TEXT NOT NULL,    -- JSON
  body_size     INTEGER NOT NULL,
  body          BLOB              -- zstd; NULL = not kept
);
CREATE UNIQUE INDEX delivery_once ON delivery (host, host_id) WHERE host_id <> '';
CREATE INDEX delivery_time ON delivery (received_at);

CREATE TABLE token (
  name         TEXT PRIMARY KEY,
  role         TEXT NOT NULL,
  hash         BLOB NOT NULL UNIQUE,
  created_at   INTEGER NOT NULL,
  last_used_at INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE known_host (
  host        TEXT NOT NULL,
  type        TEXT NOT NULL,
  host_key    BLOB NOT NULL,
  fingerprint TEXT NOT NULL,
  source      TEXT NOT NULL,
  added_at    INTEGER NOT NULL,
  PRIMARY KEY (host, type)
);

CREATE TABLE managed_key (
  id           INTEGER PRIMARY KEY CHECK (id = 1),
  cipher       BLOB NOT NULL,
  public_key   TEXT NOT NULL,
  installed_at INTEGER NOT NULL
);

-- One row that Ping writes.
CREATE TABLE heartbeat (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL);
