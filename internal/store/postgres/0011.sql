-- What people are told of questions: an outbox. Nothing here says what is so:
-- that is in approval and in receipts, which it follows.
CREATE TABLE notice_start (
	id BIGINT PRIMARY KEY CHECK (id = 1),
	at BIGINT NOT NULL -- questions of before are not told of
);

CREATE TABLE notice_question (
	approval TEXT PRIMARY KEY,
	asked    BIGINT NOT NULL,
	settled  BIGINT NOT NULL DEFAULT 0 -- 1: nothing more happens to it
);

CREATE INDEX notice_question_asked ON notice_question (asked);

CREATE TABLE notice (
	id       BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	approval TEXT NOT NULL,
	event    TEXT NOT NULL,
	mark     TEXT NOT NULL, -- tells two of one kind apart
	at       BIGINT NOT NULL,
	detail   TEXT NOT NULL,
	UNIQUE (approval, event, mark)
);

CREATE TABLE notice_delivery (
	channel  TEXT NOT NULL,
	approval TEXT NOT NULL,
	notice   BIGINT NOT NULL REFERENCES notice (id),
	tries    BIGINT NOT NULL DEFAULT 0,
	due      BIGINT NOT NULL,            -- not before
	claim    TEXT NOT NULL DEFAULT '',    -- who is at it
	until    BIGINT NOT NULL DEFAULT 0,  -- when the claim is over
	ended    BIGINT NOT NULL DEFAULT 0,  -- when it was delivered or given up
	place    TEXT NOT NULL DEFAULT '',    -- where the other side keeps the message
	PRIMARY KEY (channel, approval, notice)
);

CREATE INDEX notice_delivery_due ON notice_delivery (channel, due) WHERE ended = 0;

-- What a chat sends back: ids of buttons, and requests that have been taken.
CREATE TABLE notice_once (
	id       TEXT PRIMARY KEY,
	approval TEXT NOT NULL,
	channel  TEXT NOT NULL,
	until    BIGINT NOT NULL
);
