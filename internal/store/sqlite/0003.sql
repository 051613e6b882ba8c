-- What is revoked: the one truth of it. spec/token.md section 7.
CREATE TABLE revocation (
	id        INTEGER PRIMARY KEY AUTOINCREMENT,
	kind      TEXT NOT NULL,
	target    TEXT NOT NULL,
	concerns  TEXT NOT NULL,              -- 'job NAME', 'agent NAME', 'policy HASH', or '' for all jobs
	by_whom   TEXT NOT NULL,
	reason    TEXT NOT NULL,
	at        INTEGER NOT NULL,
	lifted    INTEGER NOT NULL DEFAULT 0, -- when that was ordered
	lifted_by TEXT NOT NULL DEFAULT '',
	restored  INTEGER NOT NULL DEFAULT 0  -- when it was in every chain; until then it is in force
) STRICT;

CREATE UNIQUE INDEX revocation_once ON revocation (kind, target) WHERE lifted = 0;
CREATE INDEX revocation_in_force ON revocation (concerns) WHERE restored = 0;
CREATE INDEX revocation_lifting ON revocation (lifted) WHERE lifted > 0 AND restored = 0;

INSERT INTO revocation (kind, target, concerns, by_whom, reason, at)
SELECT 'token', id, 'job ' || job, '', reason, revoked FROM token WHERE revoked IS NOT NULL ORDER BY revoked, id;

ALTER TABLE token DROP COLUMN revoked;
ALTER TABLE token DROP COLUMN reason;

CREATE INDEX token_expires ON token (expires);

-- The chains that an order belongs in, and its receipts there; zero: not yet.
CREATE TABLE revocation_receipt (
	revocation INTEGER NOT NULL REFERENCES revocation (id),
	job        TEXT NOT NULL REFERENCES job (id),
	revoked    INTEGER NOT NULL DEFAULT 0,
	restored   INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (revocation, job)
) STRICT, WITHOUT ROWID;

CREATE INDEX revocation_receipt_owed ON revocation_receipt (revocation) WHERE revoked = 0;

ALTER TABLE approval ADD COLUMN cancelled INTEGER NOT NULL DEFAULT 0;
ALTER TABLE approval ADD COLUMN action TEXT NOT NULL DEFAULT ''; -- tool, action and class of the call, a space between

-- Proofs of possession that are used up.
CREATE TABLE proof (
	job   TEXT NOT NULL,
	id    TEXT NOT NULL,
	until INTEGER NOT NULL, -- when it may be forgotten
	PRIMARY KEY (job, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX proof_until ON proof (until);

ALTER TABLE job ADD COLUMN client TEXT NOT NULL DEFAULT ''; -- who ordered its first token

-- The journal: spec/receipt.md section 8.
INSERT INTO job (id, agent, policy, created) VALUES ('house', 'house', 'sha256:0000000000000000000000000000000000000000000000000000000000000000', 0);
INSERT INTO chain (job, seq, hash, at) VALUES ('house', 0, 'sha256:0000000000000000000000000000000000000000000000000000000000000000', 0);
