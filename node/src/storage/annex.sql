-- Which document is a sealed part of which. Derived from what annexes say, as the listing is; kept when they are erased.
CREATE TABLE annex (
    key      INTEGER PRIMARY KEY,
    document BLOB NOT NULL UNIQUE CHECK (length(document) = 32),  -- the annex
    part_of  BLOB NOT NULL CHECK (length(part_of) = 32)           -- what it belongs to, which need not be here
) STRICT;

CREATE INDEX annex_of_document ON annex (part_of);
