-- Rules that were loaded at some time: how far their findings go, and how often they matched.

CREATE TABLE rules (
    rule_id            TEXT    NOT NULL PRIMARY KEY,
    hash               TEXT    NOT NULL,
    loaded             INTEGER NOT NULL,
    stage              TEXT    NOT NULL,
    reason             TEXT    NOT NULL,
    first_loaded_at_ms INTEGER NOT NULL,
    staged_at_ms       INTEGER NOT NULL,
    matches            INTEGER NOT NULL DEFAULT 0,
    last_matched_at_ms INTEGER,
    region             TEXT    NOT NULL DEFAULT 'default'
) STRICT, WITHOUT ROWID;

-- By the day of the events, counted from 1970-01-01.
CREATE TABLE rule_days (
    rule_id  TEXT    NOT NULL,
    day      INTEGER NOT NULL,
    matches  INTEGER NOT NULL,
    -- since the stage was last decided
    findings INTEGER NOT NULL,
    region   TEXT    NOT NULL DEFAULT 'default',
    PRIMARY KEY (rule_id, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX rule_days_busy ON rule_days (findings);
CREATE INDEX rule_days_day ON rule_days (day);

CREATE TABLE rule_samples (
    rule_id  TEXT    NOT NULL,
    time_ms  INTEGER NOT NULL,
    event_id BLOB    NOT NULL,
    region   TEXT    NOT NULL DEFAULT 'default',
    PRIMARY KEY (rule_id, time_ms, event_id)
) STRICT, WITHOUT ROWID;
