//! Accounts: people who sign in to this node's pages, and the one-time links by which they choose a password. Never sent.

use super::column::{Cells, json, ms};
use super::error::Fault;
use super::{Storage, StorageError};
use crate::roles::{AccountKey, Roles, folded_name};
use csu_protocol::id::Hash;
use csu_protocol::time::Timestamp;
use rusqlite::params;
use std::fmt;

/// An account.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// Its number.
    pub key: AccountKey,
    /// Its person's name.
    pub name: String,
    /// What the person may do.
    pub roles: Roles,
    /// The hash of the password, as a PHC string; none until one was chosen.
    pub password: Option<String>,
    /// Sessions of an earlier generation have ended.
    pub generation: i64,
    /// When it was made.
    pub created: Timestamp,
    /// Since when nobody can sign in to it; none: somebody can.
    pub disabled: Option<Timestamp>,
    /// When its person last signed in.
    pub signed_in: Option<Timestamp>,
    /// When its person was last there, within minutes.
    pub seen: Option<Timestamp>,
    /// When the visit before the present one ended.
    pub visit_before: Option<Timestamp>,
}

impl fmt::Debug for AccountRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountRow").field("key", &self.key).field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a one-time link is for, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkRow {
    /// Whose password is chosen by it; none: it makes the first account.
    pub account: Option<AccountKey>,
    /// When it ends.
    pub until: Timestamp,
}

const ACCOUNTS: &str = "SELECT key, name, roles, password, generation, created, disabled, signed_in, seen, visit_before FROM account";

fn account(cells: &Cells<'_>) -> Result<AccountRow, Fault> {
    Ok(AccountRow {
        key: AccountKey::new(cells.number()),
        name: cells.get("name")?,
        roles: cells.json("roles")?,
        password: cells.get("password")?,
        generation: cells.get("generation")?,
        created: cells.ms("created")?,
        disabled: cells.ms_or_null("disabled")?,
        signed_in: cells.ms_or_null("signed_in")?,
        seen: cells.ms_or_null("seen")?,
        visit_before: cells.ms_or_null("visit_before")?,
    })
}

impl Storage {
    fn select_accounts(&self, rest: &str, parameters: impl rusqlite::Params) -> Result<Vec<AccountRow>, StorageError> {
        self.read(|db| {
            let mut statement = db.prepare_cached(&format!("{ACCOUNTS} {rest}"))?;
            let mut rows = statement.query(parameters)?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(account(&Cells::new("account", row)?)?);
            }
            Ok(found)
        })
    }

    /// Makes an account that nobody can sign in to before it has a password.
    ///
    /// # Errors
    /// When the disk is full or fails, or there is one of that name. The caller rolls back.
    pub fn add_account(&mut self, name: &str, roles: Roles, now: Timestamp) -> Result<AccountKey, StorageError> {
        self.write(|db| {
            let mut statement =
                db.prepare_cached("INSERT INTO account (name, folded, roles, generation, created) VALUES (?1, ?2, ?3, 0, ?4)")?;
            Ok(AccountKey::new(statement.insert(params![name, folded_name(name), json(&roles)?, ms(now)])?))
        })
    }

    /// Writes an account anew, all but its number, name and beginning.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn put_account(&mut self, row: &AccountRow) -> Result<(), StorageError> {
        self.write(|db| {
            let mut statement = db.prepare_cached(
                "UPDATE account SET roles = ?2, password = ?3, generation = ?4, disabled = ?5, signed_in = ?6, seen = ?7, visit_before = ?8
                 WHERE key = ?1",
            )?;
            statement.execute(params![
                row.key.number(),
                json(&row.roles)?,
                row.password,
                row.generation,
                row.disabled.map(ms),
                row.signed_in.map(ms),
                row.seen.map(ms),
                row.visit_before.map(ms)
            ])?;
            Ok(())
        })
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// When storage fails or a row does not decode.
    pub fn accounts(&self) -> Result<Vec<AccountRow>, StorageError> {
        self.select_accounts("ORDER BY folded", [])
    }

    /// How many accounts there are.
    ///
    /// # Errors
    /// When storage fails.
    pub fn count_accounts(&self) -> Result<u64, StorageError> {
        self.read(|db| {
            let count: i64 = db.prepare_cached("SELECT count(*) FROM account")?.query_row([], |row| row.get(0))?;
            Ok(count.unsigned_abs())
        })
    }

    /// The account of a name, in whatever letters.
    ///
    /// # Errors
    /// When storage fails or the row does not decode.
    pub fn account_named(&self, name: &str) -> Result<Option<AccountRow>, StorageError> {
        Ok(self.select_accounts("WHERE folded = ?1", [folded_name(name)])?.pop())
    }

    /// The account of a number.
    ///
    /// # Errors
    /// When storage fails or the row does not decode.
    pub fn account(&self, key: AccountKey) -> Result<Option<AccountRow>, StorageError> {
        Ok(self.select_accounts("WHERE key = ?1", [key.number()])?.pop())
    }

    /// Makes a one-time link by the hash of its token. An earlier one for the same ends, and so do those whose time is over.
    ///
    /// # Errors
    /// When the disk is full or fails. The caller rolls back.
    pub fn put_link(&mut self, hash: &Hash, link: &LinkRow, now: Timestamp) -> Result<(), StorageError> {
        self.write(|db| {
            let account = link.account.map(AccountKey::number);
            db.prepare_cached("DELETE FROM account_link WHERE account IS ?1 OR until <= ?2")?.execute(params![account, ms(now)])?;
            db.prepare_cached("INSERT INTO account_link (hash, account, until) VALUES (?1, ?2, ?3)")?.execute(params![
                hash.as_bytes(),
                account,
                ms(link.until)
            ])?;
            Ok(())
        })
    }

    /// The link whose token has this hash, whether or not its time is over.
    ///
    /// # Errors
    /// When storage fails or the row does not decode.
    pub fn link(&self, hash: &Hash) -> Result<Option<LinkRow>, StorageError> {
        self.read(|db| {
            let mut statement = db.prepare_cached("SELECT key, account, until FROM account_link WHERE hash = ?1")?;
            let mut rows = statement.query([hash.as_bytes()])?;
            let Some(row) = rows.next()? else { return Ok(None) };
            let cells = Cells::new("account_link", row)?;
            Ok(Some(LinkRow { account: cells.get::<Option<i64>>("account")?.map(AccountKey::new), until: cells.ms("until")? }))
        })
    }

    /// Ends every link for an account, or those that make the first.
    ///
    /// # Errors
    /// When the disk fails. The caller rolls back.
    pub fn remove_links(&mut self, account: Option<AccountKey>) -> Result<(), StorageError> {
        self.write(|db| {
            db.prepare_cached("DELETE FROM account_link WHERE account IS ?1")?.execute([account.map(AccountKey::number)])?;
            Ok(())
        })
    }
}
