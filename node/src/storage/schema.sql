-- Version 1 of the database of one node.
--
-- Conventions: ids, keys and hashes are blobs of 32 bytes; times are milliseconds since 1970 (UTC);
-- lists and maps are JSON; a flag is 0 or 1. `key` is the order in which rows were written.
-- What was signed is kept as the bytes that were signed, and checked again whenever it is read.

-- Tells this database from any other that SQLite can open: "CSUL" in ASCII.
PRAGMA application_id = 0x4353554C;

-- ---------------------------------------------------------------- what the protocol keeps

-- One row a document, so that entries name it by a small number.
CREATE TABLE document (
    key INTEGER PRIMARY KEY,
    id  BLOB NOT NULL UNIQUE CHECK (length(id) = 32)  -- the id of its genesis entry
) STRICT;

-- Every sound entry, authorised or void, in the order it was written, which is causal.
CREATE TABLE entry (
    key               INTEGER PRIMARY KEY,
    document          INTEGER NOT NULL REFERENCES document (key),
    id                BLOB NOT NULL UNIQUE CHECK (length(id) = 32),  -- BLAKE3 of the header
    plane             INTEGER NOT NULL CHECK (plane IN (0, 1)),      -- 0 control, 1 content
    header            BLOB NOT NULL,
    signature         BLOB NOT NULL CHECK (length(signature) = 64),
    payload           BLOB,                                          -- sealed
    wraps             BLOB,                                          -- wrapped keys
    from_organisation BLOB CHECK (length(from_organisation) = 32),   -- the peer that brought it; null for our own
    received          INTEGER NOT NULL
) STRICT;

-- Holds (document, key): a document's entries come out in their order without sorting.
CREATE INDEX entry_of_document ON entry (document);

-- Every card ever seen, because any of them proves that its device may author.
CREATE TABLE card (
    key        INTEGER PRIMARY KEY,
    id         BLOB NOT NULL UNIQUE CHECK (length(id) = 32),  -- BLAKE3 of the card
    card       BLOB NOT NULL,
    signature  BLOB NOT NULL CHECK (length(signature) = 64),
    brought_by BLOB CHECK (length(brought_by) = 32)           -- null: the organisation itself
) STRICT;

-- Where each device says it can be reached: its newest record.
CREATE TABLE address (
    key       INTEGER PRIMARY KEY,
    device    BLOB NOT NULL UNIQUE CHECK (length(device) = 32),
    record    BLOB NOT NULL,
    signature BLOB NOT NULL CHECK (length(signature) = 64)
) STRICT;

-- Organisations paired with or about to be. Its root key is pinned here.
CREATE TABLE peer (
    key            INTEGER PRIMARY KEY,
    organisation   BLOB NOT NULL UNIQUE CHECK (length(organisation) = 32),
    name           TEXT NOT NULL,
    kind           TEXT NOT NULL,
    confirmed      INTEGER NOT NULL CHECK (confirmed IN (0, 1)),       -- by both sides: data moves
    we_confirmed   INTEGER NOT NULL CHECK (we_confirmed IN (0, 1)),
    they_confirmed INTEGER NOT NULL CHECK (they_confirmed IN (0, 1)),
    paused         INTEGER NOT NULL CHECK (paused IN (0, 1)),
    number         TEXT NOT NULL,                                      -- the security number, as printed
    addresses      TEXT NOT NULL,                                      -- JSON list, best first
    since          INTEGER NOT NULL,
    last_seen      INTEGER,                                            -- null: never
    CHECK (confirmed = 0 OR (we_confirmed = 1 AND they_confirmed = 1))
) STRICT;

-- Invitations given out and not used.
CREATE TABLE invitation (
    key     INTEGER PRIMARY KEY,
    secret  BLOB NOT NULL UNIQUE CHECK (length(secret) = 32),
    expires INTEGER NOT NULL
) STRICT;

-- Tickets this node was given and is trying to use.
CREATE TABLE joining (
    key          INTEGER PRIMARY KEY,
    organisation BLOB NOT NULL UNIQUE CHECK (length(organisation) = 32),
    device       BLOB NOT NULL CHECK (length(device) = 32),
    addresses    TEXT NOT NULL,
    secret       BLOB NOT NULL CHECK (length(secret) = 32),
    expires      INTEGER NOT NULL
) STRICT;

-- ---------------------------------------------------------------- what the node itself keeps

-- Drafts. AUTOINCREMENT, because people refer to `d3` and it must never come to mean another.
CREATE TABLE draft (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    kind     TEXT NOT NULL,
    document BLOB CHECK (length(document) = 32),      -- null until issued
    open     INTEGER NOT NULL CHECK (open IN (0, 1)), -- a closed one is only an alias of its document
    fields   TEXT NOT NULL,                           -- JSON object
    marking  TEXT,
    audience TEXT NOT NULL,                           -- JSON list of {who, role, until}
    base     TEXT NOT NULL,                           -- JSON list: the revisions it was begun on
    person   TEXT,
    created  INTEGER NOT NULL,
    updated  INTEGER NOT NULL,
    CHECK (open = 1 OR document IS NOT NULL)
) STRICT;

-- A document has one open draft at most.
CREATE UNIQUE INDEX open_draft_of_document ON draft (document) WHERE open = 1 AND document IS NOT NULL;

-- What lists show. Derived from entries, and may be emptied and built again at any time.
CREATE TABLE listing (
    key      INTEGER PRIMARY KEY,
    document BLOB NOT NULL UNIQUE CHECK (length(document) = 32),
    kind     TEXT NOT NULL,
    title    TEXT NOT NULL,
    state    TEXT NOT NULL,
    marking  TEXT,
    owner    BLOB NOT NULL CHECK (length(owner) = 32),
    updated  INTEGER NOT NULL,
    received INTEGER,                                  -- null: begun here
    access   TEXT NOT NULL,
    unread   INTEGER NOT NULL CHECK (unread IN (0, 1))
) STRICT;

CREATE INDEX listing_newest ON listing (updated DESC, document);
CREATE INDEX listing_unread ON listing (unread) WHERE unread = 1;

-- The access log (Data Protection Act 2018, section 62).
CREATE TABLE log (
    key       INTEGER PRIMARY KEY AUTOINCREMENT,
    at        INTEGER NOT NULL,
    verb      TEXT NOT NULL,
    who       TEXT NOT NULL,
    document  BLOB CHECK (length(document) = 32),
    recipient TEXT,
    why       TEXT,
    detail    TEXT NOT NULL
) STRICT;

CREATE INDEX log_of_document ON log (document) WHERE document IS NOT NULL;
CREATE INDEX log_by_time ON log (at);

CREATE TRIGGER log_line_stays BEFORE DELETE ON log BEGIN
    SELECT raise(ABORT, 'lines of the access log are never removed');
END;
CREATE TRIGGER log_line_is_final BEFORE UPDATE ON log BEGIN
    SELECT raise(ABORT, 'lines of the access log are never changed');
END;

-- Single values: how the last run ended, the sequence number of our own addresses, and the like.
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
