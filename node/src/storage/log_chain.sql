-- The access log becomes a chain: each line gets the hash over itself and the line before it. What
-- follows in the program (storage/log/chain.rs) copies the lines over and drops the old table.
DROP TRIGGER IF EXISTS log_line_stays;
DROP TRIGGER IF EXISTS log_line_is_final;
DROP INDEX IF EXISTS log_of_document;
DROP INDEX IF EXISTS log_by_time;
ALTER TABLE log RENAME TO log_without_hashes;

CREATE TABLE log (
    key       INTEGER PRIMARY KEY AUTOINCREMENT,          -- 1, 2, 3 ... without a gap
    at        INTEGER NOT NULL,
    verb      TEXT NOT NULL,
    who       TEXT NOT NULL,
    document  BLOB CHECK (length(document) = 32),
    recipient TEXT,
    why       TEXT,
    detail    TEXT NOT NULL,
    hash      BLOB NOT NULL CHECK (length(hash) = 32)     -- over the line and the hash before it
) STRICT;

CREATE INDEX log_of_document ON log (document) WHERE document IS NOT NULL;
CREATE INDEX log_by_time ON log (at);

CREATE TRIGGER log_line_stays BEFORE DELETE ON log BEGIN
    SELECT raise(ABORT, 'lines of the access log are never removed');
END;
CREATE TRIGGER log_line_is_final BEFORE UPDATE ON log BEGIN
    SELECT raise(ABORT, 'lines of the access log are never changed');
END;
