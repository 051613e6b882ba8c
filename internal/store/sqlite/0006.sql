-- Secrets that the house has been given and that change, sealed: grants of
-- people at other systems. Who is about to change one claims it.
CREATE TABLE secret (
	name    TEXT PRIMARY KEY,
	sealed  BLOB NOT NULL,
	changed INTEGER NOT NULL,
	claim   TEXT NOT NULL,   -- whose, or ''
	until   INTEGER NOT NULL -- when the claim is over, or 0
) STRICT;
