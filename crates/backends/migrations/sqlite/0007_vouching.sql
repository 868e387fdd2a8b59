-- When an identity provider said that somebody left; none after the next sign-in. Their own tokens rest meanwhile.
ALTER TABLE people ADD COLUMN left_at_ms INTEGER;

-- Whom a link lets in again; none where it lets in somebody new.
ALTER TABLE links ADD COLUMN person BLOB REFERENCES people (id);
CREATE INDEX links_of_person ON links (person) WHERE person IS NOT NULL AND used_at_ms IS NULL;
