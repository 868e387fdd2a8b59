-- What people report, and what comes of it. Texts are masked before they come here; of an anonymous reporter there is
-- nothing: no address, no browser, no account.

CREATE TABLE reports (
    seq                INTEGER PRIMARY KEY,
    id                 BLOB    NOT NULL UNIQUE,
    region             TEXT    NOT NULL,
    form               TEXT    NOT NULL,
    form_version       INTEGER NOT NULL,
    service            TEXT,
    title              TEXT    NOT NULL,
    text               TEXT    NOT NULL,
    fields             TEXT    NOT NULL,
    context            TEXT    NOT NULL,
    reporter           TEXT    NOT NULL,
    -- the id of a person or token; NULL for the anonymous
    reporter_key       TEXT,
    claimed            INTEGER NOT NULL CHECK (claimed IN (0, 1)),
    channel            TEXT    NOT NULL,
    tier               TEXT    NOT NULL,
    provenance         TEXT    NOT NULL,
    state              TEXT    NOT NULL
        CHECK (state IN ('held', 'received', 'needs_info', 'accepted', 'merged', 'declined', 'withdrawn')),
    held_reason        TEXT,
    automation_held    INTEGER NOT NULL CHECK (automation_held IN (0, 1)),
    -- the reporter said something since the team last did anything
    unread             INTEGER NOT NULL DEFAULT 0 CHECK (unread IN (0, 1)),
    decision           TEXT,
    finding            BLOB,
    incident           BLOB    REFERENCES incidents (id),
    related_hint       BLOB,
    masked_count       INTEGER NOT NULL,
    personal_held      INTEGER NOT NULL CHECK (personal_held IN (0, 1)),
    similarity         BLOB    CHECK (length(similarity) = 256),
    next_update_due_ms INTEGER,
    receipt_sha256     BLOB    NOT NULL UNIQUE CHECK (length(receipt_sha256) = 32),
    submit_record      BLOB    NOT NULL,
    -- what makes a request the same as an earlier one
    once_sha256        BLOB    CHECK (length(once_sha256) = 32),
    request_sha256     BLOB    CHECK (length(request_sha256) = 32),
    created_at_ms      INTEGER NOT NULL,
    updated_at_ms      INTEGER NOT NULL,
    version            INTEGER NOT NULL,
    -- where the record stands on the log, and when the finding was put there; NULL while nobody knows that they are
    raw_partition      INTEGER,
    raw_offset         INTEGER,
    raised_at_ms       INTEGER,
    CHECK ((once_sha256 IS NULL) = (request_sha256 IS NULL)),
    CHECK ((raw_partition IS NULL) = (raw_offset IS NULL))
) STRICT;
CREATE INDEX reports_recent ON reports (created_at_ms, id);
CREATE INDEX reports_of_state ON reports (state, created_at_ms, id);
CREATE INDEX reports_unread ON reports (created_at_ms, id) WHERE unread = 1;
CREATE INDEX reports_of_service ON reports (service, created_at_ms, id) WHERE service IS NOT NULL;
CREATE INDEX reports_of_reporter ON reports (reporter_key, created_at_ms, id) WHERE reporter_key IS NOT NULL;
CREATE INDEX reports_of_incident ON reports (incident) WHERE incident IS NOT NULL;
CREATE INDEX reports_of_finding ON reports (finding) WHERE finding IS NOT NULL;
CREATE UNIQUE INDEX reports_once ON reports (once_sha256) WHERE once_sha256 IS NOT NULL;
CREATE INDEX reports_unpublished ON reports (seq) WHERE raw_offset IS NULL;
CREATE INDEX reports_unraised ON reports (seq) WHERE finding IS NOT NULL AND raised_at_ms IS NULL;

CREATE TABLE report_messages (
    seq       INTEGER PRIMARY KEY,
    id        BLOB    NOT NULL UNIQUE,
    region    TEXT    NOT NULL,
    report    BLOB    NOT NULL REFERENCES reports (id),
    from_side TEXT    NOT NULL CHECK (from_side IN ('reporter', 'team')),
    author    TEXT    NOT NULL,
    text      TEXT    NOT NULL,
    internal  INTEGER NOT NULL CHECK (internal IN (0, 1)),
    at_ms     INTEGER NOT NULL
) STRICT;
CREATE INDEX report_messages_of ON report_messages (report, at_ms, seq);

CREATE TABLE report_attachments (
    seq        INTEGER PRIMARY KEY,
    id         BLOB    NOT NULL UNIQUE,
    region     TEXT    NOT NULL,
    report     BLOB    NOT NULL REFERENCES reports (id),
    name       TEXT    NOT NULL,
    media_type TEXT    NOT NULL,
    bytes      INTEGER NOT NULL,
    sha256     BLOB    NOT NULL CHECK (length(sha256) = 32),
    state      TEXT    NOT NULL CHECK (state IN ('stored', 'removed')),
    at_ms      INTEGER NOT NULL
) STRICT;
CREATE INDEX report_attachments_of ON report_attachments (report, seq);
CREATE INDEX report_attachments_holding ON report_attachments (sha256) WHERE state = 'stored';

CREATE TABLE report_appeals (
    seq            INTEGER PRIMARY KEY,
    id             BLOB    NOT NULL UNIQUE,
    region         TEXT    NOT NULL,
    report         BLOB    NOT NULL REFERENCES reports (id),
    by_side        TEXT    NOT NULL CHECK (by_side IN ('reporter', 'subject')),
    appellant      TEXT    NOT NULL,
    reason         TEXT    NOT NULL,
    decision_at_ms INTEGER NOT NULL,
    created_at_ms  INTEGER NOT NULL,
    due_at_ms      INTEGER NOT NULL,
    state          TEXT    NOT NULL CHECK (state IN ('open', 'decided')),
    outcome        TEXT    CHECK (outcome IN ('upheld', 'overturned')),
    explanation    TEXT,
    decided_by     TEXT,
    decided_at_ms  INTEGER,
    UNIQUE (report, by_side, decision_at_ms)
) STRICT;
CREATE INDEX report_appeals_due ON report_appeals (due_at_ms, id);
CREATE INDEX report_appeals_open ON report_appeals (state, due_at_ms, id);

-- What reporters' reports came to. What an appeal took back stays, marked, and counts no more.
CREATE TABLE report_ledger (
    seq            INTEGER PRIMARY KEY,
    region         TEXT    NOT NULL,
    reporter       TEXT    NOT NULL,
    category       TEXT    NOT NULL,
    report         BLOB    NOT NULL REFERENCES reports (id),
    outcome        TEXT    NOT NULL CHECK (outcome IN ('accepted', 'merged', 'declined')),
    reason         TEXT,
    weight         INTEGER NOT NULL CHECK (weight IN (-1, 0, 1)),
    at_ms          INTEGER NOT NULL,
    reverted_at_ms INTEGER
) STRICT;
CREATE INDEX report_ledger_of_reporter ON report_ledger (reporter, at_ms, seq) WHERE reverted_at_ms IS NULL;
CREATE INDEX report_ledger_of_report ON report_ledger (report) WHERE reverted_at_ms IS NULL;

CREATE TABLE report_notices (
    seq                INTEGER PRIMARY KEY,
    id                 BLOB    NOT NULL UNIQUE,
    region             TEXT    NOT NULL,
    kind               TEXT    NOT NULL CHECK (kind IN ('ring')),
    key                TEXT    NOT NULL UNIQUE,
    service            TEXT,
    score              REAL    NOT NULL,
    features           TEXT    NOT NULL,
    at_ms              INTEGER NOT NULL,
    acknowledged_by    TEXT,
    acknowledged_at_ms INTEGER
) STRICT;
CREATE TABLE report_notice_members (
    notice INTEGER NOT NULL REFERENCES report_notices (seq),
    report BLOB    NOT NULL REFERENCES reports (id),
    region TEXT    NOT NULL,
    PRIMARY KEY (notice, report)
) STRICT, WITHOUT ROWID;
CREATE INDEX report_notice_members_of ON report_notice_members (report);

CREATE TABLE report_digests (
    id              BLOB    NOT NULL PRIMARY KEY,
    region          TEXT    NOT NULL,
    from_ms         INTEGER NOT NULL,
    to_ms           INTEGER NOT NULL,
    content         TEXT    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('draft', 'published')),
    drafted_by      TEXT    NOT NULL,
    created_at_ms   INTEGER NOT NULL,
    published_by    TEXT,
    published_at_ms INTEGER
) STRICT;
CREATE INDEX report_digests_of_state ON report_digests (state, created_at_ms, id);

CREATE TABLE report_credits (
    person        TEXT    NOT NULL PRIMARY KEY,
    region        TEXT    NOT NULL,
    display_name  TEXT,
    shown         INTEGER NOT NULL CHECK (shown IN (0, 1)),
    updated_at_ms INTEGER NOT NULL
) STRICT;
