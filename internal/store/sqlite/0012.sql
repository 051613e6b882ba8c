-- What the console lists and counts, made from the receipts that the log has
-- taken. It is a help for finding them and never evidence; it can be thrown away
-- and made again.
CREATE TABLE listing (
	id      INTEGER PRIMARY KEY,     -- of the receipt
	job     TEXT NOT NULL,
	seq     INTEGER NOT NULL,
	at      INTEGER NOT NULL,
	agent   TEXT NOT NULL,
	action  TEXT NOT NULL,
	effect  TEXT NOT NULL,           -- a decision's, 'refused' or 'order'
	outcome TEXT NOT NULL DEFAULT '',
	code    TEXT NOT NULL DEFAULT '',
	closed  INTEGER NOT NULL DEFAULT 0 -- the receipt that says the outcome
) STRICT;

CREATE UNIQUE INDEX listing_place ON listing (job, seq);
CREATE INDEX listing_at ON listing (at, id);
CREATE INDEX listing_agent ON listing (agent, at, id);
CREATE INDEX listing_action ON listing (action, at, id);
CREATE INDEX listing_effect ON listing (effect, at, id);
CREATE INDEX listing_outcome ON listing (outcome, at, id);
CREATE INDEX listing_code ON listing (code, at, id);

CREATE TABLE listing_resource (
	resource TEXT NOT NULL, -- an id that the call names, or one of a place that holds it
	at       INTEGER NOT NULL,
	id       INTEGER NOT NULL,
	PRIMARY KEY (resource, at, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE listing_end (
	id   INTEGER PRIMARY KEY CHECK (id = 1),
	last INTEGER NOT NULL -- the receipt that was listed last
) STRICT;

INSERT INTO listing_end (id, last) VALUES (1, 0);

CREATE TABLE tally (
	hour INTEGER NOT NULL, -- since 1970
	name TEXT NOT NULL,
	n    INTEGER NOT NULL,
	PRIMARY KEY (hour, name)
) STRICT, WITHOUT ROWID;

-- Answers that a decision saw, and how long people took.
CREATE TABLE answered (
	approval TEXT NOT NULL,
	by_whom  TEXT NOT NULL,
	yes      INTEGER NOT NULL,
	asked    INTEGER NOT NULL,
	at       INTEGER NOT NULL,
	PRIMARY KEY (approval, by_whom)
) STRICT, WITHOUT ROWID;

CREATE INDEX answered_at ON answered (at);

CREATE INDEX job_newest ON job (created, id);
CREATE INDEX job_agent ON job (agent, created, id);
CREATE INDEX job_policy ON job (policy, created, id);
DROP INDEX job_created;
