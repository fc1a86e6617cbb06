-- +goose Up
-- Times are microseconds since 1970 in UTC, 0 for none. Truths are 0 and 1. Names of
-- refs are bytes: git allows names that are not UTF-8.
CREATE TABLE repo (
  id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  address_key     TEXT COLLATE "C" NOT NULL UNIQUE,       -- model.Address.Key
  url             TEXT COLLATE "C" NOT NULL,
  server          TEXT COLLATE "C" NOT NULL,              -- SSH host:port
  host            TEXT COLLATE "C" NOT NULL,              -- name of the hosts entry
  name            TEXT COLLATE "C" NOT NULL,
  match_path      TEXT COLLATE "C" NOT NULL,              -- lower-case "host/path", as web addresses have it
  match_name      TEXT COLLATE "C" NOT NULL,              -- lower-case name
  schedule        TEXT COLLATE "C" NOT NULL,
  mirror          TEXT COLLATE "C" NOT NULL,
  projects        TEXT COLLATE "C" NOT NULL,              -- JSON
  source          TEXT COLLATE "C" NOT NULL,
  suspended       BIGINT NOT NULL DEFAULT 0,
  undeclared      BIGINT NOT NULL DEFAULT 0, -- suspended because it left the config file
  deleted         BIGINT NOT NULL DEFAULT 0, -- its rows are being removed
  default_branch  TEXT COLLATE "C" NOT NULL DEFAULT '',
  created_at      BIGINT NOT NULL,
  last_synced_at  BIGINT NOT NULL DEFAULT 0,
  next_sync_at    BIGINT NOT NULL DEFAULT 0,
  failure_code    TEXT COLLATE "C" NOT NULL DEFAULT '',
  failure_detail  TEXT COLLATE "C" NOT NULL DEFAULT '',
  failure_hint    TEXT COLLATE "C" NOT NULL DEFAULT '',
  failed_at       BIGINT NOT NULL DEFAULT 0,
  failures        BIGINT NOT NULL DEFAULT 0, -- in a row
  refs            BIGINT NOT NULL DEFAULT 0,
  commits         BIGINT NOT NULL DEFAULT 0,
  linked_commits  BIGINT NOT NULL DEFAULT 0,
  linked_branches BIGINT NOT NULL DEFAULT 0,
  history_bytes   BIGINT NOT NULL DEFAULT 0,
  digest          BYTEA,
  rules           TEXT COLLATE "C" NOT NULL DEFAULT '',
  indexed         BIGINT NOT NULL DEFAULT 0, -- a sync was recorded
  version         BIGINT NOT NULL DEFAULT 0, -- of refs and history: one more for every change
  epoch           BIGINT NOT NULL DEFAULT 0, -- one more when history was dropped
  unreached       BIGINT NOT NULL DEFAULT 0, -- commits that no followed ref reaches
  stale_reach     BIGINT NOT NULL DEFAULT 0  -- refs changed so that unreached must be found anew
);
CREATE INDEX repo_path ON repo (host, match_path);
CREATE INDEX repo_name ON repo (host, match_name);
CREATE INDEX repo_list ON repo (name, id);

CREATE TABLE job (
  id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  repo_id     BIGINT NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  state       BIGINT NOT NULL DEFAULT 0, -- 0 waits, 1 runs
  priority    BIGINT NOT NULL,
  fetches     BIGINT NOT NULL,
  attempt     BIGINT NOT NULL DEFAULT 0,
  node        TEXT COLLATE "C" NOT NULL DEFAULT '',
  lease_until BIGINT NOT NULL DEFAULT 0,
  run_at      BIGINT NOT NULL,
  created_at  BIGINT NOT NULL,
  progress    TEXT COLLATE "C" NOT NULL DEFAULT ''    -- JSON
);
CREATE UNIQUE INDEX job_waiting ON job (repo_id) WHERE state = 0;
CREATE UNIQUE INDEX job_running ON job (repo_id) WHERE state = 1;
CREATE INDEX job_due ON job (state, priority, run_at);

CREATE TABLE ref (
  repo_id BIGINT NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  name    BYTEA NOT NULL,
  tip     BYTEA NOT NULL,
  peeled  BYTEA,
  PRIMARY KEY (repo_id, name)
);

-- A segment holds up to 4096 commits. What is not done belongs to a job that has
-- not ended, and is invisible.
CREATE TABLE segment (
  id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  repo_id BIGINT NOT NULL,
  done    BIGINT NOT NULL DEFAULT 0,
  job_id  BIGINT NOT NULL,
  attempt BIGINT NOT NULL,
  commits BIGINT NOT NULL,
  linked  BIGINT NOT NULL,  -- commits with a link
  bytes   BIGINT NOT NULL,  -- of the rows in segment_block
  gone    BYTEA               -- bit set: commits that no followed ref reaches; NULL = none
);
CREATE INDEX segment_repo ON segment (repo_id, done, id);

-- In stored order: hashes of 20 bytes; parents as numbers, see packing.go; commit
-- times of 8 bytes; positions of the commits that have links.
CREATE TABLE segment_index (
  segment_id BIGINT PRIMARY KEY,
  hashes     BYTEA NOT NULL,
  parents    BYTEA NOT NULL,
  times      BYTEA NOT NULL,
  linked     BYTEA NOT NULL
);

-- Raw commit objects, from position first on, each behind its length; zstd.
CREATE TABLE segment_block (
  segment_id BIGINT NOT NULL,
  first      BIGINT NOT NULL,
  raw        BYTEA NOT NULL,
  PRIMARY KEY (segment_id, first)
);

CREATE TABLE link (
  issue_key    TEXT COLLATE "C" NOT NULL,
  segment_id   BIGINT NOT NULL,
  pos          BIGINT NOT NULL,
  repo_id      BIGINT NOT NULL,
  committed_at BIGINT NOT NULL,
  gone         BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (issue_key, segment_id, pos)
);
CREATE INDEX link_time ON link (committed_at);
CREATE INDEX link_repo ON link (repo_id, committed_at, segment_id, pos);

CREATE TABLE branch_link (
  issue_key  TEXT COLLATE "C" NOT NULL,
  repo_id    BIGINT NOT NULL,
  name       BYTEA NOT NULL,    -- full: refs/heads/…
  created_at BIGINT NOT NULL,
  PRIMARY KEY (issue_key, repo_id, name)
);
CREATE INDEX branch_link_repo ON branch_link (repo_id, name);
CREATE INDEX branch_link_time ON branch_link (created_at);

CREATE TABLE delivery (
  id            BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  host          TEXT COLLATE "C" NOT NULL,
  host_id       TEXT COLLATE "C" NOT NULL,    -- the host's own; '' = none
  received_at   BIGINT NOT NULL,
  status        TEXT COLLATE "C" NOT NULL,
  reason        TEXT COLLATE "C" NOT NULL,
  repositories  TEXT COLLATE "C" NOT NULL,    -- JSON
  push          TEXT COLLATE "C" NOT NULL,    -- JSON
  body_size     BIGINT NOT NULL,
  body          BYTEA              -- zstd; NULL = not kept
);
CREATE UNIQUE INDEX delivery_once ON delivery (host, host_id) WHERE host_id <> '';
CREATE INDEX delivery_time ON delivery (received_at);

CREATE TABLE token (
  name         TEXT COLLATE "C" PRIMARY KEY,
  role         TEXT COLLATE "C" NOT NULL,
  hash         BYTEA NOT NULL UNIQUE,
  created_at   BIGINT NOT NULL,
  last_used_at BIGINT NOT NULL DEFAULT 0
);

CREATE TABLE known_host (
  host        TEXT COLLATE "C" NOT NULL,
  type        TEXT COLLATE "C" NOT NULL,
  host_key    BYTEA NOT NULL,
  fingerprint TEXT COLLATE "C" NOT NULL,
  source      TEXT COLLATE "C" NOT NULL,
  added_at    BIGINT NOT NULL,
  PRIMARY KEY (host, type)
);

CREATE TABLE managed_key (
  id           BIGINT PRIMARY KEY CHECK (id = 1),
  cipher       BYTEA NOT NULL,
  public_key   TEXT COLLATE "C" NOT NULL,
  installed_at BIGINT NOT NULL
);

-- One row that Ping writes.
CREATE TABLE heartbeat (id BIGINT PRIMARY KEY CHECK (id = 1), at BIGINT NOT NULL);

-- What is compressed already is not compressed again.
ALTER TABLE segment_block ALTER COLUMN raw SET STORAGE EXTERNAL;
ALTER TABLE segment_index ALTER COLUMN hashes SET STORAGE EXTERNAL;
ALTER TABLE delivery ALTER COLUMN body SET STORAGE EXTERNAL;
