//! Between Rust values and columns. What is read is checked: the database is the node's own, but
//! disks rot and people edit.

use super::error::Fault;
use csu_protocol::time::Timestamp;
use rusqlite::Row;
use rusqlite::types::FromSql;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Display;

/// A time as a column. Times beyond the year 292 million become negative and come back whole.
pub(super) const fn ms(time: Timestamp) -> i64 {
    time.as_ms().cast_signed()
}

/// A time to compare a column with.
pub(super) fn ms_bound(time: Timestamp) -> i64 {
    i64::try_from(time.as_ms()).unwrap_or(i64::MAX)
}

/// A list or map as a column.
pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(Fault::refused)
}

/// One row while it is decoded. Every query that uses it selects the row's number first.
pub(super) struct Cells<'r> {
    row: &'r Row<'r>,
    table: &'static str,
    number: i64,
}

impl<'r> Cells<'r> {
    /// The row of `table`.
    pub(super) fn new(table: &'static str, row: &'r Row<'r>) -> Result<Self, Fault> {
        Ok(Self { row, table, number: row.get(0)? })
    }

    /// Its number.
    pub(super) const fn number(&self) -> i64 {
        self.number
    }

    /// That the row is wrong, because of `why`.
    pub(super) fn wrong(&self, why: impl Display) -> Fault {
        Fault::Row { table: self.table, row: self.number, why: why.to_string() }
    }

    /// What stands in `column`.
    pub(super) fn get<T: FromSql>(&self, column: &'static str) -> Result<T, Fault> {
        self.found(column, self.row.get(column))
    }

    /// The same by its place, without a search for the name: for rows of which there are many.
    pub(super) fn at<T: FromSql>(&self, place: usize, column: &'static str) -> Result<T, Fault> {
        self.found(column, self.row.get(place))
    }

    fn found<T>(&self, column: &'static str, found: rusqlite::Result<T>) -> Result<T, Fault> {
        found.map_err(|error| match error.sqlite_error_code() {
            // SQLite itself could not read on: not this row's fault alone.
            Some(_) => Fault::Sql(error),
            None => self.wrong(format_args!("{column}: {error}")),
        })
    }

    /// The 32 bytes in `column`, as what `name` makes of them.
    pub(super) fn id<T>(&self, column: &'static str, name: impl FnOnce([u8; 32]) -> T) -> Result<T, Fault> {
        self.get(column).map(name)
    }

    /// The same where there may be none.
    pub(super) fn id_or_null<T>(&self, column: &'static str, name: impl FnOnce([u8; 32]) -> T) -> Result<Option<T>, Fault> {
        Ok(self.get::<Option<[u8; 32]>>(column)?.map(name))
    }

    /// A time.
    pub(super) fn ms(&self, column: &'static str) -> Result<Timestamp, Fault> {
        Ok(Timestamp::from_ms(self.get::<i64>(column)?.cast_unsigned()))
    }

    /// A time, where there may be none.
    pub(super) fn ms_or_null(&self, column: &'static str) -> Result<Option<Timestamp>, Fault> {
        Ok(self.get::<Option<i64>>(column)?.map(|ms| Timestamp::from_ms(ms.cast_unsigned())))
    }

    /// What `read` makes of the text in `column`.
    pub(super) fn text<T, E: Display>(&self, column: &'static str, read: impl FnOnce(&str) -> Result<T, E>) -> Result<T, Fault> {
        let text: String = self.get(column)?;
        read(&text).map_err(|error| self.wrong(format_args!("{column}: {error}")))
    }

    /// What the JSON in `column` says.
    pub(super) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, Fault> {
        self.text(column, |text| serde_json::from_str(text))
    }
}
