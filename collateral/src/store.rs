//! Collateral on disk, below the state directory: what was fetched or imported,
//! for the next verification and for receipts years later. What is read here is
//! verified by who asks, every time; the disk is believed no more than a server.
//!
//! What is made anew now and then is kept side by side, by date: a job is verified
//! later as on its day, with the list of its day.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use evidence::{Generation, Tcb};
use job::Timestamp;

use crate::files;
#[cfg(feature = "tdx")]
use crate::intel::Intels;
use crate::item::{Item, Signer};

/// Files looked at: far more than one customer's machines and lists.
const MAX_FILES: usize = 4096;

/// Of one dated item that are read, the newest: AMD makes a few lists a year, Intel
/// its parts once a month.
const MAX_DATED: usize = 64;

/// What is kept.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    /// Nothing: nothing is kept.
    dir: Option<PathBuf>,
}

/// A file of the store, by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) item: Item,
    /// Of a dated item.
    pub(crate) made_at: Option<Timestamp>,
    path: PathBuf,
}

impl Store {
    /// In this directory, which need not be there.
    pub(crate) fn new(dir: Option<&Path>) -> Self {
        Self {
            dir: dir.map(Path::to_owned),
        }
    }

    /// Everything that bears the name of an item, in the order of names.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let files = self.dir.as_ref().map(std::fs::read_dir);
        let Some(Ok(files)) = files else {
            return Vec::new();
        };
        let entry = |file: std::fs::DirEntry| {
            let path = file.path();
            let (item, made_at) = parse(path.file_name()?.to_str()?)?;
            Some(Entry {
                item,
                made_at,
                path,
            })
        };
        let files = files.filter_map(Result::ok).take(MAX_FILES);
        let mut entries: Vec<Entry> = files.filter_map(entry).collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        entries
    }

    /// The item as it is kept, if it can be read; of dated ones see [`Store::dated`].
    pub(crate) fn read(&self, item: &Item) -> Option<Vec<u8>> {
        read(&self.dir.as_ref()?.join(name(item, None)), item)
    }

    /// A dated item as it is kept, made until `now`, newest first.
    pub(crate) fn dated(&self, item: &Item, now: Timestamp) -> Vec<Vec<u8>> {
        let mut entries = self.entries();
        entries.retain(|entry| {
            entry.item == *item && entry.made_at.is_some_and(|made_at| made_at <= now)
        });
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.made_at));
        let entries = entries.iter().take(MAX_DATED);
        entries
            .filter_map(|entry| read(&entry.path, &entry.item))
            .collect()
    }

    /// Keeps bytes that were verified.
    pub(crate) fn keep(&self, item: &Item, made_at: Option<Timestamp>, bytes: &[u8]) -> Result<()> {
        let dir = self.dir.as_ref();
        let dir = dir.context("failed to find a place to keep it: name one with --state")?;
        files::make_dir(dir)?;
        files::replace(&dir.join(name(item, made_at)), bytes)
    }
}

impl Entry {
    /// What the file holds, if it can be read.
    pub(crate) fn read(&self) -> Option<Vec<u8>> {
        read(&self.path, &self.item)
    }
}

/// What cannot be read, or is too long, is as good as not there.
fn read(path: &Path, item: &Item) -> Option<Vec<u8>> {
    let contents = files::read(path, item.most() as u64).ok()?;
    Some(contents.to_vec())
}

fn name(item: &Item, made_at: Option<Timestamp>) -> String {
    match item {
        Item::Key {
            generation,
            chip,
            tcb,
        } => {
            let (generation, chip) = (lower(*generation), hex::encode(chip));
            let Tcb {
                fmc,
                bootloader,
                tee,
                snp,
                microcode,
            } = tcb;
            format!("{generation}-key-{chip}-{fmc}.{bootloader}.{tee}.{snp}.{microcode}.der")
        }
        Item::Chain(generation, signer) => {
            format!("{}-chain-{}.pem", lower(*generation), signer.name())
        }
        Item::List(generation, signer) => {
            let (generation, signer) = (lower(*generation), signer.name());
            let made_at = made_at.map_or(0, Timestamp::as_secs);
            format!("{generation}-list-{signer}-{made_at}.crl")
        }
        #[cfg(feature = "tdx")]
        Item::Intel(part) => {
            let made_at = made_at.map_or(0, Timestamp::as_secs);
            format!("intel-{}-{made_at}.part", part.name())
        }
    }
}

/// The reverse of [`name`]; other names are of other files.
fn parse(file: &str) -> Option<(Item, Option<Timestamp>)> {
    let (stem, extension) = file.rsplit_once('.')?;
    let found = match (stem.split_once('-')?, extension) {
        #[cfg(feature = "tdx")]
        (("intel", rest), "part") => {
            let (part, made_at) = rest.rsplit_once('-')?;
            let made_at = Timestamp::from_secs(made_at.parse().ok()?);
            (Item::Intel(Intels::parse(part)?), Some(made_at))
        }
        _ => parse_amds(stem, extension)?,
    };
    // Not another way to write the same.
    (name(&found.0, found.1) == file).then_some(found)
}

fn parse_amds(stem: &str, extension: &str) -> Option<(Item, Option<Timestamp>)> {
    let mut parts = stem.split('-');
    let generation = parts.next()?;
    let generation = Generation::ALL
        .into_iter()
        .find(|known| lower(*known) == generation)?;
    let parts: Vec<&str> = parts.collect();
    Some(match (parts.as_slice(), extension) {
        (["key", chip, tcb], "der") => {
            let numbers = tcb.split('.').map(|number| number.parse().ok());
            let numbers: Vec<u8> = numbers.collect::<Option<_>>()?;
            let [fmc, bootloader, tee, snp, microcode] = numbers.try_into().ok()?;
            let chip = hex::decode(chip).ok()?;
            let tcb = Tcb {
                fmc,
                bootloader,
                tee,
                snp,
                microcode,
            };
            let key = Item::Key {
                generation,
                chip,
                tcb,
            };
            (key, None)
        }
        (["chain", signer], "pem") => (Item::Chain(generation, parse_signer(signer)?), None),
        (["list", signer, made_at], "crl") => {
            let made_at = Timestamp::from_secs(made_at.parse().ok()?);
            (Item::List(generation, parse_signer(signer)?), Some(made_at))
        }
        _ => return None,
    })
}

fn parse_signer(name: &str) -> Option<Signer> {
    let mut known = Signer::ALL.into_iter();
    known.find(|known| known.name() == name)
}

fn lower(generation: Generation) -> String {
    generation.name().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use evidence::{Generation, Tcb};
    use job::Timestamp;

    use super::{Store, name, parse};
    use crate::item::{Item, Signer};

    fn key() -> Item {
        let (fmc, bootloader, tee, snp, microcode) = (0, 4, 0, 22, 213);
        Item::Key {
            generation: Generation::Milan,
            chip: vec![0xa1; 64],
            tcb: Tcb {
                fmc,
                bootloader,
                tee,
                snp,
                microcode,
            },
        }
    }

    #[test]
    fn a_name_says_what_a_file_is_and_other_names_are_left_alone() {
        let at = Some(Timestamp::from_secs(1_795_000_000));
        for (item, made_at) in [
            (key(), None),
            (Item::Chain(Generation::Turin, Signer::Vcek), None),
            (Item::Chain(Generation::Milan, Signer::Vlek), None),
            (Item::List(Generation::Genoa, Signer::Vlek), at),
        ] {
            assert_eq!(parse(&name(&item, made_at)), Some((item, made_at)));
        }
        for other in [
            "lock",
            "turns.json",
            ".milan-chain-vcek.pem.77.part",
            "rome-chain-vcek.pem",
            "milan-chain.pem",
            "milan-chain-vxek.pem",
            "milan-list-vcek-007.crl",
            "milan-key-a1-1.2.3.der",
            "milan-key-zz-0.4.0.22.213.der",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn lists_are_kept_by_date_and_read_as_of_a_day() {
        let dir = std::env::temp_dir().join(format!("cdvm-store-{}", std::process::id()));
        let store = Store::new(Some(&dir));
        assert!(store.entries().is_empty() && store.read(&key()).is_none());
        let list = Item::List(Generation::Milan, Signer::Vcek);
        for day in [1_u64, 3, 2] {
            let at = Timestamp::from_secs(day);
            store.keep(&list, Some(at), &day.to_le_bytes()).unwrap();
        }
        let lists = |now: u64, signer| {
            let list = Item::List(Generation::Milan, signer);
            let lists = store.dated(&list, Timestamp::from_secs(now));
            lists.iter().map(|list| list[0]).collect::<Vec<_>>()
        };
        assert_eq!(lists(9, Signer::Vcek), [3, 2, 1]);
        assert_eq!(lists(2, Signer::Vcek), [2, 1]);
        assert!(lists(9, Signer::Vlek).is_empty());
        // What is longer than it can be is not there.
        std::fs::write(dir.join(name(&key(), None)), vec![0; 17 * 1024]).unwrap();
        assert!(store.read(&key()).is_none());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
