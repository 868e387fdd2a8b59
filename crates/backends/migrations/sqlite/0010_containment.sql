-- Actions on targets, and executions of playbooks. Whatever is not at rest has a time at which its next step is due: so
-- nothing waits for ever.

CREATE TABLE containments (
    id              BLOB    PRIMARY KEY,
    region          TEXT    NOT NULL,
    incident        BLOB    REFERENCES incidents (id),
    -- the command of a run that made it
    run             BLOB    REFERENCES runs (id),
    task            INTEGER,
    command         INTEGER,
    action          TEXT    NOT NULL,
    target_kind     TEXT    NOT NULL,
    target          TEXT    NOT NULL,
    inputs          TEXT    NOT NULL,
    plan            TEXT    NOT NULL,
    plan_sha256     BLOB    NOT NULL CHECK (length(plan_sha256) = 32),
    requester       TEXT    NOT NULL,
    requesters      TEXT    NOT NULL,
    reason          TEXT    NOT NULL,
    decision        TEXT    NOT NULL,
    votes           TEXT    NOT NULL,
    facts           TEXT    NOT NULL,
    state           TEXT    NOT NULL
        CHECK (state IN ('planned', 'awaiting_approval', 'approved', 'applying', 'applied', 'verified', 'reverting',
                         'reverted', 'denied', 'expired', 'failed', 'unknown', 'cancelled')),
    history         TEXT    NOT NULL,
    progress        TEXT    NOT NULL,
    ttl_ms          INTEGER,
    revert_at_ms    INTEGER,
    due_at_ms       INTEGER,
    lease           BLOB,
    leased_until_ms INTEGER,
    created_at_ms   INTEGER NOT NULL,
    updated_at_ms   INTEGER NOT NULL,
    version         INTEGER NOT NULL,
    CHECK ((run IS NULL) = (task IS NULL) AND (run IS NULL) = (command IS NULL)),
    CHECK ((lease IS NULL) = (leased_until_ms IS NULL)),
    CHECK ((due_at_ms IS NULL) = (state IN ('reverted', 'denied', 'expired', 'failed', 'cancelled')
                                  OR (state = 'verified' AND revert_at_ms IS NULL)))
) STRICT;
CREATE INDEX containments_recent ON containments (created_at_ms, id);
CREATE INDEX containments_of_state ON containments (state, created_at_ms, id);
CREATE INDEX containments_of_incident ON containments (incident, created_at_ms, id) WHERE incident IS NOT NULL;
CREATE INDEX containments_of_action ON containments (action, created_at_ms);
CREATE INDEX containments_due ON containments (due_at_ms) WHERE due_at_ms IS NOT NULL;
CREATE UNIQUE INDEX containments_of_task ON containments (run, task, command) WHERE run IS NOT NULL;
-- one at a time
CREATE UNIQUE INDEX containments_under_way ON containments (action, target) WHERE due_at_ms IS NOT NULL;

-- The texts of playbooks as they were when a run of them began.
CREATE TABLE run_playbooks (
    sha256 BLOB PRIMARY KEY CHECK (length(sha256) = 32),
    region TEXT NOT NULL,
    text   TEXT NOT NULL
) STRICT;

CREATE TABLE runs (
    id              BLOB    PRIMARY KEY,
    region          TEXT    NOT NULL,
    incident        BLOB    REFERENCES incidents (id),
    -- the command of the run that called it
    parent          BLOB    REFERENCES runs (id),
    parent_task     INTEGER,
    parent_command  INTEGER,
    depth           INTEGER NOT NULL,
    playbook        TEXT    NOT NULL,
    name            TEXT    NOT NULL,
    modified_at_ms  INTEGER NOT NULL,
    playbook_sha256 BLOB    NOT NULL REFERENCES run_playbooks (sha256),
    requester       TEXT    NOT NULL,
    requesters      TEXT    NOT NULL,
    reason          TEXT    NOT NULL,
    grounds         TEXT    NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('running', 'completed', 'handled', 'failed', 'stopped')),
    machine         TEXT    NOT NULL,
    problem         TEXT,
    due_at_ms       INTEGER,
    deadline_at_ms  INTEGER NOT NULL,
    lease           BLOB,
    leased_until_ms INTEGER,
    created_at_ms   INTEGER NOT NULL,
    updated_at_ms   INTEGER NOT NULL,
    ended_at_ms     INTEGER,
    version         INTEGER NOT NULL,
    CHECK ((parent IS NULL) = (parent_task IS NULL) AND (parent IS NULL) = (parent_command IS NULL)),
    CHECK ((lease IS NULL) = (leased_until_ms IS NULL)),
    CHECK ((due_at_ms IS NULL) = (state <> 'running') AND (ended_at_ms IS NULL) = (state = 'running'))
) STRICT;
CREATE INDEX runs_recent ON runs (created_at_ms, id);
CREATE INDEX runs_of_state ON runs (state, created_at_ms, id);
CREATE INDEX runs_of_incident ON runs (incident, created_at_ms, id) WHERE incident IS NOT NULL;
CREATE INDEX runs_of_playbook ON runs (playbook, created_at_ms, id);
CREATE INDEX runs_due ON runs (due_at_ms) WHERE due_at_ms IS NOT NULL;
CREATE UNIQUE INDEX runs_of_task ON runs (parent, parent_task, parent_command) WHERE parent IS NOT NULL;

CREATE TABLE run_steps (
    run            BLOB    NOT NULL REFERENCES runs (id),
    task           INTEGER NOT NULL,
    region         TEXT    NOT NULL,
    step           TEXT    NOT NULL,
    name           TEXT    NOT NULL,
    kind           TEXT    NOT NULL,
    text           TEXT    NOT NULL,
    state          TEXT    NOT NULL
        CHECK (state IN ('delayed', 'running', 'awaiting_person', 'unknown', 'succeeded', 'skipped', 'failed',
                         'stopped')),
    command        INTEGER NOT NULL,
    tries          INTEGER NOT NULL,
    sent           INTEGER NOT NULL CHECK (sent IN (0, 1)),
    containment    BLOB,
    child          BLOB,
    begun_at_ms    INTEGER NOT NULL,
    starts_at_ms   INTEGER NOT NULL,
    due_at_ms      INTEGER NOT NULL,
    deadline_at_ms INTEGER NOT NULL,
    ended_at_ms    INTEGER,
    by             TEXT,
    reason         TEXT,
    PRIMARY KEY (run, task),
    CHECK ((ended_at_ms IS NULL) = (state IN ('delayed', 'running', 'awaiting_person', 'unknown')))
) STRICT, WITHOUT ROWID;
CREATE INDEX run_steps_open ON run_steps (run, task) WHERE ended_at_ms IS NULL;

-- Who may answer for whom.
CREATE TABLE delegations (
    id            BLOB    PRIMARY KEY,
    region        TEXT    NOT NULL,
    from_person   TEXT    NOT NULL,
    to_person     TEXT    NOT NULL,
    until_ms      INTEGER NOT NULL,
    reason        TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL,
    ended_at_ms   INTEGER,
    CHECK (from_person <> to_person)
) STRICT;
CREATE INDEX delegations_from ON delegations (from_person, until_ms) WHERE ended_at_ms IS NULL;
CREATE INDEX delegations_to ON delegations (to_person, until_ms) WHERE ended_at_ms IS NULL;
