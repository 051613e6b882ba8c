-- Calls that change something outside, of which it is not settled what became:
-- spec/receipt.md section 9.
CREATE TABLE change (
	job    TEXT NOT NULL REFERENCES job (id),
	seq    BIGINT NOT NULL,          -- the opened receipt
	call   TEXT NOT NULL,          -- receipt.Attempt
	state  TEXT NOT NULL,          -- receipt.Unsettled
	at     BIGINT NOT NULL,          -- when it was opened, or done
	target TEXT NOT NULL DEFAULT '', -- what was found to be changed, as JSON
	PRIMARY KEY (job, seq)
);

CREATE INDEX change_done ON change (at) WHERE state = 'change.done';
CREATE INDEX change_unsettled ON change (at) WHERE state IN ('change.open', 'change.unknown');

ALTER TABLE chain ADD COLUMN changes BIGINT NOT NULL DEFAULT 0; -- how many of its calls were ever in change
