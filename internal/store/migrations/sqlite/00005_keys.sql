-- +goose Up
-- One key for each role. The one there was is the active key.
CREATE TABLE role_key (
  role         TEXT PRIMARY KEY CHECK (role IN ('active', 'staged', 'previous')),
  cipher       BLOB NOT NULL,
  public_key   TEXT NOT NULL,
  installed_at INTEGER NOT NULL
);
INSERT INTO role_key (role, cipher, public_key, installed_at)
  SELECT 'active', cipher, public_key, installed_at FROM managed_key;
DROP TABLE managed_key;
ALTER TABLE role_key RENAME TO managed_key;

-- What a server said when a key was tried for a repo.
CREATE TABLE key_check (
  fingerprint TEXT NOT NULL,
  repo_id     INTEGER NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  accepted    INTEGER NOT NULL, -- 0 or 1
  code        TEXT NOT NULL,    -- of the failure; '' = none
  detail      TEXT NOT NULL,
  checked_at  INTEGER NOT NULL,
  PRIMARY KEY (fingerprint, repo_id)
) WITHOUT ROWID;
CREATE INDEX key_check_repo ON key_check (repo_id);
