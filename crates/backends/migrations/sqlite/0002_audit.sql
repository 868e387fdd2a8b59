-- The tamper-evident audit record. Each record has its place (seq - 1, without a gap) in a Merkle tree. The tree
-- covers salted hashes of the values; values and salts can be erased, the leaf stays.

CREATE TABLE audit_sealed (
    seq            INTEGER PRIMARY KEY,
    id             BLOB    NOT NULL UNIQUE CHECK (length(id) = 16),
    region         TEXT    NOT NULL DEFAULT 'default',
    -- never before the record before; what the clock showed stands beside it
    at_ms          INTEGER NOT NULL,
    clock_ms       INTEGER NOT NULL,
    action         TEXT    NOT NULL,
    -- the exact texts that were committed to; NULL where nothing was given or it was erased
    principal      TEXT,
    object         TEXT,
    before         TEXT,
    after          TEXT,
    reason         TEXT,
    origin         TEXT,
    request_id     TEXT,
    -- 16 bytes for each of the seven values, in this order; zeros where erased
    salts          BLOB    NOT NULL CHECK (length(salts) = 112),
    -- for each value that was erased its number (1 to 7) and its 32 byte commitment
    erased         BLOB,
    leaf_hash      BLOB    NOT NULL CHECK (length(leaf_hash) = 32),
    principal_name TEXT GENERATED ALWAYS AS
        (coalesce(principal ->> '$.name', principal ->> '$.part', principal ->> '$.account')) VIRTUAL
) STRICT;

-- Records from before the tree get a place in the order in which they were written. Their leaf hashes are
-- computed by the program when it opens the store: thirty-two zeros say so.
INSERT INTO audit_sealed
    (seq, id, region, at_ms, clock_ms, action, principal, object, before, after, reason, request_id, salts, leaf_hash)
SELECT row_number() OVER (ORDER BY seq), id, region, max(at_ms) OVER (ORDER BY seq), at_ms, action, principal,
    object, before, after, reason, request_id, randomblob(112), zeroblob(32)
FROM audit ORDER BY seq;
DROP TABLE audit;
ALTER TABLE audit_sealed RENAME TO audit;

-- Every index ends with seq, SQLite's row number, so each list is a run of neighbouring entries, the newest
-- first. A time range is a range of seq: at_ms never decreases.
CREATE INDEX audit_of_object ON audit (object);
CREATE INDEX audit_of_principal ON audit (principal_name);
CREATE INDEX audit_of_action ON audit (action);
CREATE INDEX audit_of_principal_action ON audit (principal_name, action);
CREATE INDEX audit_of_object_principal ON audit (object, principal_name);
CREATE INDEX audit_of_object_action ON audit (object, action);
CREATE INDEX audit_by_time ON audit (at_ms);

-- Two updates are allowed: the first leaf hash, and an erasure, which only takes away.
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
WHEN NOT (
    new.seq = old.seq AND new.id = old.id AND new.region = old.region AND new.at_ms = old.at_ms
    AND new.clock_ms = old.clock_ms AND new.action = old.action
    AND (
        (old.leaf_hash = zeroblob(32) AND new.erased IS old.erased AND new.salts = old.salts
            AND new.principal IS old.principal AND new.object IS old.object AND new.before IS old.before
            AND new.after IS old.after AND new.reason IS old.reason AND new.origin IS old.origin
            AND new.request_id IS old.request_id)
        OR
        (new.leaf_hash = old.leaf_hash AND length(new.erased) > coalesce(length(old.erased), 0)
            AND (new.principal IS NULL OR new.principal IS old.principal)
            AND (new.object IS NULL OR new.object IS old.object)
            AND (new.before IS NULL OR new.before IS old.before)
            AND (new.after IS NULL OR new.after IS old.after)
            AND (new.reason IS NULL OR new.reason IS old.reason)
            AND (new.origin IS NULL OR new.origin IS old.origin)
            AND (new.request_id IS NULL OR new.request_id IS old.request_id))
    )
)
BEGIN
    SELECT raise(ABORT, 'audit records are never changed');
END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN
    SELECT raise(ABORT, 'audit records are never removed');
END;
