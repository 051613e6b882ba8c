-- Candidates that run in shadow beside a policy: they are asked and never heard.
CREATE TABLE shadow (
	policy    TEXT NOT NULL REFERENCES policy (hash),
	candidate TEXT NOT NULL REFERENCES policy (hash),
	since     INTEGER NOT NULL,
	PRIMARY KEY (policy, candidate)
) STRICT, WITHOUT ROWID;

-- Replaying walks opened receipts in the order of their time.
CREATE INDEX receipt_opened ON receipt (at, job, seq) WHERE kind = 'opened';
