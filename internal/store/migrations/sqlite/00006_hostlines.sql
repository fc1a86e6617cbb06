-- +goose Up
-- A host may have several keys of one type; and a line of a known_hosts file may have a marker, and
-- patterns or a hashed name in place of a host.
CREATE TABLE known_host_line (
  host        TEXT NOT NULL,            -- host:port; else the names as OpenSSH writes them
  marker      TEXT NOT NULL DEFAULT '', -- '', 'revoked' or 'cert-authority'
  type        TEXT NOT NULL,
  host_key    BLOB NOT NULL,
  fingerprint TEXT NOT NULL,
  source      TEXT NOT NULL,
  added_at    INTEGER NOT NULL,
  PRIMARY KEY (host, marker, fingerprint)
);
INSERT INTO known_host_line (host, type, host_key, fingerprint, source, added_at)
  SELECT host, type, host_key, fingerprint, source, added_at FROM known_host;
DROP TABLE known_host;
ALTER TABLE known_host_line RENAME TO known_host;
