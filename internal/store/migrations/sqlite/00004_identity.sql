-- +goose Up
-- The host's own id of a repository, which stays when its address does not; '' = not known.
ALTER TABLE repo ADD COLUMN host_id TEXT NOT NULL DEFAULT '';
-- A clone URL that a delivery told of and nobody confirmed; '' = none.
ALTER TABLE repo ADD COLUMN moved_to TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX repo_host_id ON repo (host, host_id) WHERE host_id <> '';

-- What moved_to was when the job was claimed: that is what its sync looks at.
ALTER TABLE job ADD COLUMN moved_to TEXT NOT NULL DEFAULT '';

-- Addresses that repos had before they moved. None of them is the address_key of a repo.
CREATE TABLE repo_alias (
  address_key TEXT PRIMARY KEY,
  url         TEXT NOT NULL,
  repo_id     INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE
);
CREATE INDEX repo_alias_repo ON repo_alias (repo_id);

CREATE TABLE pull_request (
  repo_id    INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  number     INTEGER NOT NULL,
  title      TEXT NOT NULL,
  status     TEXT NOT NULL,
  source     TEXT NOT NULL, -- short name of a branch; '' = not told
  target     TEXT NOT NULL, -- the same
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (repo_id, number)
) WITHOUT ROWID;

CREATE TABLE pull_request_link (
  issue_key  TEXT NOT NULL,
  repo_id    INTEGER NOT NULL,
  number     INTEGER NOT NULL,
  updated_at INTEGER NOT NULL, -- of the pull request
  PRIMARY KEY (issue_key, repo_id, number),
  FOREIGN KEY (repo_id, number) REFERENCES pull_request (repo_id, number) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX pull_request_link_repo ON pull_request_link (repo_id, number);
CREATE INDEX pull_request_link_time ON pull_request_link (updated_at);
