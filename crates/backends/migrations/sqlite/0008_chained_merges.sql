-- Merges from before moves were kept (0006) were given what each merged incident was first to hold. One that others had
-- been merged into before held theirs as well, and has to get those back, too; else they would stay where nobody looks
-- for them. Only what is not merged can be merged, into what is not merged, so whatever leads to an incident was merged
-- into it before it was merged itself.
WITH RECURSIVE
    kept (move, root) AS (
        -- those of 0006: one statement wrote them, the first of all, so they know the same last finding
        SELECT seq, incident FROM incident_moves
        WHERE kind = 'merge' AND undone_at_ms IS NULL
          AND findings_seq = (SELECT findings_seq FROM incident_moves ORDER BY seq LIMIT 1)
    ),
    below (move, id) AS (
        SELECT move, root FROM kept
        UNION
        SELECT b.move, i.id FROM below b CROSS JOIN incidents i ON i.merged_into = b.id
    )
INSERT INTO incident_moved (move, finding, region)
SELECT b.move, f.seq, f.region
FROM below b CROSS JOIN findings f ON f.first_incident = b.id
WHERE f.seq <= (SELECT findings_seq FROM incident_moves WHERE seq = b.move)
  -- what somebody split off was not there any more
  AND f.seq NOT IN (SELECT m.finding FROM incident_moved m JOIN incident_moves v ON v.seq = m.move WHERE v.kind = 'split')
ON CONFLICT DO NOTHING;
