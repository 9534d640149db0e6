-- What long documents say, so that whoever looks at one does not wait until its whole history is read. It is made of entries, and
-- made of them again whenever in doubt. Sealed like what it was made of: no word of a document stands here in clear.
CREATE TABLE document_view (
    key      INTEGER PRIMARY KEY,                         -- ascending as they were made: when there is no room the first go
    document INTEGER NOT NULL UNIQUE REFERENCES document (key),
    version  BLOB NOT NULL CHECK (length(version) = 32),  -- the hash of what it was made of
    sealed   BLOB NOT NULL
) STRICT;
