//! What a node's files hold of a document, in whatever form.

use crate::node::{Node, files};
use crate::stranger::Needles;
use csu_protocol::codec::Canonical;
use csu_protocol::entry::{Header, Wraps};
use csu_protocol::id::DocumentId;
use rusqlite::{Connection, OpenFlags};
use std::collections::{BTreeMap, BTreeSet};

/// A node's database, to look at.
///
/// # Panics
/// When it cannot be opened.
#[must_use]
pub fn database(node: &Node) -> Connection {
    Connection::open_with_flags(node.data().join("node.sqlite"), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a database")
}

/// The headers of all entries in a node's database, by the numbers of their rows.
///
/// # Panics
/// When the database cannot be read.
#[must_use]
pub fn headers(database: &Connection) -> BTreeMap<i64, Vec<u8>> {
    let query =
        "SELECT entry.key, id, bytes, header FROM entry JOIN document ON document.key = document LEFT JOIN author ON author.key = author";
    let mut statement = database.prepare(query).expect("a table of entries");
    let whole = |id: [u8; 32], author: Option<Vec<u8>>, kept: Vec<u8>| match author {
        Some(author) => [Header::document_bytes(&DocumentId::new(id)), author, kept].concat(),
        None => kept,
    };
    let rows = statement.query_map([], |row| Ok((row.get(0)?, whole(row.get(1)?, row.get(2)?, row.get(3)?)))).expect("rows");
    rows.map(|row| row.expect("a row")).collect()
}

/// Every sealed payload and all wrapped keys that a node stores of a document, and what it keeps of it to show it soon.
///
/// # Panics
/// When its database cannot be read.
#[must_use]
pub fn sealed(node: &Node, id: &str) -> BTreeSet<Vec<u8>> {
    let database = database(node);
    let query = "SELECT payload, wraps FROM entry JOIN document ON document.key = entry.document WHERE lower(hex(document.id)) = ?1
                 UNION ALL
                 SELECT sealed, NULL FROM document_view JOIN document ON document.key = document_view.document
                 WHERE lower(hex(document.id)) = ?1";
    let mut statement = database.prepare(query).expect("a table of entries");
    let rows = statement.query_map([id], |row| Ok([row.get::<_, Option<Vec<u8>>>(0)?, row.get(1)?])).expect("rows");
    rows.flat_map(|row| row.expect("a row")).flatten().flat_map(without_names).collect()
}

/// Wrapped keys name in clear for whom they are, and headers and peers name them, too: what lies between those names.
fn without_names(part: Vec<u8>) -> Vec<Vec<u8>> {
    let mut pieces = vec![part];
    for recipient in Wraps::from_canonical(&pieces[0]).into_iter().flat_map(|wraps| wraps.recipients().collect::<Vec<_>>()) {
        let split = |piece: &Vec<u8>| match memchr::memmem::find(piece, recipient.organisation.as_bytes()) {
            Some(at) => vec![piece[..at].to_vec(), piece[at + 32..].to_vec()],
            None => vec![piece.clone()],
        };
        pieces = pieces.iter().flat_map(split).collect();
    }
    pieces
}

/// What a node's files and log still hold of all this, and where.
///
/// # Panics
/// When a file cannot be read.
#[must_use]
pub fn left(node: &Node, words: &[&str], parts: &BTreeSet<Vec<u8>>) -> BTreeSet<String> {
    let needles = Needles::of(words);
    let mut found: BTreeSet<String> =
        needles.plainly_in(node.log_text().as_bytes()).into_iter().map(|what| format!("{what} in the log")).collect();
    for file in files(node.data()) {
        let bytes = std::fs::read(&file).expect("a file of the node");
        found.extend(needles.plainly_in(&bytes).into_iter().map(|what| format!("{what} in {}", file.display())));
        for chunk in parts.iter().flat_map(|part| part.chunks_exact(16)).filter(|chunk| chunk.iter().any(|byte| *byte != 0)) {
            if memchr::memmem::find(&bytes, chunk).is_some() {
                found.insert(format!("sealed bytes in {}", file.display()));
            }
        }
    }
    found
}
