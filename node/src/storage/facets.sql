-- What lists are narrowed by. Derived from entries, as the listing is: a term goes with the last line that has it.
CREATE TABLE term (
    key   INTEGER PRIMARY KEY,
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (name, value)
) STRICT;
-- The lines that have a term, in the order of lists.
CREATE TABLE facet (
    term    INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    place   BLOB NOT NULL CHECK (length(place) = 8),  -- the first 8 bytes of the document
    line    INTEGER NOT NULL,
    PRIMARY KEY (term, updated DESC, place, line)
) STRICT, WITHOUT ROWID;
-- The terms of a line that do not follow from its other columns: JSON list of keys.
ALTER TABLE listing ADD COLUMN facets TEXT NOT NULL DEFAULT '[]';
-- What follows from the other columns is there at once; the rest comes as each document is listed anew.
INSERT INTO term (name, value)
    SELECT 'kind', kind FROM listing UNION SELECT 'state', state FROM listing UNION SELECT 'owner', lower(hex(owner)) FROM listing
    UNION SELECT 'unread', '1' FROM listing WHERE unread = 1;
INSERT INTO facet SELECT term.key, updated, substr(document, 1, 8), listing.key FROM term JOIN listing ON kind = value WHERE name = 'kind';
INSERT INTO facet SELECT term.key, updated, substr(document, 1, 8), listing.key FROM term JOIN listing ON state = value WHERE name = 'state';
INSERT INTO facet SELECT term.key, updated, substr(document, 1, 8), listing.key FROM listing JOIN term ON name = 'owner' AND value = lower(hex(owner));
INSERT INTO facet SELECT term.key, updated, substr(document, 1, 8), listing.key FROM term JOIN listing ON unread = 1 WHERE name = 'unread';
INSERT INTO stale (document, waits) SELECT key, 0 FROM document WHERE true ON CONFLICT (document) DO UPDATE SET waits = 0;
