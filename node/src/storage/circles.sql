-- Circles. They are this node's own and are never sent.

CREATE TABLE circle (
    key     INTEGER PRIMARY KEY AUTOINCREMENT,  -- drafts name it by this: it must never come to mean another
    name    TEXT NOT NULL,
    folded  TEXT NOT NULL UNIQUE,               -- the name in small letters: two that differ in those alone are one
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE circle_member (
    key          INTEGER PRIMARY KEY,
    circle       INTEGER NOT NULL REFERENCES circle (key) ON DELETE CASCADE,
    organisation BLOB NOT NULL CHECK (length(organisation) = 32),
    since        INTEGER NOT NULL,
    UNIQUE (circle, organisation)
) STRICT;

-- Which documents were granted to which circle. Whoever comes into the circle is offered the same.
CREATE TABLE circle_share (
    key      INTEGER PRIMARY KEY,
    circle   INTEGER NOT NULL REFERENCES circle (key) ON DELETE CASCADE,
    document BLOB NOT NULL CHECK (length(document) = 32),
    role     TEXT NOT NULL,
    until    INTEGER,                           -- null: without end
    UNIQUE (circle, document, role)
) STRICT;

CREATE INDEX circle_share_of_document ON circle_share (document);

-- Which entries gave something to an organisation for a circle's sake, so that what it has from elsewhere is told apart.
CREATE TABLE circle_gift (
    key          INTEGER PRIMARY KEY,
    circle       INTEGER NOT NULL REFERENCES circle (key) ON DELETE CASCADE,
    document     BLOB NOT NULL CHECK (length(document) = 32),
    organisation BLOB NOT NULL CHECK (length(organisation) = 32),
    entry        BLOB NOT NULL CHECK (length(entry) = 32),
    at           INTEGER NOT NULL,
    UNIQUE (circle, document, organisation, entry)
) STRICT;

CREATE INDEX circle_gift_of_document ON circle_gift (document);

-- The circles that a draft is for: JSON list of {circle, role, until}.
ALTER TABLE draft ADD COLUMN circles TEXT NOT NULL DEFAULT '[]';
