-- +goose Up
-- A host may have several keys of one type; and a line of a known_hosts file may have a marker
-- ('revoked', 'cert-authority'), and patterns or a hashed name in place of host:port.
ALTER TABLE known_host ADD COLUMN marker TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE known_host DROP CONSTRAINT known_host_pkey;
ALTER TABLE known_host ADD PRIMARY KEY (host, marker, fingerprint);
