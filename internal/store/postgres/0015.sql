-- How far receipts have been sent, by channel. What is to be sent is in the receipts.
CREATE TABLE export_place (
	channel TEXT PRIMARY KEY,
	last    BIGINT NOT NULL,           -- the receipt that the other side has last
	upto    BIGINT NOT NULL DEFAULT 0, -- the last that was tried: the same is tried again
	tries   BIGINT NOT NULL DEFAULT 0,
	due     BIGINT NOT NULL DEFAULT 0, -- not before
	claim   TEXT NOT NULL DEFAULT '',  -- who is at it
	until   BIGINT NOT NULL DEFAULT 0  -- when the claim is over
);
