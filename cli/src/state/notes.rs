//! What was heard of a job's end, kept beside it for whoever asks later. The first
//! word counts, but for where the result was saved: the last one does.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::json;
use crate::files;
use crate::story::{By, Destroyed, Ended, Noted, Notes, Saved};
use crate::text::cut;
use job::Timestamp;

/// Longest note: a path and some sentences.
const MAX_NOTE: u64 = 64 * 1024;

/// Characters kept of what others say: the end of a workload's stderr is in it.
const MAX_TEXT: usize = 4096;

const ENDED: &str = "ended.json";
const CANCELLED: &str = "cancelled.json";
const ARRIVED: &str = "arrived.json";
const SAVED: &str = "saved.json";
const DESTROYED: &str = "destroyed.json";

/// The files they stand in.
pub(super) const FILES: [&str; 5] = [ENDED, CANCELLED, ARRIVED, SAVED, DESTROYED];

/// It is over without a result.
pub(crate) fn ended(dir: &Path, by: By, text: &str, at: Timestamp) -> Result<()> {
    let text = cut(text, MAX_TEXT);
    first(dir, ENDED, &Ended { by, text, at })
}

/// The customer cancelled it.
pub(crate) fn cancelled(dir: &Path, at: Timestamp) -> Result<()> {
    first(dir, CANCELLED, &Noted { at })
}

/// There is a result.
pub(crate) fn arrived(dir: &Path, at: Timestamp) -> Result<()> {
    first(dir, ARRIVED, &Noted { at })
}

/// The provider says that the machine is gone.
pub(crate) fn destroyed(dir: &Path, text: &str, at: Timestamp) -> Result<()> {
    let text = cut(text, MAX_TEXT);
    first(dir, DESTROYED, &Destroyed { text, at })
}

/// The result was saved; nothing for stdout.
pub(crate) fn saved(dir: &Path, path: Option<&Path>, bytes: u64, at: Timestamp) -> Result<()> {
    let path = path.map(std::path::absolute).transpose()?;
    let note = Saved { path, bytes, at };
    files::replace(&dir.join(SAVED), &serde_json::to_vec(&note)?)
}

fn first(dir: &Path, name: &str, note: &impl Serialize) -> Result<()> {
    match files::write_new(&dir.join(name), &serde_json::to_vec(note)?) {
        Err(error) if files::is_taken(&error) => Ok(()),
        written => written,
    }
}

/// Everything that was noted.
pub(super) fn read(dir: &Path) -> Result<Notes> {
    Ok(Notes {
        ended: json(&dir.join(ENDED), MAX_NOTE)?,
        cancelled: json(&dir.join(CANCELLED), MAX_NOTE)?,
        arrived: json(&dir.join(ARRIVED), MAX_NOTE)?,
        saved: json(&dir.join(SAVED), MAX_NOTE)?,
        destroyed: json(&dir.join(DESTROYED), MAX_NOTE)?,
    })
}
