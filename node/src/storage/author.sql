-- Headers take less room, and what is appended is appended to the index too.

-- What the headers of an author have in common: the canonical bytes of its organisation and of itself. In most databases few.
CREATE TABLE author (
    key   INTEGER PRIMARY KEY,
    bytes BLOB NOT NULL UNIQUE
) STRICT;

-- If set, `header` holds what follows the bytes that all headers of the document begin with, and the author's. Of entries that were
-- kept before there was this column, and of the first of a document, `header` is whole.
ALTER TABLE entry ADD COLUMN author INTEGER REFERENCES author (key);

-- Finds the entries of a document, and those of an id in it. Ids are chance: an index of them alone is written all over by each commit.
DROP INDEX entry_of_document;
DROP INDEX entry_by_short;
CREATE INDEX entry_of_document ON entry (document, short);
