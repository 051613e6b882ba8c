-- When a person logged in last; zero: not since this is kept.
ALTER TABLE person ADD COLUMN entered INTEGER NOT NULL DEFAULT 0;
