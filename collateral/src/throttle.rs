//! Turns at a key server: AMD's answers about one request per ten seconds and
//! address, and every run on this machine is the same address. So the next free
//! turn stands on disk, for all of them.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::files;

/// Servers remembered: there is one, and perhaps a mirror.
const MAX_SERVERS: usize = 16;

/// Longest file of turns.
const MAX_FILE: u64 = 16 * 1024;

/// A server is never left alone for longer, whatever it or a wrong clock said.
pub(crate) const LONGEST: Duration = Duration::from_hours(24);

/// The turns at all servers.
#[derive(Clone, Debug)]
pub(crate) struct Throttle {
    dir: PathBuf,
}

/// What became of asking for a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It comes after this long, and is taken.
    In(Duration),
    /// It would come after this long, too late; it is not taken.
    TooLate(Duration),
}

/// Per server, the Unix milliseconds before which it is not asked.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Turns {
    next: BTreeMap<String, u64>,
}

impl Throttle {
    /// Turns that are kept in `dir`.
    pub(crate) fn new(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// Takes the next turn at `server`, `between` before the one after it, unless it
    /// comes after `patience`.
    pub(crate) fn take(
        &self,
        server: &str,
        now_ms: u64,
        between: Duration,
        patience: Duration,
    ) -> Result<Turn> {
        let mut turn = Turn::TooLate(LONGEST);
        self.change(|next| {
            let at = free(next.get(server).copied(), now_ms);
            let wait = Duration::from_millis(at - now_ms);
            turn = if wait > patience {
                Turn::TooLate(wait)
            } else {
                next.insert(server.to_owned(), at + millis(between));
                Turn::In(wait)
            };
        })?;
        Ok(turn)
    }

    /// Leaves `server` alone for this long at least.
    pub(crate) fn leave_alone(&self, server: &str, now_ms: u64, wait: Duration) -> Result<()> {
        self.change(|next| {
            let until = now_ms + millis(wait.min(LONGEST));
            let at = next.entry(server.to_owned()).or_default();
            *at = until.max(free(Some(*at), now_ms));
        })
    }

    /// One run after the other reads and writes the file.
    fn change(&self, change: impl FnOnce(&mut BTreeMap<String, u64>)) -> Result<()> {
        files::make_dir(&self.dir)?;
        let _guard = self.lock()?;
        let path = self.dir.join("turns.json");
        // A file that cannot be read is as good as none: a turn is asked for anew.
        let text = files::read_text(&path, MAX_FILE).ok();
        let turns = text.and_then(|text| serde_json::from_str(&text).ok());
        let mut turns: Turns = turns.unwrap_or_default();
        change(&mut turns.next);
        while turns.next.len() > MAX_SERVERS {
            turns.next.pop_first();
        }
        files::replace(&path, &serde_json::to_vec(&turns)?)
    }

    /// Held until it is dropped; the system lets go of it when a run dies.
    fn lock(&self) -> Result<File> {
        let path = self.dir.join("lock");
        let lock = || {
            let mut options = OpenOptions::new();
            let file = options
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)?;
            file.lock()?;
            Ok::<_, std::io::Error>(file)
        };
        lock().with_context(|| format!("failed to lock {}", path.display()))
    }
}

/// When the server may be asked: not before `next`, unless that is further away
/// than it can be.
fn free(next: Option<u64>, now_ms: u64) -> u64 {
    let next = next.unwrap_or_default().max(now_ms);
    if next - now_ms > 2 * millis(LONGEST) {
        now_ms
    } else {
        next
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LONGEST, Throttle, Turn};

    fn throttle(name: &str) -> Throttle {
        let name = format!("cdvm-throttle-{}-{name}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&dir);
        Throttle::new(&dir)
    }

    const BETWEEN: Duration = Duration::from_secs(10);
    const NOW: u64 = 1_795_000_000_000;
    const PATIENCE: Duration = Duration::from_secs(25);

    #[test]
    fn turns_are_ten_seconds_apart_also_for_the_next_run() {
        let throttle = throttle("turns");
        let next_run = throttle.clone();
        let wait = |throttle: &Throttle, now| throttle.take("a", now, BETWEEN, PATIENCE).unwrap();
        assert_eq!(wait(&throttle, NOW), Turn::In(Duration::ZERO));
        assert_eq!(wait(&next_run, NOW), Turn::In(Duration::from_secs(10)));
        assert_eq!(
            wait(&throttle, NOW + 1_000),
            Turn::In(Duration::from_secs(19))
        );
        // Too late is not taken: who asks later finds it free.
        let late = Turn::TooLate(Duration::from_secs(29));
        assert_eq!(wait(&throttle, NOW + 1_000), late);
        assert_eq!(wait(&throttle, NOW + 30_000), Turn::In(Duration::ZERO));
        // Another server has its own turns.
        let other = throttle.take("b", NOW, BETWEEN, PATIENCE).unwrap();
        assert_eq!(other, Turn::In(Duration::ZERO));
        std::fs::remove_dir_all(&throttle.dir).unwrap();
    }

    #[test]
    fn who_asks_to_be_left_alone_is_also_by_the_next_run() {
        let throttle = throttle("alone");
        let minute = Duration::from_mins(1);
        throttle.leave_alone("a", NOW, minute).unwrap();
        let next_run = throttle.clone();
        assert_eq!(
            next_run.take("a", NOW, BETWEEN, PATIENCE).unwrap(),
            Turn::TooLate(minute)
        );
        assert_eq!(
            next_run.take("a", NOW, BETWEEN, minute).unwrap(),
            Turn::In(minute)
        );
        std::fs::remove_dir_all(&throttle.dir).unwrap();
    }

    #[test]
    fn neither_a_damaged_file_nor_a_wrong_clock_locks_anybody_out() {
        let throttle = throttle("damaged");
        throttle.leave_alone("a", NOW, 9 * LONGEST).unwrap();
        let wait = throttle.take("a", NOW, BETWEEN, LONGEST).unwrap();
        assert_eq!(wait, Turn::In(LONGEST));
        // The clock was years ahead, and was set right.
        let taken = throttle.take("a", NOW / 2, BETWEEN, PATIENCE).unwrap();
        assert_eq!(taken, Turn::In(Duration::ZERO));
        for damaged in ["", "{", "{\"next\":{\"a\":-1}}", "[]"] {
            std::fs::write(throttle.dir.join("turns.json"), damaged).unwrap();
            let taken = throttle.take("a", NOW, BETWEEN, PATIENCE).unwrap();
            assert_eq!(taken, Turn::In(Duration::ZERO), "{damaged}");
        }
        std::fs::remove_dir_all(&throttle.dir).unwrap();
    }
}
