-- +goose Up
-- How often in a row the daemon that ran the job died.
ALTER TABLE job ADD COLUMN deaths INTEGER NOT NULL DEFAULT 0;
