-- What people are told by e-mail: written with the change that it tells of, sent afterwards. Who reads it and what it says is
-- found out when it is sent; neither an address nor a text is kept.

CREATE TABLE letters (
    id              BLOB    PRIMARY KEY,
    region          TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    -- a containment or a run
    about           TEXT    NOT NULL,
    incident        BLOB    REFERENCES incidents (id),
    -- to whom; empty as long as nobody has found out who is to be told
    person          BLOB,
    state           TEXT    NOT NULL CHECK (state IN ('waiting', 'addressed', 'sent', 'moot', 'given_up')),
    tries           INTEGER NOT NULL,
    problem         TEXT,
    due_at_ms       INTEGER,
    give_up_at_ms   INTEGER NOT NULL,
    lease           BLOB,
    leased_until_ms INTEGER,
    created_at_ms   INTEGER NOT NULL,
    updated_at_ms   INTEGER NOT NULL,
    CHECK ((lease IS NULL) = (leased_until_ms IS NULL)),
    CHECK ((due_at_ms IS NULL) = (state <> 'waiting'))
) STRICT;
CREATE INDEX letters_due ON letters (due_at_ms) WHERE due_at_ms IS NOT NULL;
CREATE INDEX letters_about ON letters (about, created_at_ms);
CREATE INDEX letters_over ON letters (updated_at_ms) WHERE due_at_ms IS NULL;
