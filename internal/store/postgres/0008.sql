-- People's answers: several to a question, and what each person said before as
-- well. spec/receipt.md section 6.
CREATE TABLE answer (
	approval  TEXT NOT NULL REFERENCES approval (id),
	place     BIGINT NOT NULL,  -- among the question's, from 1
	person    TEXT NOT NULL,
	reply     TEXT NOT NULL,    -- 'yes', 'no', 'withdrawn'
	remaining BIGINT NOT NULL,  -- how many calls a yes can still allow
	current   BIGINT NOT NULL,  -- 1: the person has said nothing since
	envelope  BYTEA NOT NULL,   -- as signed by the person
	PRIMARY KEY (approval, place)
);

CREATE UNIQUE INDEX answer_current ON answer (approval, person) WHERE current = 1;

INSERT INTO answer (approval, place, person, reply, remaining, current, envelope)
SELECT id, 1, answered_by, reply, CASE WHEN reply = 'yes' AND used_by = 0 THEN 1 ELSE 0 END, 1, answer FROM approval WHERE answer IS NOT NULL;

ALTER TABLE approval DROP COLUMN answer;
