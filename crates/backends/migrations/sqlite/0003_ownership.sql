-- Whose service an incident is about: machines write these, from the gravest finding that knows (owned_by).

ALTER TABLE incidents ADD COLUMN service     TEXT;
ALTER TABLE incidents ADD COLUMN owner       TEXT;
ALTER TABLE incidents ADD COLUMN team        TEXT;
ALTER TABLE incidents ADD COLUMN criticality TEXT;
ALTER TABLE incidents ADD COLUMN environment TEXT;
ALTER TABLE incidents ADD COLUMN owned_by    BLOB;
