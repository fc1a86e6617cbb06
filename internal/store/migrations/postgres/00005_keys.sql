-- +goose Up
-- One key for each role. The one there was is the active key.
ALTER TABLE managed_key
  DROP COLUMN id,
  ADD COLUMN role TEXT COLLATE "C" NOT NULL DEFAULT 'active' CHECK (role IN ('active', 'staged', 'previous'));
ALTER TABLE managed_key ADD PRIMARY KEY (role);
ALTER TABLE managed_key ALTER COLUMN role DROP DEFAULT;

-- What a server said when a key was tried for a repo.
CREATE TABLE key_check (
  fingerprint TEXT COLLATE "C" NOT NULL,
  repo_id     BIGINT NOT NULL REFERENCES repo (id) ON DELETE CASCADE,
  accepted    BIGINT NOT NULL, -- 0 or 1
  code        TEXT COLLATE "C" NOT NULL, -- of the failure; '' = none
  detail      TEXT COLLATE "C" NOT NULL,
  checked_at  BIGINT NOT NULL,
  PRIMARY KEY (fingerprint, repo_id)
);
CREATE INDEX key_check_repo ON key_check (repo_id);
