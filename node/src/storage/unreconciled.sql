-- Documents that came back from a backup and were not compared with a neighbour's since: they are neither shown nor served.
CREATE TABLE unreconciled (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32)
) STRICT, WITHOUT ROWID;
