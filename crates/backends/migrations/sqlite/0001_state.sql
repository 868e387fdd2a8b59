-- The state of Hue & Cry. Ids are blobs: 16 bytes of a hash (findings) or of a ULID (people's objects, which
-- so sort by time). Severities, statuses and verdicts are OCSF's numbers. Times are milliseconds since 1970.

CREATE TABLE incidents (
    seq               INTEGER PRIMARY KEY,
    id                BLOB    NOT NULL UNIQUE,
    region            TEXT    NOT NULL,
    -- machines write these
    title             TEXT    NOT NULL,
    machine_severity  INTEGER NOT NULL CHECK (machine_severity BETWEEN 1 AND 5),
    gravest           BLOB    NOT NULL,
    group_kind        TEXT    NOT NULL,
    group_value       TEXT    NOT NULL,
    first_seen_ms     INTEGER NOT NULL,
    last_seen_ms      INTEGER NOT NULL,
    findings          INTEGER NOT NULL,
    rules             TEXT    NOT NULL,
    tactics           TEXT    NOT NULL,
    related           BLOB,
    merged_into       BLOB,
    -- people write these
    status            INTEGER NOT NULL DEFAULT 1 CHECK (status BETWEEN 1 AND 5),
    severity_override INTEGER CHECK (severity_override BETWEEN 1 AND 5),
    assignee          TEXT,
    verdict           INTEGER CHECK (verdict BETWEEN 1 AND 10),
    version           INTEGER NOT NULL DEFAULT 1,
    -- the store writes these
    created_at_ms     INTEGER NOT NULL,
    updated_at_ms     INTEGER NOT NULL,
    severity          INTEGER NOT NULL GENERATED ALWAYS AS (coalesce(severity_override, machine_severity)) VIRTUAL
) STRICT;

-- One index per order in which people read; each starts with what a list fixes (status, assignee), so that a
-- page is a short run of neighbouring entries however many incidents there are.
CREATE INDEX incidents_queue ON incidents (status, severity, last_seen_ms, id) WHERE merged_into IS NULL;
CREATE INDEX incidents_recent ON incidents (status, updated_at_ms, id) WHERE merged_into IS NULL;
CREATE INDEX incidents_queue_of ON incidents (assignee, status, severity, last_seen_ms, id) WHERE merged_into IS NULL;
CREATE INDEX incidents_recent_of ON incidents (assignee, status, updated_at_ms, id) WHERE merged_into IS NULL;
CREATE INDEX incidents_created ON incidents (created_at_ms) WHERE merged_into IS NULL;
CREATE INDEX incidents_group ON incidents (group_value, group_kind, region, last_seen_ms) WHERE merged_into IS NULL;

-- What an incident can be found by.
CREATE TABLE incident_entities (
    value    TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    incident INTEGER NOT NULL REFERENCES incidents (seq),
    region   TEXT    NOT NULL,
    PRIMARY KEY (value, kind, incident)
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_entities_of ON incident_entities (incident);

-- Any three letters of a title.
CREATE VIRTUAL TABLE incident_titles USING fts5 (title, content = 'incidents', content_rowid = 'seq', tokenize = 'trigram');
CREATE TRIGGER incident_titles_insert AFTER INSERT ON incidents BEGIN
    INSERT INTO incident_titles (rowid, title) VALUES (new.seq, new.title);
END;
CREATE TRIGGER incident_titles_update AFTER UPDATE OF title ON incidents WHEN old.title <> new.title BEGIN
    INSERT INTO incident_titles (incident_titles, rowid, title) VALUES ('delete', old.seq, old.title);
    INSERT INTO incident_titles (rowid, title) VALUES (new.seq, new.title);
END;
CREATE TRIGGER incident_titles_delete AFTER DELETE ON incidents BEGIN
    INSERT INTO incident_titles (incident_titles, rowid, title) VALUES ('delete', old.seq, old.title);
END;

CREATE TABLE findings (
    seq            INTEGER PRIMARY KEY,
    id             BLOB    NOT NULL UNIQUE,
    region         TEXT    NOT NULL,
    incident       BLOB    NOT NULL REFERENCES incidents (id),
    -- where it was put first: a merge can be undone
    first_incident BLOB    NOT NULL REFERENCES incidents (id),
    rule_id        TEXT    NOT NULL,
    source         TEXT    NOT NULL,
    severity       INTEGER NOT NULL CHECK (severity BETWEEN 1 AND 5),
    time_ms        INTEGER NOT NULL,
    detected_at_ms INTEGER NOT NULL,
    body           TEXT    NOT NULL
) STRICT;
CREATE INDEX findings_of_incident ON findings (incident, time_ms, id);
CREATE INDEX findings_of_first_incident ON findings (first_incident);
CREATE INDEX findings_recent ON findings (detected_at_ms, id);
CREATE INDEX findings_of_rule ON findings (rule_id, detected_at_ms, id);
CREATE INDEX findings_of_source ON findings (source, detected_at_ms, id);

CREATE TABLE comments (
    id            BLOB    NOT NULL PRIMARY KEY,
    region        TEXT    NOT NULL,
    incident      BLOB    NOT NULL REFERENCES incidents (id),
    author        TEXT    NOT NULL,
    text          TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX comments_of_incident ON comments (incident, created_at_ms, id);

CREATE TABLE tokens (
    id              BLOB    NOT NULL PRIMARY KEY,
    region          TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    secret_sha256   BLOB    NOT NULL UNIQUE CHECK (length(secret_sha256) = 32),
    kind            TEXT    NOT NULL CHECK (kind IN ('api', 'source')),
    source          TEXT,
    scopes          TEXT    NOT NULL,
    created_at_ms   INTEGER NOT NULL,
    expires_at_ms   INTEGER,
    last_used_at_ms INTEGER,
    revoked_at_ms   INTEGER,
    CHECK ((kind = 'source') = (source IS NOT NULL))
) STRICT;
CREATE INDEX tokens_recent ON tokens (created_at_ms, id);

CREATE TABLE sources (
    name          TEXT    NOT NULL PRIMARY KEY,
    region        TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    door          TEXT    NOT NULL,
    hmac_secret   BLOB,
    enabled       INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    version       INTEGER NOT NULL
) STRICT;

-- Where consumers of the log stand; written in the transaction of their effect.
CREATE TABLE positions (
    consumer      TEXT    NOT NULL,
    topic         TEXT    NOT NULL,
    partition     INTEGER NOT NULL,
    region        TEXT    NOT NULL DEFAULT 'default',
    next          INTEGER NOT NULL,
    accepted      INTEGER NOT NULL,
    stored        INTEGER NOT NULL,
    dead_lettered INTEGER NOT NULL,
    duplicates    INTEGER NOT NULL,
    PRIMARY KEY (consumer, topic, partition)
) STRICT, WITHOUT ROWID;

-- By the position of the raw record, which stays on the log.
CREATE TABLE dead_letters (
    topic          TEXT    NOT NULL,
    partition      INTEGER NOT NULL,
    "offset"       INTEGER NOT NULL,
    region         TEXT    NOT NULL,
    source         TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    code           TEXT    NOT NULL,
    reason         TEXT    NOT NULL,
    received_at_ms INTEGER NOT NULL,
    at_ms          INTEGER NOT NULL,
    status         TEXT    NOT NULL CHECK (status IN ('open', 'retried', 'resolved')),
    refused        INTEGER NOT NULL,
    updated_at_ms  INTEGER NOT NULL,
    PRIMARY KEY (topic, partition, "offset")
) STRICT, WITHOUT ROWID;
CREATE INDEX dead_letters_recent ON dead_letters (at_ms, topic, partition, "offset");
CREATE INDEX dead_letters_recent_in ON dead_letters (status, at_ms, topic, partition, "offset");

-- Answers to requests that may come again.
CREATE TABLE idempotency (
    principal      TEXT    NOT NULL,
    key            TEXT    NOT NULL,
    region         TEXT    NOT NULL DEFAULT 'default',
    request_sha256 BLOB    NOT NULL CHECK (length(request_sha256) = 32),
    status         INTEGER NOT NULL,
    content_type   TEXT    NOT NULL,
    body           BLOB    NOT NULL,
    expires_at_ms  INTEGER NOT NULL,
    PRIMARY KEY (principal, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_expiry ON idempotency (expires_at_ms);

-- Who did what. Nothing changes or removes a record.
CREATE TABLE audit (
    seq            INTEGER PRIMARY KEY AUTOINCREMENT,
    id             BLOB    NOT NULL UNIQUE,
    region         TEXT    NOT NULL DEFAULT 'default',
    at_ms          INTEGER NOT NULL,
    principal_name TEXT    NOT NULL,
    principal      TEXT    NOT NULL,
    action         TEXT    NOT NULL,
    object         TEXT    NOT NULL,
    before         TEXT    NOT NULL,
    after          TEXT    NOT NULL,
    reason         TEXT,
    request_id     TEXT
) STRICT;
CREATE INDEX audit_of_object ON audit (object, seq);
CREATE INDEX audit_of_principal ON audit (principal_name, seq);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN
    SELECT raise(ABORT, 'audit records are never changed');
END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN
    SELECT raise(ABORT, 'audit records are never removed');
END;

-- What to read anew, for streams to clients. Writers go one after the other, so the numbers follow commits.
CREATE TABLE changes (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms    INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    object   TEXT    NOT NULL,
    incident BLOB    NOT NULL,
    region   TEXT    NOT NULL
) STRICT;
