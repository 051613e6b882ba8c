-- Times are milliseconds since 1970, UTC. Hashes are "sha256:" and hex digits.

CREATE TABLE sealing (
	id     INTEGER PRIMARY KEY CHECK (id = 1),
	sealed BLOB NOT NULL -- opens under the sealing key only
) STRICT;

CREATE TABLE policy (
	hash      TEXT PRIMARY KEY,
	name      TEXT NOT NULL,
	envelope  BLOB NOT NULL,
	binding   BLOB NOT NULL,
	published INTEGER NOT NULL
) STRICT;

CREATE TABLE job (
	id      TEXT PRIMARY KEY,
	agent   TEXT NOT NULL,
	policy  TEXT NOT NULL,
	created INTEGER NOT NULL
) STRICT;

CREATE INDEX job_created ON job (created);

-- The end of each job's chain; writers lock this row.
CREATE TABLE chain (
	job  TEXT PRIMARY KEY REFERENCES job (id),
	seq  INTEGER NOT NULL,
	hash TEXT NOT NULL,
	at   INTEGER NOT NULL
) STRICT;

CREATE TABLE counter (
	job  TEXT NOT NULL REFERENCES job (id),
	name TEXT NOT NULL,
	used INTEGER NOT NULL CHECK (used >= 0),
	PRIMARY KEY (job, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE receipt (
	job      TEXT NOT NULL REFERENCES job (id),
	seq      INTEGER NOT NULL,
	kind     TEXT NOT NULL,
	hash     TEXT NOT NULL,
	opened   INTEGER, -- the receipt that a closed one closes
	at       INTEGER NOT NULL,
	envelope BLOB NOT NULL,
	PRIMARY KEY (job, seq),
	UNIQUE (job, opened)
) STRICT;

CREATE TABLE sealed_text (
	job        TEXT NOT NULL REFERENCES job (id),
	commitment TEXT NOT NULL,
	sealed     BLOB NOT NULL,
	PRIMARY KEY (job, commitment)
) STRICT;

CREATE TABLE token (
	id      TEXT PRIMARY KEY,
	job     TEXT NOT NULL REFERENCES job (id),
	agent   TEXT NOT NULL,
	policy  TEXT NOT NULL,
	record  BLOB NOT NULL,
	issued  INTEGER NOT NULL,
	expires INTEGER NOT NULL,
	revoked INTEGER,
	reason  TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX token_job ON token (job);

CREATE TABLE approval (
	id           TEXT PRIMARY KEY,
	job          TEXT NOT NULL REFERENCES job (id),
	call         TEXT NOT NULL,
	policy       TEXT NOT NULL,
	seq          INTEGER NOT NULL,           -- the receipt that asks
	asked        INTEGER NOT NULL,
	expires      INTEGER NOT NULL,           -- the question, if nobody answers
	reply        TEXT NOT NULL DEFAULT '',   -- 'yes', 'no'
	answered_by  TEXT NOT NULL DEFAULT '',
	answer       BLOB,                       -- as signed by the person
	holds_until  INTEGER NOT NULL DEFAULT 0, -- the answer; rounded up
	used_by      INTEGER NOT NULL DEFAULT 0  -- the receipt that cites it
) STRICT;

CREATE INDEX approval_job ON approval (job);
CREATE INDEX approval_asked ON approval (asked);

-- Receipts on their way into the log, in the order of their commits.
CREATE TABLE log_queue (
	id    INTEGER PRIMARY KEY,
	job   TEXT NOT NULL,
	seq   INTEGER NOT NULL,
	entry BLOB NOT NULL
) STRICT;

CREATE TABLE log_entry (
	leaf  INTEGER PRIMARY KEY,
	job   TEXT NOT NULL,
	seq   INTEGER NOT NULL,
	entry BLOB NOT NULL,
	UNIQUE (job, seq)
) STRICT;

CREATE TABLE log_hash (
	position INTEGER PRIMARY KEY, -- tlog.StoredHashIndex
	hash     BLOB NOT NULL
) STRICT;

CREATE TABLE log_checkpoint (
	id   INTEGER PRIMARY KEY CHECK (id = 1),
	size INTEGER NOT NULL,
	note BLOB NOT NULL
) STRICT;
