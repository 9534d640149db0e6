-- Dates that people set for single documents. Documents without a row have the dates of their kind.
CREATE TABLE retention (
    key      INTEGER PRIMARY KEY,
    document BLOB NOT NULL UNIQUE CHECK (length(document) = 32),
    review   INTEGER,                                     -- when somebody must look whether it is still needed
    ends     INTEGER,                                     -- when it is to be erased
    why      TEXT NOT NULL,
    person   TEXT,
    set_at   INTEGER NOT NULL,
    CHECK (review IS NOT NULL OR ends IS NOT NULL)
) STRICT;
