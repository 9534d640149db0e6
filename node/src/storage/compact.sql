-- Entries take less room. What follows in the program (storage/entries.rs) copies them over and drops the old table.

-- Who brought entries, so that these name it by a small number.
CREATE TABLE bringer (
    key          INTEGER PRIMARY KEY,
    organisation BLOB NOT NULL UNIQUE CHECK (length(organisation) = 32)
) STRICT;

DROP INDEX entry_of_document;
ALTER TABLE entry RENAME TO entry_with_ids;

-- Every sound entry, authorised or void, in the order it was written, which is causal.
CREATE TABLE entry (
    key       INTEGER PRIMARY KEY,
    document  INTEGER NOT NULL REFERENCES document (key),
    short     INTEGER NOT NULL,                          -- the first 8 bytes of the id, which is BLAKE3 of the header; two may be alike
    plane     INTEGER NOT NULL CHECK (plane IN (0, 1)),  -- 0 control, 1 content
    header    BLOB NOT NULL,
    signature BLOB NOT NULL CHECK (length(signature) = 64),
    payload   BLOB,                                      -- sealed
    wraps     BLOB,                                      -- wrapped keys
    bringer   INTEGER REFERENCES bringer (key),          -- the peer that brought it; null for our own
    received  INTEGER NOT NULL
) STRICT;

-- Holds (document, key): a document's entries come out in their order without sorting.
CREATE INDEX entry_of_document ON entry (document);
CREATE INDEX entry_by_short ON entry (short);
