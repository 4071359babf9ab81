//! The one writer of the state: takes what is to be written, commits many at once, and
//! answers when it is on disk. What was not committed was not done.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::log::Head;
use crate::store;

/// Most writes in one commit, which is one wait for the disk.
const BATCH: usize = 64;

/// Most writes that wait. Above that callers are told to come again.
const WAITING: usize = 1024;

/// Why something was not written. The caller knows nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The disk, or the database, failed: the log of this program says how.
    #[error("the state could not be written")]
    Failed,
    /// Too much waits.
    #[error("more waits to be written than can be held")]
    Busy,
}

type Settle = Box<dyn FnOnce(bool) + Send>;
type Work = Box<dyn FnOnce(&Connection) -> rusqlite::Result<Settle> + Send>;

/// The way to the writer.
#[derive(Clone)]
pub struct Ledger {
    work: SyncSender<Work>,
}

impl Ledger {
    /// Starts the writer over an open state; it ends when nobody can ask it any more.
    ///
    /// # Errors
    /// When there is no thread.
    pub fn start(connection: Connection, head: PathBuf) -> std::io::Result<Self> {
        let (work, waiting) = sync_channel(WAITING);
        let writer = Writer {
            connection,
            waiting,
            head,
        };
        std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || writer.run())?;
        Ok(Self { work })
    }

    /// Does `what` in a transaction; its result, once that is on disk.
    ///
    /// # Errors
    /// When it is not on disk.
    pub async fn write<T: Send + 'static>(
        &self,
        what: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (tell, told) = oneshot::channel();
        let work: Work = Box::new(move |connection| {
            let done = what(connection)?;
            Ok(Box::new(move |committed| {
                if committed {
                    // Who asked may have gone.
                    let _ = tell.send(done);
                }
            }))
        });
        match self.work.try_send(work) {
            Ok(()) => told.await.map_err(|_| LedgerError::Failed),
            Err(TrySendError::Full(_)) => Err(LedgerError::Busy),
            Err(TrySendError::Disconnected(_)) => Err(LedgerError::Failed),
        }
    }
}

struct Writer {
    connection: Connection,
    waiting: Receiver<Work>,
    head: PathBuf,
}

impl Writer {
    fn run(mut self) {
        while let Ok(first) = self.waiting.recv() {
            let more = self.waiting.try_iter().take(BATCH - 1);
            let batch: Vec<Work> = core::iter::once(first).chain(more).collect();
            // What is dropped without an answer is told so as failed.
            if let Err(error) = commit(&mut self.connection, batch) {
                tracing::error!(%error, "failed to write the state: nothing of it was released");
            }
            if let Err(error) = store::head(&self.connection)
                .map_err(anyhow::Error::from)
                .and_then(|head| write_head(&self.head, head))
            {
                tracing::warn!(%error, "failed to note the end of the log beside the state");
            }
        }
    }
}

fn commit(connection: &mut Connection, batch: Vec<Work>) -> anyhow::Result<()> {
    let transaction = store::begin(connection)?;
    let mut settle = Vec::with_capacity(batch.len());
    for work in batch {
        settle.push(work(&transaction)?);
    }
    transaction.commit()?;
    for tell in settle {
        tell(true);
    }
    Ok(())
}

/// Notes the end of the log beside the state, so that a state that is put back from a
/// copy is noticed.
///
/// # Errors
/// The file system's.
pub fn write_head(path: &Path, head: Head) -> anyhow::Result<()> {
    let new = path.with_extension("new");
    std::fs::write(&new, format!("{head}\n"))?;
    std::fs::rename(&new, path)?;
    Ok(())
}

/// What is noted beside the state; `None` when nothing is.
///
/// # Errors
/// When it is there and says nothing.
pub fn read_head(path: &Path) -> anyhow::Result<Option<Head>> {
    match std::fs::read_to_string(path) {
        Ok(text) => match Head::parse(&text) {
            Some(head) => Ok(Some(head)),
            None => anyhow::bail!("{} does not hold the end of a log", path.display()),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether the state contains everything that was noted: a state that was put back from
/// a copy lacks the end.
///
/// # Errors
/// The database's.
pub fn contains(connection: &Connection, noted: Head) -> rusqlite::Result<bool> {
    if noted.seq == 0 {
        return Ok(true);
    }
    Ok(store::hash_of(connection, noted.seq)? == Some(noted.hash))
}
