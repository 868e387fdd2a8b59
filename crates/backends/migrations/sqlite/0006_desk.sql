-- What the queue of work is searched, counted and regrouped by. All of it is kept in the transaction that changes
-- the incident, by triggers where one row follows from another, so that no writer can forget it.

-- A person's title; the machine's stays beside it.
ALTER TABLE incidents ADD COLUMN title_override  TEXT;
ALTER TABLE incidents ADD COLUMN shown_title     TEXT GENERATED ALWAYS AS (coalesce(title_override, title)) VIRTUAL;
-- Findings of the group of such an incident go to the one that it was merged into.
ALTER TABLE incidents ADD COLUMN merged_by_people INTEGER NOT NULL DEFAULT 0 CHECK (merged_by_people IN (0, 1));

CREATE INDEX incidents_titled ON incidents (title_override) WHERE title_override IS NOT NULL;
CREATE INDEX incidents_opened ON incidents (status, created_at_ms, id) WHERE merged_into IS NULL;
CREATE INDEX incidents_largest ON incidents (status, findings, id) WHERE merged_into IS NULL;
CREATE INDEX incidents_of_service ON incidents (service, status) WHERE merged_into IS NULL;
CREATE INDEX incidents_of_verdict ON incidents (verdict, status) WHERE merged_into IS NULL;
CREATE INDEX incidents_merged ON incidents (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX incidents_merged_group ON incidents (group_value, group_kind, region) WHERE merged_by_people = 1;

-- Text: titles, values of entities, titles of rules, comments. Each text is indexed once, however many incidents have it.
DROP TRIGGER incident_titles_insert;
DROP TRIGGER incident_titles_update;
DROP TRIGGER incident_titles_delete;
DROP TABLE incident_titles;
CREATE VIRTUAL TABLE incident_titles USING fts5 (shown_title, content = 'incidents', content_rowid = 'seq', tokenize = 'trigram');
INSERT INTO incident_titles (incident_titles) VALUES ('rebuild');
CREATE TRIGGER incident_titles_insert AFTER INSERT ON incidents BEGIN
    INSERT INTO incident_titles (rowid, shown_title) VALUES (new.seq, coalesce(new.title_override, new.title));
END;
CREATE TRIGGER incident_titles_update AFTER UPDATE OF title, title_override ON incidents
WHEN coalesce(old.title_override, old.title) <> coalesce(new.title_override, new.title) BEGIN
    INSERT INTO incident_titles (incident_titles, rowid, shown_title)
    VALUES ('delete', old.seq, coalesce(old.title_override, old.title));
    INSERT INTO incident_titles (rowid, shown_title) VALUES (new.seq, coalesce(new.title_override, new.title));
END;
CREATE TRIGGER incident_titles_delete AFTER DELETE ON incidents BEGIN
    INSERT INTO incident_titles (incident_titles, rowid, shown_title)
    VALUES ('delete', old.seq, coalesce(old.title_override, old.title));
END;

CREATE TABLE entity_values (
    id     INTEGER PRIMARY KEY,
    value  TEXT NOT NULL,
    region TEXT NOT NULL,
    UNIQUE (value, region)
) STRICT;
CREATE VIRTUAL TABLE entity_texts USING fts5 (value, content = 'entity_values', content_rowid = 'id', tokenize = 'trigram');
CREATE TRIGGER entity_texts_insert AFTER INSERT ON entity_values BEGIN
    INSERT INTO entity_texts (rowid, value) VALUES (new.id, new.value);
END;
CREATE TRIGGER entity_values_insert AFTER INSERT ON incident_entities BEGIN
    INSERT INTO entity_values (value, region) VALUES (new.value, new.region) ON CONFLICT DO NOTHING;
END;
INSERT INTO entity_values (value, region) SELECT DISTINCT value, region FROM incident_entities;

CREATE TABLE rule_titles (
    rule   TEXT NOT NULL,
    title  TEXT NOT NULL,
    region TEXT NOT NULL DEFAULT 'default',
    PRIMARY KEY (rule, title)
) STRICT, WITHOUT ROWID;
INSERT INTO rule_titles (rule, title) SELECT DISTINCT rule_id, body ->> '$.rule_title' FROM findings
WHERE body ->> '$.rule_title' IS NOT NULL;

-- Comments get a number, so that their index of texts holds when the file is vacuumed.
CREATE TABLE comments_numbered (
    seq           INTEGER PRIMARY KEY,
    id            BLOB    NOT NULL UNIQUE,
    region        TEXT    NOT NULL,
    incident      BLOB    NOT NULL REFERENCES incidents (id),
    author        TEXT    NOT NULL,
    text          TEXT    NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT;
INSERT INTO comments_numbered (id, region, incident, author, text, created_at_ms)
SELECT id, region, incident, author, text, created_at_ms FROM comments ORDER BY created_at_ms, id;
DROP TABLE comments;
ALTER TABLE comments_numbered RENAME TO comments;
CREATE INDEX comments_of_incident ON comments (incident, created_at_ms, id);
CREATE VIRTUAL TABLE comment_texts USING fts5 (text, content = 'comments', content_rowid = 'seq', tokenize = 'trigram');
INSERT INTO comment_texts (comment_texts) VALUES ('rebuild');
CREATE TRIGGER comment_texts_insert AFTER INSERT ON comments BEGIN
    INSERT INTO comment_texts (rowid, text) VALUES (new.seq, new.text);
END;
CREATE TRIGGER comment_texts_update AFTER UPDATE OF text ON comments BEGIN
    INSERT INTO comment_texts (comment_texts, rowid, text) VALUES ('delete', old.seq, old.text);
    INSERT INTO comment_texts (rowid, text) VALUES (new.seq, new.text);
END;
CREATE TRIGGER comment_texts_delete AFTER DELETE ON comments BEGIN
    INSERT INTO comment_texts (comment_texts, rowid, text) VALUES ('delete', old.seq, old.text);
END;

-- Of which rules and kinds of source an incident has findings.
CREATE TABLE incident_terms (
    facet    TEXT    NOT NULL CHECK (facet IN ('rule', 'source')),
    value    TEXT    NOT NULL,
    incident INTEGER NOT NULL REFERENCES incidents (seq),
    region   TEXT    NOT NULL,
    PRIMARY KEY (facet, value, incident)
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_terms_of ON incident_terms (incident);
INSERT INTO incident_terms (facet, value, incident, region)
SELECT DISTINCT 'rule', f.rule_id, i.seq, i.region FROM findings f JOIN incidents i ON i.id = f.incident;
INSERT INTO incident_terms (facet, value, incident, region)
SELECT DISTINCT 'source', coalesce(s.kind, f.source), i.seq, i.region
FROM findings f JOIN incidents i ON i.id = f.incident LEFT JOIN sources s ON s.name = f.source;

-- How many unmerged incidents of each status and severity have each value of each facet; those of facet 'all' have
-- value ''. Nobody, no service and no verdict are '', '' and '0'.
CREATE TABLE incident_cells (
    facet    TEXT    NOT NULL CHECK (facet IN ('all', 'assignee', 'service', 'verdict', 'rule', 'source')),
    value    TEXT    NOT NULL,
    status   INTEGER NOT NULL,
    severity INTEGER NOT NULL,
    region   TEXT    NOT NULL,
    n        INTEGER NOT NULL,
    PRIMARY KEY (facet, value, status, severity, region)
) STRICT, WITHOUT ROWID;
INSERT INTO incident_cells
SELECT v.facet, v.value, i.status, i.severity, i.region, count(*) FROM incidents i JOIN (
    SELECT seq, 'all' AS facet, '' AS value FROM incidents
    UNION ALL SELECT seq, 'assignee', coalesce(assignee, '') FROM incidents
    UNION ALL SELECT seq, 'service', coalesce(service, '') FROM incidents
    UNION ALL SELECT seq, 'verdict', CAST(coalesce(verdict, 0) AS TEXT) FROM incidents
    UNION ALL SELECT incident, facet, value FROM incident_terms
) v ON v.seq = i.seq
WHERE i.merged_into IS NULL GROUP BY 1, 2, 3, 4, 5;

CREATE TRIGGER incident_cells_insert AFTER INSERT ON incidents WHEN new.merged_into IS NULL BEGIN
    INSERT INTO incident_cells
    SELECT v.facet, v.value, new.status, coalesce(new.severity_override, new.machine_severity), new.region, 1 FROM (
        SELECT 'all' AS facet, '' AS value
        UNION ALL SELECT 'assignee', coalesce(new.assignee, '')
        UNION ALL SELECT 'service', coalesce(new.service, '')
        UNION ALL SELECT 'verdict', CAST(coalesce(new.verdict, 0) AS TEXT)
    ) v WHERE true
    ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER incident_cells_update AFTER UPDATE OF status, severity_override, machine_severity, assignee, service,
                                                     verdict, merged_into ON incidents
WHEN old.status <> new.status OR old.assignee IS NOT new.assignee OR old.service IS NOT new.service
     OR old.verdict IS NOT new.verdict OR (old.merged_into IS NULL) <> (new.merged_into IS NULL)
     OR coalesce(old.severity_override, old.machine_severity) <> coalesce(new.severity_override, new.machine_severity)
BEGIN
    UPDATE incident_cells SET n = n - 1
    WHERE old.merged_into IS NULL AND status = old.status
      AND severity = coalesce(old.severity_override, old.machine_severity) AND region = old.region
      AND (facet, value) IN (
        SELECT 'all', ''
        UNION ALL SELECT 'assignee', coalesce(old.assignee, '')
        UNION ALL SELECT 'service', coalesce(old.service, '')
        UNION ALL SELECT 'verdict', CAST(coalesce(old.verdict, 0) AS TEXT)
        UNION ALL SELECT t.facet, t.value FROM incident_terms t WHERE t.incident = old.seq);
    DELETE FROM incident_cells
    WHERE n = 0 AND status = old.status
      AND severity = coalesce(old.severity_override, old.machine_severity) AND region = old.region
      AND (facet, value) IN (
        SELECT 'all', ''
        UNION ALL SELECT 'assignee', coalesce(old.assignee, '')
        UNION ALL SELECT 'service', coalesce(old.service, '')
        UNION ALL SELECT 'verdict', CAST(coalesce(old.verdict, 0) AS TEXT)
        UNION ALL SELECT t.facet, t.value FROM incident_terms t WHERE t.incident = old.seq);
    INSERT INTO incident_cells
    SELECT v.facet, v.value, new.status, coalesce(new.severity_override, new.machine_severity), new.region, 1 FROM (
        SELECT 'all' AS facet, '' AS value
        UNION ALL SELECT 'assignee', coalesce(new.assignee, '')
        UNION ALL SELECT 'service', coalesce(new.service, '')
        UNION ALL SELECT 'verdict', CAST(coalesce(new.verdict, 0) AS TEXT)
        UNION ALL SELECT t.facet, t.value FROM incident_terms t WHERE t.incident = new.seq
    ) v WHERE new.merged_into IS NULL
    ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER incident_terms_insert AFTER INSERT ON incident_terms BEGIN
    INSERT INTO incident_cells
    SELECT new.facet, new.value, i.status, i.severity, i.region, 1
    FROM incidents i WHERE i.seq = new.incident AND i.merged_into IS NULL
    ON CONFLICT DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER incident_terms_delete AFTER DELETE ON incident_terms BEGIN
    UPDATE incident_cells SET n = n - 1
    WHERE facet = old.facet AND value = old.value
      AND (status, severity, region) =
          (SELECT i.status, i.severity, i.region FROM incidents i WHERE i.seq = old.incident AND i.merged_into IS NULL);
    DELETE FROM incident_cells WHERE facet = old.facet AND value = old.value AND n = 0;
END;

-- Which findings went from one incident to another, so that each merge and split can be taken back exactly.
CREATE TABLE incident_moves (
    seq          INTEGER PRIMARY KEY,
    region       TEXT    NOT NULL,
    kind         TEXT    NOT NULL CHECK (kind IN ('merge', 'split')),
    -- the merged one and the one that took it over; the new one and the one that it was split from
    incident     BLOB    NOT NULL REFERENCES incidents (id),
    other        BLOB    NOT NULL REFERENCES incidents (id),
    at_ms        INTEGER NOT NULL,
    -- the number of the last finding there was
    findings_seq INTEGER NOT NULL,
    undone_at_ms INTEGER
) STRICT;
CREATE INDEX incident_moves_of ON incident_moves (incident, seq);
CREATE TABLE incident_moved (
    move    INTEGER NOT NULL REFERENCES incident_moves (seq),
    finding INTEGER NOT NULL REFERENCES findings (seq),
    region  TEXT    NOT NULL,
    PRIMARY KEY (move, finding)
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_moved_finding ON incident_moved (finding);
-- Merges from before this table was kept: what a merged incident held first, it gets back.
INSERT INTO incident_moves (region, kind, incident, other, at_ms, findings_seq)
SELECT region, 'merge', id, merged_into, updated_at_ms, (SELECT coalesce(max(seq), 0) FROM findings)
FROM incidents WHERE merged_into IS NOT NULL;
INSERT INTO incident_moved (move, finding, region)
SELECT m.seq, f.seq, f.region FROM incident_moves m JOIN findings f ON f.first_incident = m.incident;

-- How incidents belong together, in people's words: `incident` is KIND `other`.
CREATE TABLE incident_links (
    incident BLOB    NOT NULL REFERENCES incidents (id),
    other    BLOB    NOT NULL REFERENCES incidents (id),
    kind     TEXT    NOT NULL CHECK (kind IN ('related', 'caused_by', 'duplicate_of')),
    region   TEXT    NOT NULL,
    author   TEXT    NOT NULL,
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (incident, other, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX incident_links_of ON incident_links (other);

-- Filters of the queue that people keep.
CREATE TABLE saved_views (
    id            BLOB    NOT NULL PRIMARY KEY,
    region        TEXT    NOT NULL DEFAULT 'default',
    owner         TEXT    NOT NULL,
    owner_name    TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    query         TEXT    NOT NULL,
    shared        INTEGER NOT NULL CHECK (shared IN (0, 1)),
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    UNIQUE (owner, name)
) STRICT;
CREATE INDEX saved_views_shared ON saved_views (name, id) WHERE shared = 1;
