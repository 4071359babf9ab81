//! What counts, on disk: secrets, runs, revocations and the log, in one SQLite file.
//! Each function is one part of a transaction that somebody else commits.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use crate::grant::Limits;
use crate::log::{Event, Head, Who, Why, chain};

/// Version of the tables below, in the file's `user_version`.
const VERSION: i64 = 1;

/// How long a write waits for another process: an owner's command beside the broker.
const BUSY: Duration = Duration::from_secs(10);

/// What the names of secrets of single jobs begin with.
const JOBS_PREFIX: &str = "cdvm/";

const TABLES: &str = "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE secret (resource TEXT PRIMARY KEY, sealed BLOB NOT NULL, written INTEGER NOT NULL) STRICT;
    CREATE TABLE run (
        permit TEXT NOT NULL, job TEXT NOT NULL, attempt INTEGER NOT NULL, instance TEXT NOT NULL,
        customer TEXT NOT NULL, day INTEGER NOT NULL, PRIMARY KEY (permit, job, attempt)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX run_customer ON run (permit, customer);
    CREATE INDEX run_day ON run (permit, day);
    CREATE TABLE revoked (permit TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE log (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, entry TEXT NOT NULL, hash BLOB NOT NULL) STRICT;
";

/// Why the state cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database.
    #[error("failed to {0}")]
    Database(&'static str, #[source] rusqlite::Error),
    /// Written by a later program.
    #[error(
        "the state has version {0}, and this program knows version {VERSION}: use the newer release"
    )]
    Version(i64),
    /// The log is not whole.
    #[error(
        "line {0} of the log does not follow from the one before: it was changed, or one was taken out"
    )]
    Broken(u64),
}

/// Opens the state, and makes it where there is none.
///
/// # Errors
/// When it cannot be opened, or is of a later version.
pub fn open(path: &Path) -> Result<Connection, StoreError> {
    let failed = |error| StoreError::Database("open the state", error);
    let mut connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    // A commit has reached the disk when it returns; a killed process loses none.
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .and_then(|()| connection.pragma_update(None, "synchronous", "FULL"))
        // One megabyte of pages: the state is read by name.
        .and_then(|()| connection.pragma_update(None, "cache_size", -1024))
        .map_err(failed)?;
    let transaction = begin(&mut connection)?;
    let version: i64 = transaction
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failed)?;
    match version {
        0 => {
            transaction
                .execute_batch(TABLES)
                .and_then(|()| transaction.pragma_update(None, "user_version", VERSION))
                .map_err(failed)?;
        }
        VERSION => {}
        other => return Err(StoreError::Version(other)),
    }
    transaction.commit().map_err(failed)?;
    Ok(connection)
}

/// Begins a transaction that may write.
///
/// # Errors
/// When another process holds the state too long.
pub fn begin(connection: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    let failed = |error| StoreError::Database("begin a transaction", error);
    let kind = rusqlite::TransactionBehavior::Immediate;
    connection.transaction_with_behavior(kind).map_err(failed)
}

/// A value kept beside the tables.
///
/// # Errors
/// The database's.
pub fn meta(connection: &Connection, name: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    let sql = "SELECT value FROM meta WHERE name = ?1";
    let mut query = connection.prepare_cached(sql)?;
    query.query_row([name], |row| row.get(0)).optional()
}

/// Keeps a value.
///
/// # Errors
/// The database's.
pub fn set_meta(connection: &Connection, name: &str, value: &[u8]) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO meta VALUES (?1, ?2)";
    connection.execute(sql, params![name, value]).map(drop)
}

/// A guest asks: by which of these grants, in turn?
#[derive(Clone, Debug)]
pub struct Ask {
    /// The secret.
    pub resource: String,
    /// What may be used, with how often.
    pub permits: Vec<(String, Limits)>,
    /// What the other grants for it say.
    pub refused: Vec<Why>,
    /// Who asks.
    pub guest: Who,
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The sealed secret.
    Released(Vec<u8>),
    /// Why not, for the log.
    Refused(Vec<Why>),
}

/// Counts a run and gives the sealed secret, or says why not. A run that was counted for
/// this very guest is not counted twice.
///
/// # Errors
/// The database's: then nothing was counted and nothing is released.
pub fn release(connection: &Connection, ask: Ask, now: u64) -> rusqlite::Result<Answer> {
    let Ask {
        resource,
        permits,
        mut refused,
        guest,
    } = ask;
    let Some(sealed) = sealed(connection, &resource)? else {
        refused.push(Why::new("", "secret", "one was put there", "none"));
        return Ok(Answer::Refused(refused));
    };
    for (permit, limits) in permits {
        match use_permit(connection, &permit, limits, &guest, now)? {
            Ok(again) => {
                let event = Event::Released {
                    resource,
                    grant: permit,
                    again,
                    guest,
                };
                append(connection, &event, now)?;
                return Ok(Answer::Released(sealed));
            }
            Err(why) => refused.push(why),
        }
    }
    Ok(Answer::Refused(refused))
}

/// Whether this guest had it before; or why it may not have it.
fn use_permit(
    connection: &Connection,
    permit: &str,
    limits: Limits,
    guest: &Who,
    now: u64,
) -> rusqlite::Result<Result<bool, Why>> {
    let no =
        |check: &str, expected: &str, seen: &str| Ok(Err(Why::new(permit, check, expected, seen)));
    let revoked: Option<i64> = connection
        .prepare_cached("SELECT at FROM revoked WHERE permit = ?1")?
        .query_row([permit], |row| row.get(0))
        .optional()?;
    if revoked.is_some() {
        return no("revoked", "no", "yes");
    }
    let before: Option<String> = connection
        .prepare_cached("SELECT instance FROM run WHERE permit = ?1 AND job = ?2 AND attempt = ?3")?
        .query_row(params![permit, guest.order, guest.attempt], |row| {
            row.get(0)
        })
        .optional()?;
    match before {
        Some(instance) if instance == guest.instance => return Ok(Ok(true)),
        Some(instance) => return no("machine", &instance, &guest.instance),
        None => {}
    }
    let Limits {
        runs,
        runs_per_customer,
        runs_per_day,
    } = limits;
    let day = (now / 86_400).to_string();
    for (check, limit, column, value) in [
        ("runs", runs, "permit", permit),
        (
            "runs of this customer",
            runs_per_customer,
            "customer",
            &*guest.customer,
        ),
        ("runs of this day", runs_per_day, "day", &*day),
    ] {
        let crate::grant::Limit::AtMost(most) = limit else {
            continue;
        };
        // No more are counted than matter.
        let sql = format!(
            "SELECT count(*) FROM (SELECT 1 FROM run WHERE permit = ?1 AND {column} = ?2 LIMIT ?3)"
        );
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let used: i64 = connection
            .prepare_cached(&sql)?
            .query_row(params![permit, value, most], |row| row.get(0))?;
        if used >= most {
            return no(check, &format!("fewer than {limit}"), &used.to_string());
        }
    }
    connection
        .prepare_cached("INSERT INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![
            permit,
            guest.order,
            guest.attempt,
            guest.instance,
            guest.customer,
            now / 86_400
        ])?;
    Ok(Ok(false))
}

/// How often a grant was used.
///
/// # Errors
/// The database's.
pub fn runs(connection: &Connection, permit: &str) -> rusqlite::Result<u64> {
    connection
        .prepare_cached("SELECT count(*) FROM run WHERE permit = ?1")?
        .query_row([permit], |row| row.get(0))
}

/// Whether a grant was revoked.
///
/// # Errors
/// The database's.
pub fn is_revoked(connection: &Connection, permit: &str) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT count(*) FROM revoked WHERE permit = ?1")?
        .query_row([permit], |row| row.get(0))
}

/// Ends a grant for good; whether it was not so before.
///
/// # Errors
/// The database's.
pub fn revoke(connection: &Connection, permit: &str, by: &str, now: u64) -> rusqlite::Result<bool> {
    let sql = "INSERT OR IGNORE INTO revoked VALUES (?1, ?2)";
    let new = connection.execute(sql, params![permit, now])? > 0;
    if new {
        let (grant, by) = (permit.to_owned(), by.to_owned());
        append(connection, &Event::Revoked { grant, by }, now)?;
    }
    Ok(new)
}

/// A sealed secret.
///
/// # Errors
/// The database's.
pub fn sealed(connection: &Connection, resource: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT sealed FROM secret WHERE resource = ?1")?
        .query_row([resource], |row| row.get(0))
        .optional()
}

/// Every name with a secret.
///
/// # Errors
/// The database's.
pub fn resources(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut query = connection.prepare("SELECT resource FROM secret ORDER BY resource")?;
    query.query_map([], |row| row.get(0))?.collect()
}

/// Puts a sealed secret there, in place of what there was. Operators put those of single
/// jobs there again each minute: the log has the first time.
///
/// # Errors
/// The database's.
pub fn write(
    connection: &Connection,
    resource: &str,
    sealed: &[u8],
    by: &str,
    now: u64,
) -> rusqlite::Result<()> {
    let again = resource.starts_with(JOBS_PREFIX) && self::sealed(connection, resource)?.is_some();
    reseal(connection, resource, sealed, now)?;
    if again {
        return Ok(());
    }
    let (resource, by) = (resource.to_owned(), by.to_owned());
    append(connection, &Event::Written { resource, by }, now)
}

/// The same secret under another key.
///
/// # Errors
/// The database's.
pub fn reseal(
    connection: &Connection,
    resource: &str,
    sealed: &[u8],
    now: u64,
) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO secret VALUES (?1, ?2, ?3)";
    connection
        .prepare_cached(sql)?
        .execute(params![resource, sealed, now])
        .map(drop)
}

/// Removes a secret; whether there was one. What was counted of a secret of one job is
/// forgotten with it; what was counted of an owner's stays.
///
/// # Errors
/// The database's.
pub fn delete(
    connection: &Connection,
    resource: &str,
    by: &str,
    now: u64,
) -> rusqlite::Result<bool> {
    let sql = "DELETE FROM secret WHERE resource = ?1";
    let there = connection.prepare_cached(sql)?.execute([resource])? > 0;
    if there {
        connection
            .prepare_cached("DELETE FROM run WHERE permit = ?1")?
            .execute([resource])?;
        let (resource, by) = (resource.to_owned(), by.to_owned());
        append(connection, &Event::Deleted { resource, by }, now)?;
    }
    Ok(there)
}

/// Forgets secrets of single jobs that were put there before `before`: what their operator
/// could not take out. How many there were.
///
/// # Errors
/// The database's.
pub fn sweep(connection: &Connection, before: u64, now: u64) -> rusqlite::Result<usize> {
    let sql = "SELECT resource FROM secret WHERE resource GLOB 'cdvm/*' AND written < ?1";
    let mut query = connection.prepare_cached(sql)?;
    let old: Vec<String> = query
        .query_map([before], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for resource in &old {
        delete(
            connection,
            resource,
            "the broker: no job lives so long",
            now,
        )?;
    }
    Ok(old.len())
}

/// Adds a line to the log.
///
/// # Errors
/// The database's.
pub fn append(connection: &Connection, event: &Event, now: u64) -> rusqlite::Result<()> {
    let Head { seq, hash } = head(connection)?;
    let text = serde_json::to_string(event)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    let hash = chain(&hash, seq + 1, now, &text);
    connection
        .prepare_cached("INSERT INTO log VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![seq + 1, now, text, hash])
        .map(drop)
}

/// The end of the log.
///
/// # Errors
/// The database's.
pub fn head(connection: &Connection) -> rusqlite::Result<Head> {
    let sql = "SELECT seq, hash FROM log ORDER BY seq DESC LIMIT 1";
    let head = connection
        .prepare_cached(sql)?
        .query_row([], |row| {
            Ok(Head {
                seq: row.get(0)?,
                hash: row.get(1)?,
            })
        })
        .optional()?;
    Ok(head.unwrap_or(Head::EMPTY))
}

/// The hash of a line.
///
/// # Errors
/// The database's.
pub fn hash_of(connection: &Connection, seq: u64) -> rusqlite::Result<Option<[u8; 32]>> {
    connection
        .prepare_cached("SELECT hash FROM log WHERE seq = ?1")?
        .query_row([seq], |row| row.get(0))
        .optional()
}

/// A line as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its number, from 1.
    pub seq: u64,
    /// Unix seconds.
    pub at: u64,
    /// JSON of an [`Event`].
    pub text: String,
}

/// Goes through the whole log and its chain; its end.
///
/// # Errors
/// When a line does not follow from the one before, or `each` fails.
pub fn walk(
    connection: &Connection,
    mut each: impl FnMut(Line) -> anyhow::Result<()>,
) -> anyhow::Result<Head> {
    let failed = |error| StoreError::Database("read the log", error);
    let sql = "SELECT seq, at, entry, hash FROM log ORDER BY seq";
    let mut query = connection.prepare(sql).map_err(failed)?;
    let mut rows = query.query([]).map_err(failed)?;
    let mut head = Head::EMPTY;
    while let Some(row) = rows.next().map_err(failed)? {
        let line = || -> rusqlite::Result<(Line, [u8; 32])> {
            let (seq, at, text) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok((Line { seq, at, text }, row.get(3)?))
        };
        let (line, hash) = line().map_err(failed)?;
        let next = head.seq + 1;
        if line.seq != next || chain(&head.hash, line.seq, line.at, &line.text) != hash {
            return Err(StoreError::Broken(next).into());
        }
        head = Head { seq: next, hash };
        each(line)?;
    }
    Ok(head)
}

#[cfg(test)]
mod tests;
