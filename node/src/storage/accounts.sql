-- People who sign in to this node's pages. They are this node's own and are never sent.

CREATE TABLE account (
    key          INTEGER PRIMARY KEY AUTOINCREMENT,  -- sessions name it by this: it must never come to mean another
    name         TEXT NOT NULL,                      -- attested in what the person does
    folded       TEXT NOT NULL UNIQUE,               -- two that differ in case or width alone are one
    roles        TEXT NOT NULL,                      -- JSON list of words
    password     TEXT,                               -- Argon2id as a PHC string; null until one was chosen
    generation   INTEGER NOT NULL,                   -- sessions of an earlier one have ended
    created      INTEGER NOT NULL,
    disabled     INTEGER,                            -- since when; null: it is not
    signed_in    INTEGER,
    seen         INTEGER,                            -- when its person was last there, within minutes
    visit_before INTEGER                             -- when the visit before the present one ended
) STRICT;

-- One-time links. Of the token only the BLAKE3 hash is kept: whoever reads the database cannot use it.
CREATE TABLE account_link (
    key     INTEGER PRIMARY KEY,
    hash    BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    account INTEGER UNIQUE REFERENCES account (key) ON DELETE CASCADE,  -- who chooses a password; null: it makes the first account
    until   INTEGER NOT NULL
) STRICT;
