//! The one machine that gets the data of a job. It is written to disk before
//! anything leaves, is never replaced, and whatever is sealed to a machine is
//! sealed here: to nobody else.

use std::path::Path;

use anyhow::{Context as _, Result};
use dvm::{Keys, Rumor};
use job::{Accepted, Event, PublicKey, Timestamp};

use crate::files;

/// The machine a customer committed to: A.
///
/// # Guarantees
/// A value of this type was made from an [`Accepted`], now or in an earlier run,
/// and stands on disk. There is one per job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Committed(PublicKey);

/// What became of a commitment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Commitment {
    /// To this machine, now or before.
    Made(Committed),
    /// Another machine was first; this one gets nothing.
    AnotherFirst(Committed),
}

const FILE: &str = "committed";

impl Committed {
    /// Commits the job kept in `dir` to a machine that was accepted, unless
    /// another one was first.
    pub(crate) fn make(dir: &Path, accepted: &Accepted) -> Result<Commitment> {
        let key = accepted.key();
        match files::write_new(&dir.join(FILE), format!("{key}\n").as_bytes()) {
            Ok(()) => return Ok(Commitment::Made(Self(key))),
            Err(error) if files::is_taken(&error) => {}
            Err(error) => return Err(error),
        }
        let first = Self::read(dir)?.context("failed to read the commitment just seen")?;
        Ok(if first.0 == key {
            Commitment::Made(first)
        } else {
            Commitment::AnotherFirst(first)
        })
    }

    /// The machine the job kept in `dir` is committed to.
    ///
    /// # Errors
    /// When the file is damaged: then nothing more is sent for this job.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(FILE);
        if !path.exists() {
            return Ok(None);
        }
        let text = files::read_text(&path, 256)?;
        let key = text.strip_suffix('\n').unwrap_or_default().parse();
        key.map(|key| Some(Self(key)))
            .with_context(|| format!("failed to read a key in {}", path.display()))
    }

    /// A.
    pub(crate) const fn key(self) -> PublicKey {
        self.0
    }

    /// Seals a message of the customer to the machine.
    pub(crate) fn seal(self, rumor: &Rumor, customer: &Keys, now: Timestamp) -> Result<Event> {
        dvm::wrap(rumor, customer, self.0, now).context("failed to seal a message to the machine")
    }
}

#[cfg(test)]
mod tests {
    use super::Committed;

    #[test]
    fn a_damaged_commitment_is_an_error_and_not_an_absence() {
        let dir = std::env::temp_dir().join(format!("cdvm-commitment-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        assert_eq!(Committed::read(&dir).unwrap(), None);
        let key = "01".repeat(32);
        for damaged in ["", "01", &key, &format!("{key}\n\n"), "\n"] {
            std::fs::write(dir.join("committed"), damaged).unwrap();
            assert!(Committed::read(&dir).is_err(), "{damaged:?}");
        }
        std::fs::write(dir.join("committed"), format!("{key}\n")).unwrap();
        let committed = Committed::read(&dir).unwrap().unwrap();
        assert_eq!(committed.key().to_string(), key);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
