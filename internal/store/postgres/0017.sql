-- What upstream MCP servers said of themselves and of their tools when a policy was
-- published that pins them. A text is its digest's, and is checked with each look at it.
CREATE TABLE definition (
	digest TEXT PRIMARY KEY,
	body   BYTEA NOT NULL
);
