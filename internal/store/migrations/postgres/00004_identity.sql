-- +goose Up
-- The host's own id of a repository, which stays when its address does not; '' = not known.
ALTER TABLE repo ADD COLUMN host_id TEXT COLLATE "C" NOT NULL DEFAULT '';
-- A clone URL that a delivery told of and nobody confirmed; '' = none.
ALTER TABLE repo ADD COLUMN moved_to TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE UNIQUE INDEX repo_host_id ON repo (host, host_id) WHERE host_id <> '';

-- What moved_to was when the job was claimed: that is what its sync looks at.
ALTER TABLE job ADD COLUMN moved_to TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Addresses that repos had before they moved. None of them is the address_key of a repo.
CREATE TABLE repo_alias (
  address_key TEXT COLLATE "C" PRIMARY KEY,
  url         TEXT COLLATE "C" NOT NULL,
  repo_id     BIGINT NOT NULL REFERENCES repo (id) ON DELETE CASCADE
);
CREATE INDEX repo_alias_repo ON repo_alias (repo_id);

CREATE TABLE pull_request (
  repo_id    BIGINT NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  number     BIGINT NOT NULL,
  title      TEXT COLLATE "C" NOT NULL,
  status     TEXT COLLATE "C" NOT NULL,
  source     TEXT COLLATE "C" NOT NULL, -- short name of a branch; '' = not told
  target     TEXT COLLATE "C" NOT NULL, -- the same
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (repo_id, number)
);

CREATE TABLE pull_request_link (
  issue_key  TEXT COLLATE "C" NOT NULL,
  repo_id    BIGINT NOT NULL,
  number     BIGINT NOT NULL,
  updated_at BIGINT NOT NULL, -- of the pull request
  PRIMARY KEY (issue_key, repo_id, number),
  FOREIGN KEY (repo_id, number) REFERENCES pull_request (repo_id, number) ON DELETE CASCADE
);
CREATE INDEX pull_request_link_repo ON pull_request_link (repo_id, number);
CREATE INDEX pull_request_link_time ON pull_request_link (updated_at);
