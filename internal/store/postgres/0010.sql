-- People, their sessions and their passkeys.
CREATE TABLE person (
	id      TEXT PRIMARY KEY,     -- who vouches for them, and what they are called there
	key     TEXT NOT NULL UNIQUE, -- the name of their keys, for good
	name    TEXT NOT NULL,        -- as people read it
	sealed  BYTEA NOT NULL,        -- the key again, so that nobody gives them another's here
	created BIGINT NOT NULL
);

CREATE TABLE session (
	hash    TEXT PRIMARY KEY,     -- of the secret in the cookie
	person  TEXT NOT NULL REFERENCES person (id),
	sealed  BYTEA NOT NULL,        -- what the session may do
	started BIGINT NOT NULL,
	seen    BIGINT NOT NULL
);

CREATE INDEX session_person ON session (person);
CREATE INDEX session_started ON session (started);
CREATE INDEX session_seen ON session (seen);

-- Links that make the first administrator.
CREATE TABLE link (
	hash    TEXT PRIMARY KEY,
	expires BIGINT NOT NULL
);

-- Logins and registrations that are over: each ends once.
CREATE TABLE login_used (
	hash    TEXT PRIMARY KEY,
	expires BIGINT NOT NULL
);

CREATE INDEX login_used_expires ON login_used (expires);

CREATE TABLE passkey (
	id        TEXT PRIMARY KEY,     -- the credential's, in base64url
	person    TEXT NOT NULL REFERENCES person (id),
	sum       TEXT NOT NULL UNIQUE, -- of the public key: it is one person's
	label     TEXT NOT NULL,
	enrolment BYTEA NOT NULL,        -- as the house signed it
	count     BIGINT NOT NULL,      -- the authenticator's signatures, as it counts them
	created   BIGINT NOT NULL,
	revoked   BIGINT NOT NULL DEFAULT 0
);

CREATE INDEX passkey_person ON passkey (person);
