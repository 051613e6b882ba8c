-- Times are milliseconds since 1970, UTC. Hashes are "sha256:" and hex digits.

CREATE TABLE sealing (
	id     BIGINT PRIMARY KEY CHECK (id = 1),
	sealed BYTEA NOT NULL -- opens under the sealing key only
);

CREATE TABLE policy (
	hash      TEXT PRIMARY KEY,
	name      TEXT NOT NULL,
	envelope  BYTEA NOT NULL,
	binding   BYTEA NOT NULL,
	published BIGINT NOT NULL
);

CREATE TABLE job (
	id      TEXT PRIMARY KEY,
	agent   TEXT NOT NULL,
	policy  TEXT NOT NULL,
	created BIGINT NOT NULL
);

CREATE INDEX job_created ON job (created);

-- The end of each job's chain; writers lock this row.
CREATE TABLE chain (
	job  TEXT PRIMARY KEY REFERENCES job (id),
	seq  BIGINT NOT NULL,
	hash TEXT NOT NULL,
	at   BIGINT NOT NULL
);

CREATE TABLE counter (
	job  TEXT NOT NULL REFERENCES job (id),
	name TEXT NOT NULL,
	used BIGINT NOT NULL CHECK (used >= 0),
	PRIMARY KEY (job, name)
);

CREATE TABLE receipt (
	job      TEXT NOT NULL REFERENCES job (id),
	seq      BIGINT NOT NULL,
	kind     TEXT NOT NULL,
	hash     TEXT NOT NULL,
	opened   BIGINT, -- the receipt that a closed one closes
	at       BIGINT NOT NULL,
	envelope BYTEA NOT NULL,
	PRIMARY KEY (job, seq),
	UNIQUE (job, opened)
);

CREATE TABLE sealed_text (
	job        TEXT NOT NULL REFERENCES job (id),
	commitment TEXT NOT NULL,
	sealed     BYTEA NOT NULL,
	PRIMARY KEY (job, commitment)
);

CREATE TABLE token (
	id      TEXT PRIMARY KEY,
	job     TEXT NOT NULL REFERENCES job (id),
	agent   TEXT NOT NULL,
	policy  TEXT NOT NULL,
	record  BYTEA NOT NULL,
	issued  BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	revoked BIGINT,
	reason  TEXT NOT NULL DEFAULT ''
);

CREATE INDEX token_job ON token (job);

CREATE TABLE approval (
	id           TEXT PRIMARY KEY,
	job          TEXT NOT NULL REFERENCES job (id),
	call         TEXT NOT NULL,
	policy       TEXT NOT NULL,
	seq          BIGINT NOT NULL,           -- the receipt that asks
	asked        BIGINT NOT NULL,
	expires      BIGINT NOT NULL,           -- the question, if nobody answers
	reply        TEXT NOT NULL DEFAULT '',   -- 'yes', 'no'
	answered_by  TEXT NOT NULL DEFAULT '',
	answer       BYTEA,                       -- as signed by the person
	holds_until  BIGINT NOT NULL DEFAULT 0, -- the answer; rounded up
	used_by      BIGINT NOT NULL DEFAULT 0  -- the receipt that cites it
);

CREATE INDEX approval_job ON approval (job);
CREATE INDEX approval_asked ON approval (asked);

-- Receipts on their way into the log, in the order of their commits.
CREATE TABLE log_queue (
	id    BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	job   TEXT NOT NULL,
	seq   BIGINT NOT NULL,
	entry BYTEA NOT NULL
);

CREATE TABLE log_entry (
	leaf  BIGINT PRIMARY KEY,
	job   TEXT NOT NULL,
	seq   BIGINT NOT NULL,
	entry BYTEA NOT NULL,
	UNIQUE (job, seq)
);

CREATE TABLE log_hash (
	position BIGINT PRIMARY KEY, -- tlog.StoredHashIndex
	hash     BYTEA NOT NULL
);

CREATE TABLE log_checkpoint (
	id   BIGINT PRIMARY KEY CHECK (id = 1),
	size BIGINT NOT NULL,
	note BYTEA NOT NULL
);
