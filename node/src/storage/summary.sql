-- What the entries of each document come to, so that starting does not read them all. Derived from entries: whoever empties
-- `summary` has all of it found anew.

-- Who may hold documents and in which role. Documents that are shared alike name one row.
CREATE TABLE sharing (
    key     INTEGER PRIMARY KEY,
    sharing BLOB NOT NULL UNIQUE  -- canonical
) STRICT;

CREATE TABLE summary (
    document INTEGER PRIMARY KEY REFERENCES document (key),
    sharing  INTEGER NOT NULL REFERENCES sharing (key),
    control  BLOB CHECK (length(control) = 32),  -- what the plane is compared with peers as; null while it has no entries
    content  BLOB CHECK (length(content) = 32)
) STRICT;

-- A sharing that no document has any more is found without looking at all of them.
CREATE INDEX summary_by_sharing ON summary (sharing);

-- Bytes of entries that each peer brought, in documents of each owner.
CREATE TABLE brought (
    key     INTEGER PRIMARY KEY,
    bringer BLOB NOT NULL CHECK (length(bringer) = 32),
    owner   BLOB NOT NULL CHECK (length(owner) = 32),
    bytes   INTEGER NOT NULL,
    UNIQUE (bringer, owner)
) STRICT;
