-- Published bundles. The bundle is a file that never changes, named by its hash;
-- its row stays when the file is deleted.
CREATE TABLE publication (
	id         TEXT PRIMARY KEY,
	job        TEXT NOT NULL,
	size       BIGINT NOT NULL, -- of the bundle, in bytes
	by_whom    TEXT NOT NULL,
	at         BIGINT NOT NULL,
	keep_until BIGINT NOT NULL, -- deleted after it, or 0: never
	held_by    TEXT NOT NULL,    -- who forbids that, or ''
	deleted    BIGINT NOT NULL, -- when it was ordered to be, or 0
	gone       BIGINT NOT NULL  -- when the file was, or 0
);
CREATE INDEX publication_at ON publication (at);
CREATE INDEX publication_due ON publication (keep_until) WHERE keep_until > 0 AND deleted = 0;

-- Links to them for outsiders. A link is known by the hash of its secret.
CREATE TABLE share (
	id          TEXT PRIMARY KEY,
	publication TEXT NOT NULL REFERENCES publication (id),
	by_whom     TEXT NOT NULL,
	note        TEXT NOT NULL,
	discloses   TEXT NOT NULL,    -- the receipts whose texts it discloses, "1,4"; '': none; '*': all
	at          BIGINT NOT NULL,
	expires     BIGINT NOT NULL,
	revoked     BIGINT NOT NULL  -- when, or 0
);
CREATE INDEX share_publication ON share (publication, at);

-- What was done to them, and by whom. Nothing here is ever changed.
CREATE TABLE publication_event (
	id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	publication TEXT NOT NULL,
	what        TEXT NOT NULL,
	by_whom     TEXT NOT NULL,
	note        TEXT NOT NULL,
	at          BIGINT NOT NULL
);
CREATE INDEX publication_event_of ON publication_event (publication, id);
