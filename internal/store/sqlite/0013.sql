-- Who answers in whose stead: delegations, and what takes them back. What counts
-- is what the papers say. spec/receipt.md 6.8.
CREATE TABLE delegation (
	id        TEXT NOT NULL,
	withdraws INTEGER NOT NULL, -- 1: it takes the other back
	absent    TEXT NOT NULL,    -- whose paper it is
	stand_in  TEXT NOT NULL,
	ends      INTEGER NOT NULL,
	came      INTEGER NOT NULL,
	envelope  BLOB NOT NULL,    -- as signed by the absent person
	PRIMARY KEY (id, withdraws)
) STRICT;

CREATE INDEX delegation_ends ON delegation (ends);
CREATE INDEX delegation_people ON delegation (absent, stand_in);
