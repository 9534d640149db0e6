-- Documents that came back from a backup and were not compared with a neighbour's since: they are neither shown nor served.
CREATE TABLE unreconciled (
    key INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 32)
) STRICT;
