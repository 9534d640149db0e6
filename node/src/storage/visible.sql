-- What people see of a document is made beside the receiving.

-- Documents whose line in lists, and whose words in the search index, are older than their entries. Written with the entries, so
-- that a crash loses none; a row goes with the write that brings line and words up to date.
CREATE TABLE stale (
    document INTEGER PRIMARY KEY REFERENCES document (key),
    waits    INTEGER NOT NULL CHECK (waits IN (0, 1))  -- 1: only who may do what has come, and the content is on its way
) STRICT;

CREATE INDEX stale_ready ON stale (document) WHERE waits = 0;

-- What a person may search in, by the number of the document's line. No words of sealed annexes.
CREATE VIRTUAL TABLE search USING fts5 (title, text, tokenize = "unicode61 remove_diacritics 2");

-- Documents that came before there was a search.
INSERT INTO stale (document, waits) SELECT key, 0 FROM document;
