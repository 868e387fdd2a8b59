-- Who may enter: people, their sessions, one-time links. Secrets are kept as SHA-256 only.

CREATE TABLE people (
    id              BLOB    NOT NULL PRIMARY KEY,
    region          TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    email           TEXT,
    roles           TEXT    NOT NULL,
    teams           TEXT    NOT NULL,
    services        TEXT    NOT NULL,
    disabled        INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    -- who they are at an identity provider
    issuer          TEXT,
    subject         TEXT,
    created_at_ms   INTEGER NOT NULL,
    updated_at_ms   INTEGER NOT NULL,
    signed_in_at_ms INTEGER,
    version         INTEGER NOT NULL,
    CHECK ((issuer IS NULL) = (subject IS NULL))
) STRICT;
CREATE UNIQUE INDEX people_identity ON people (issuer, subject) WHERE issuer IS NOT NULL;
CREATE INDEX people_recent ON people (created_at_ms, id);

CREATE TABLE sessions (
    id              BLOB    NOT NULL PRIMARY KEY,
    region          TEXT    NOT NULL,
    person          BLOB    NOT NULL REFERENCES people (id),
    secret_sha256   BLOB    NOT NULL UNIQUE CHECK (length(secret_sha256) = 32),
    previous_sha256 BLOB    CHECK (length(previous_sha256) = 32),
    csrf            TEXT    NOT NULL,
    provider        TEXT    NOT NULL,
    provider_sid    TEXT,
    origin          TEXT,
    user_agent      TEXT,
    created_at_ms   INTEGER NOT NULL,
    rotated_at_ms   INTEGER NOT NULL,
    seen_at_ms      INTEGER NOT NULL,
    expires_at_ms   INTEGER NOT NULL,
    ended_at_ms     INTEGER
) STRICT;
CREATE INDEX sessions_previous ON sessions (previous_sha256) WHERE previous_sha256 IS NOT NULL;
CREATE INDEX sessions_of_person ON sessions (person, created_at_ms, id) WHERE ended_at_ms IS NULL;
CREATE INDEX sessions_of_provider ON sessions (provider_sid) WHERE provider_sid IS NOT NULL AND ended_at_ms IS NULL;
CREATE INDEX sessions_expiry ON sessions (expires_at_ms);

CREATE TABLE links (
    id            BLOB    NOT NULL PRIMARY KEY,
    region        TEXT    NOT NULL,
    secret_sha256 BLOB    NOT NULL UNIQUE CHECK (length(secret_sha256) = 32),
    roles         TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    used_at_ms    INTEGER
) STRICT;

-- Whose token it is; none for a machine's.
ALTER TABLE tokens ADD COLUMN person BLOB REFERENCES people (id);
CREATE INDEX tokens_of_person ON tokens (person, created_at_ms, id) WHERE person IS NOT NULL AND revoked_at_ms IS NULL;

-- Who may see an incident: 0 everyone who may read incidents, 1 the team that it is about, 2 those who have it.
ALTER TABLE incidents ADD COLUMN visibility INTEGER NOT NULL DEFAULT 0 CHECK (visibility BETWEEN 0 AND 2);
