-- When the plugin in the runtime of a job's agent was last heard of, by the house's clock.
CREATE TABLE heartbeat (
	job TEXT PRIMARY KEY REFERENCES job (id),
	at  BIGINT NOT NULL
);

-- What launchers have attested of the runtimes that jobs' tokens stand on. hash is the
-- attestation's, which tokens have.
CREATE TABLE attestation (
	job      TEXT NOT NULL REFERENCES job (id),
	hash     TEXT NOT NULL,
	at       BIGINT NOT NULL, -- when it was kept
	envelope BYTEA NOT NULL,
	PRIMARY KEY (job, hash)
);

-- What agents' programs say of themselves, as their launchers found it. hash is the
-- envelope's. texts are those behind its commitments and its attestation's, sealed.
CREATE TABLE trace (
	job      TEXT NOT NULL REFERENCES job (id),
	hash     TEXT NOT NULL,
	at       BIGINT NOT NULL, -- when it was kept
	envelope BYTEA NOT NULL,
	texts    BYTEA,
	PRIMARY KEY (job, hash)
);

-- How the plugins and skills are that a draft's policy lists: a JSON list.
ALTER TABLE draft ADD COLUMN extensions TEXT NOT NULL DEFAULT '[]';
