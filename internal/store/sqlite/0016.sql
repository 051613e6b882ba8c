-- Policies that are not published yet, while people sign them. What they say and who
-- has signed is the envelope's to prove, and is checked with each look at it.
CREATE TABLE draft (
	id       TEXT PRIMARY KEY, -- the policy's hash
	name     TEXT NOT NULL,
	envelope BLOB NOT NULL,    -- with the signatures so far; empty once it has ended
	by_whom  TEXT NOT NULL,
	at       INTEGER NOT NULL,
	state    TEXT NOT NULL,    -- 'open', 'published', 'discarded'
	ended    INTEGER NOT NULL, -- when, or 0
	ended_by TEXT NOT NULL
) STRICT;
CREATE INDEX draft_state ON draft (state, at, id);
