//! What was heard of a job's end, kept beside it for whoever asks later. The first
//! word counts, but for where the result was saved: the last one does.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

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
        ended: one(dir, ENDED)?,
        cancelled: one(dir, CANCELLED)?,
        arrived: one(dir, ARRIVED)?,
        saved: one(dir, SAVED)?,
        destroyed: one(dir, DESTROYED)?,
    })
}

fn one<T: DeserializeOwned>(dir: &Path, name: &str) -> Result<Option<T>> {
    let path = dir.join(name);
    if !path.exists() {
        return Ok(None);
    }
    let text = files::read_text(&path, MAX_NOTE)?;
    let note = serde_json::from_str(&text);
    note.map(Some)
        .with_context(|| format!("failed to read {}", path.display()))
}
