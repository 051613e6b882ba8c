-- Receipts are numbered in the order of their commits, in which the log takes
-- them, and hold their texts.
CREATE TABLE line (
	id       INTEGER PRIMARY KEY,
	job      TEXT NOT NULL,
	seq      INTEGER NOT NULL,
	kind     TEXT NOT NULL,
	opened   INTEGER,          -- the receipt that a closed one closes
	at       INTEGER NOT NULL,
	sum      BLOB NOT NULL, -- SHA-256 of the envelope
	envelope BLOB NOT NULL,
	texts    BLOB           -- sealed, all together
) STRICT;

INSERT INTO line (job, seq, kind, opened, at, sum, envelope)
SELECT r.job, r.seq, r.kind, r.opened, r.at, unhex(substr(CAST(coalesce(e.entry, q.entry) AS TEXT), -65, 64)), r.envelope
FROM receipt r LEFT JOIN log_entry e ON e.job = r.job AND e.seq = r.seq LEFT JOIN log_queue q ON q.job = r.job AND q.seq = r.seq
ORDER BY e.leaf NULLS LAST, q.id;

CREATE TABLE log_part (
	leaf  INTEGER PRIMARY KEY,     -- the place in the log of the receipt numbered first
	first INTEGER NOT NULL UNIQUE,
	last  INTEGER NOT NULL         -- those between follow one another in the log
) STRICT;

INSERT INTO log_part (leaf, first, last) SELECT min(leaf), min(leaf) + 1, max(leaf) + 1 FROM log_entry GROUP BY leaf / 256;

CREATE TABLE log_hashes (
	chunk  INTEGER PRIMARY KEY, -- tlog.StoredHashIndex / 128
	hashes BLOB NOT NULL
) STRICT;

INSERT INTO log_hashes (chunk, hashes) SELECT position / 128, unhex(group_concat(hex(hash), '' ORDER BY position)) FROM log_hash GROUP BY 1;

DROP TABLE log_entry;
DROP TABLE log_queue;
DROP TABLE log_hash;
DROP TABLE receipt;
ALTER TABLE line RENAME TO receipt;
CREATE UNIQUE INDEX receipt_place ON receipt (job, seq);
CREATE INDEX receipt_opened ON receipt (at, job, seq) WHERE kind = 'opened';

-- What a job has come to is in one row, but for how often it did what changes
-- something.
ALTER TABLE chain ADD COLUMN used TEXT NOT NULL DEFAULT '{}';      -- its counters
ALTER TABLE chain ADD COLUMN reserved TEXT NOT NULL DEFAULT '{}';  -- what its open calls hold, by the receipt that opened them
ALTER TABLE chain ADD COLUMN executed INTEGER NOT NULL DEFAULT 0;  -- its rows in counter
ALTER TABLE chain ADD COLUMN asked INTEGER NOT NULL DEFAULT 0;     -- its rows in approval

UPDATE chain SET
	used = (SELECT json_group_object(name, used) FROM counter c WHERE c.job = chain.job AND name NOT LIKE 'done:%'),
	executed = (SELECT count(*) FROM counter c WHERE c.job = chain.job AND name LIKE 'done:%'),
	asked = (SELECT count(*) FROM approval a WHERE a.job = chain.job);

DELETE FROM counter WHERE name NOT LIKE 'done:%';
