-- +goose Up
-- Until when a delivery waits, because a sync just now found nothing new.
ALTER TABLE repo ADD COLUMN quiet_until BIGINT NOT NULL DEFAULT 0;
