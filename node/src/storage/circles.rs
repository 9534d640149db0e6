//! Circles: named lists of organisations, and what was granted to them. Never sent.

use super::column::{Cells, ms};
use super::error::Fault;
use super::{Storage, StorageError};
use csu_protocol::entry::Role;
use csu_protocol::id::{DocumentId, EntryId, OrganisationId};
use csu_protocol::time::Timestamp;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

/// A circle's number; never used for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CircleKey(i64);

/// A circle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircleRow {
    /// Its number.
    pub key: CircleKey,
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: Timestamp,
}

/// A member of a circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Who.
    pub organisation: OrganisationId,
    /// When it came in.
    pub since: Timestamp,
}

/// What a circle is granted on some document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CircleGrant {
    /// The circle.
    pub circle: CircleKey,
    /// The role of its members.
    pub role: Role,
    /// Until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

/// That an entry gave something to an organisation because it was in a circle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gift {
    /// The circle.
    pub circle: CircleKey,
    /// To whom.
    pub organisation: OrganisationId,
    /// The genesis or grant entry.
    pub entry: EntryId,
    /// When it was signed.
    pub at: Timestamp,
}

const CIRCLES: &str = "SELECT key, name, created FROM circle";

fn circle(cells: &Cells<'_>) -> Result<CircleRow, Fault> {
    Ok(CircleRow { key: CircleKey(cells.number()), name: cells.get("name")?, created: cells.ms("created")? })
}

fn all<T>(
    db: &Connection,
    table: &'static str,
    query: &str,
    parameters: impl rusqlite::Params,
    read: impl Fn(&Cells<'_>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    let mut statement = db.prepare_cached(query)?;
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(&Cells::new(table, row)?)?);
    }
    Ok(found)
}

fn folded(name: &str) -> String {
    name.to_lowercase()
}

fn grant(cells: &Cells<'_>) -> Result<CircleGrant, Fault> {
    Ok(CircleGrant { circle: CircleKey(cells.get("circle")?), role: cells.text("role", str::parse)?, until: cells.ms_or_null("until")? })
}

fn gift(cells: &Cells<'_>) -> Result<Gift, Fault> {
    Ok(Gift {
        circle: CircleKey(cells.get("circle")?),
        organisation: cells.id("organisation", OrganisationId::new)?,
        entry: cells.id("entry", EntryId::new)?,
        at: cells.ms("at")?,
    })
}

/// Circles.
impl Storage {
    /// Makes a circle without members.
    ///
    /// # Errors
    /// When the disk is full or fails, or there is one of that name. The caller rolls back.
    pub fn add_circle(&mut self, name: &str, now: Timestamp) -> Result<CircleKey, StorageError> {
        self.write(|db| {
            let mut statement = db.prepare_cached("INSERT INTO circle (name, folded, created) VALUES (?1, ?2, ?3)")?;
            Ok(CircleKey(statement.insert(params![name, folded(name), ms(now)])?))
        })
    }

    /// Deletes a circle, its members and what is remembered of it.
    ///
    /// # Errors
    /// When the disk fails. The caller rolls back.
    pub fn delete_circle(&mut self, circle: CircleKey) -> Result<(), StorageError> {
        self.write(|db| Ok(db.prepare_cached("DELETE FROM circle WHERE key = ?1")?.execute([circle.0]).map(|_| ())?))
    }

    /// All circles, by name.
    ///
    /// # Errors
    /// When storage fails or a row does not decode.
    pub fn circles(&self) -> Result<Vec<CircleRow>, StorageError> {
        self.read(|db| all(db, "circle", &format!("{CIRCLES} ORDER BY folded"), [], circle))
    }

    /// The circle of a name, in whatever letters.
    ///
    /// # Errors
    /// When storage fails or the row does not decode.
    pub fn circle_named(&self, name: &str) -> Result<Option<CircleRow>, StorageError> {
        self.read(|db| Ok(all(db, "circle", &format!("{CIRCLES} WHERE folded = ?1"), [folded(name)], circle)?.pop()))
    }

    /// Puts an organisation into a circle. One that is in it already stays as it was.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn add_member(&mut self, circle: CircleKey, organisation: &OrganisationId, now: Timestamp) -> Result<(), StorageError> {
        self.write(|db| {
            let mut statement = db.prepare_cached(
                "INSERT INTO circle_member (circle, organisation, since) VALUES (?1, ?2, ?3) ON CONFLICT (circle, organisation) DO NOTHING",
            )?;
            statement.execute(params![circle.0, organisation.as_bytes(), ms(now)])?;
            Ok(())
        })
    }

    /// Takes an organisation out of a circle. False if it was not in it.
    ///
    /// # Errors
    /// When the disk fails. The caller rolls back.
    pub fn remove_member(&mut self, circle: CircleKey, organisation: &OrganisationId) -> Result<bool, StorageError> {
        self.write(|db| {
            let mut statement = db.prepare_cached("DELETE FROM circle_member WHERE circle = ?1 AND organisation = ?2")?;
            Ok(statement.execute(params![circle.0, organisation.as_bytes()])? > 0)
        })
    }

    /// Who is in a circle, in the order in which they came.
    ///
    /// # Errors
    /// When storage fails or a row does not decode.
    pub fn members(&self, circle: CircleKey) -> Result<Vec<Member>, StorageError> {
        let member =
            |cells: &Cells<'_>| Ok(Member { organisation: cells.id("organisation", OrganisationId::new)?, since: cells.ms("since")? });
        let query = "SELECT key, organisation, since FROM circle_member WHERE circle = ?1 ORDER BY key";
        self.read(|db| all(db, "circle_member", query, [circle.0], member))
    }
}

/// What was granted to circles.
impl Storage {
    /// Remembers that a document was granted to a circle; of one role the later end holds.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn put_share(&mut self, document: &DocumentId, grant: &CircleGrant) -> Result<(), StorageError> {
        self.write(|db| {
            let mut statement = db.prepare_cached(
                "INSERT INTO circle_share (circle, document, role, until) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (circle, document, role) DO UPDATE SET
                     until = CASE WHEN until IS NULL OR excluded.until IS NULL THEN NULL ELSE max(until, excluded.until) END",
            )?;
            statement.execute(params![grant.circle.0, document.as_bytes(), grant.role.as_str(), grant.until.map(ms)])?;
            Ok(())
        })
    }

    /// Forgets that a document was granted to a circle. False if it was not.
    ///
    /// # Errors
    /// When the disk fails. The caller rolls back.
    pub fn remove_shares(&mut self, document: &DocumentId, circle: CircleKey) -> Result<bool, StorageError> {
        self.write(|db| {
            let mut statement = db.prepare_cached("DELETE FROM circle_share WHERE document = ?1 AND circle = ?2")?;
            Ok(statement.execute(params![document.as_bytes(), circle.0])? > 0)
        })
    }

    /// What circles are granted on a document.
    ///
    /// # Errors
    /// When storage fails or a row does not decode.
    pub fn shares(&self, document: &DocumentId) -> Result<Vec<CircleGrant>, StorageError> {
        let query = "SELECT key, circle, role, until FROM circle_share WHERE document = ?1 ORDER BY key";
        self.read(|db| all(db, "circle_share", query, [document.as_bytes()], grant))
    }

    /// The documents that have to do with a circle, by id, at most `limit` behind `after`.
    ///
    /// # Errors
    /// When storage fails or a row does not decode.
    pub fn documents_of_circle(&self, circle: CircleKey, after: Option<&DocumentId>, limit: u32) -> Result<Vec<DocumentId>, StorageError> {
        let query = "SELECT 0 AS key, document FROM (
                         SELECT document FROM circle_share WHERE circle = ?1 UNION SELECT document FROM circle_gift WHERE circle = ?1)
                     WHERE document > ?2 ORDER BY document LIMIT ?3";
        let after = after.map_or(&[] as &[u8], |id| id.as_bytes().as_slice());
        self.read(|db| all(db, "circle_share", query, params![circle.0, after, limit], |cells| cells.id("document", DocumentId::new)))
    }

    /// How many documents are granted to a circle.
    ///
    /// # Errors
    /// When storage fails.
    pub fn count_shared(&self, circle: CircleKey) -> Result<u64, StorageError> {
        self.read(|db| {
            let mut statement = db.prepare_cached("SELECT count(DISTINCT document) FROM circle_share WHERE circle = ?1")?;
            let count: i64 = statement.query_row([circle.0], |row| row.get(0))?;
            Ok(count.unsigned_abs())
        })
    }

    /// Remembers for which circle's sake an entry gave something.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn put_gift(&mut self, document: &DocumentId, gift: &Gift) -> Result<(), StorageError> {
        self.write(|db| {
            let mut statement = db.prepare_cached(
                "INSERT INTO circle_gift (circle, document, organisation, entry, at) VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (circle, document, organisation, entry) DO NOTHING",
            )?;
            let (organisation, entry) = (gift.organisation.as_bytes(), gift.entry.as_bytes());
            statement.execute(params![gift.circle.0, document.as_bytes(), organisation, entry, ms(gift.at)])?;
            Ok(())
        })
    }

    /// What was given on a document for circles' sakes.
    ///
    /// # Errors
    /// When storage fails or a row does not decode.
    pub fn gifts(&self, document: &DocumentId) -> Result<Vec<Gift>, StorageError> {
        let query = "SELECT key, circle, organisation, entry, at FROM circle_gift WHERE document = ?1 ORDER BY key";
        self.read(|db| all(db, "circle_gift", query, [document.as_bytes()], gift))
    }

    /// Remembers, of an organisation that leaves a circle, that what other circles gave it on the circle's documents it had
    /// by this one too: whoever is in several was given the same once.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn share_gifts(&mut self, circle: CircleKey, organisation: &OrganisationId, now: Timestamp) -> Result<(), StorageError> {
        self.write(|db| {
            let mut statement = db.prepare_cached(
                "INSERT INTO circle_gift (circle, document, organisation, entry, at)
                 SELECT DISTINCT ?1, gift.document, gift.organisation, gift.entry, ?3 FROM circle_gift AS gift
                 JOIN circle_share AS share ON share.document = gift.document AND share.circle = ?1 WHERE gift.organisation = ?2
                 ON CONFLICT (circle, document, organisation, entry) DO NOTHING",
            )?;
            statement.execute(params![circle.0, organisation.as_bytes(), ms(now)])?;
            Ok(())
        })
    }

    /// Forgets what an organisation was given on a document for a circle's sake.
    ///
    /// # Errors
    /// When the disk fails. The caller rolls back.
    pub fn forget_gifts(&mut self, document: &DocumentId, circle: CircleKey, organisation: &OrganisationId) -> Result<(), StorageError> {
        self.write(|db| {
            let mut statement = db.prepare_cached("DELETE FROM circle_gift WHERE document = ?1 AND circle = ?2 AND organisation = ?3")?;
            statement.execute(params![document.as_bytes(), circle.0, organisation.as_bytes()])?;
            Ok(())
        })
    }
}
