//! All owners' grants, as they count now. Files are read again when they change; one
//! that makes no sense changes nothing, and is said to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use anyhow::Context as _;
use job::Digest;

use crate::grant::{Grant, parse};
use crate::resource::Resource;

/// Longest file that is read: the parser's own limit is lower.
const MAX_FILE: u64 = 17 * 1024 * 1024;

/// The folder of grants.
pub struct Grants {
    folder: PathBuf,
    owners: RwLock<BTreeMap<String, Owner>>,
}

struct Owner {
    stamp: Stamp,
    /// By resource.
    grants: Vec<Arc<Grant>>,
}

/// What tells that a file changed: time, length and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    len: u64,
    inode: u64,
}

/// What happened to an owner's file.
#[derive(Debug)]
pub struct Change {
    /// Whose.
    pub owner: String,
    /// What is there now.
    pub what: What,
}

/// See [`Change`].
#[derive(Debug)]
pub enum What {
    /// So many grants, of a file with this SHA-256.
    Read(usize, Digest),
    /// The file is gone, and its grants with it.
    Gone,
    /// It makes no sense: what counted before counts still.
    Refused(anyhow::Error),
}

impl Grants {
    /// An empty set over a folder.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            owners: RwLock::default(),
        }
    }

    /// The grants for a secret.
    pub fn of(&self, resource: &Resource) -> Vec<Arc<Grant>> {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        let Some(owner) = owners.get(resource.repository()) else {
            return Vec::new();
        };
        let first = owner
            .grants
            .partition_point(|grant| grant.resource < *resource);
        let behind = owner.grants.iter().skip(first);
        let of = behind.take_while(|grant| grant.resource == *resource);
        of.cloned().collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
        owners.values().map(|owner| owner.grants.len()).sum()
    }

    /// Reads what changed.
    ///
    /// # Errors
    /// When the folder cannot be read: then nothing changes.
    pub fn refresh(&self) -> anyhow::Result<Vec<Change>> {
        let files = files(&self.folder)
            .with_context(|| format!("failed to read the grants in {}", self.folder.display()))?;
        let mut changes = Vec::new();
        for (owner, path) in &files {
            if let Some(change) = self.refresh_one(owner, path) {
                changes.push(change);
            }
        }
        let mut owners = self.owners.write().unwrap_or_else(PoisonError::into_inner);
        let gone: Vec<String> = owners
            .keys()
            .filter(|owner| !files.contains_key(*owner))
            .cloned()
            .collect();
        for owner in gone {
            owners.remove(&owner);
            changes.push(Change {
                owner,
                what: What::Gone,
            });
        }
        Ok(changes)
    }

    fn refresh_one(&self, owner: &str, path: &Path) -> Option<Change> {
        let stamp = stamp(path).ok()?;
        let known = {
            let owners = self.owners.read().unwrap_or_else(PoisonError::into_inner);
            owners.get(owner).map(|owner| owner.stamp)
        };
        if known == Some(stamp) {
            return None;
        }
        let read = read(path).and_then(|text| {
            let grants = parse(owner, &text)?;
            Ok((grants, Digest::of(text.as_bytes())))
        });
        let mut owners = self.owners.write().unwrap_or_else(PoisonError::into_inner);
        let entry = owners.entry(owner.to_owned()).or_insert_with(|| Owner {
            stamp,
            grants: Vec::new(),
        });
        entry.stamp = stamp;
        let what = match read {
            Ok((grants, digest)) => {
                let count = grants.len();
                entry.grants = grants.into_iter().map(Arc::new).collect();
                entry.grants.sort_by(|a, b| a.resource.cmp(&b.resource));
                What::Read(count, digest)
            }
            Err(error) => What::Refused(error),
        };
        Some(Change {
            owner: owner.to_owned(),
            what,
        })
    }
}

/// Owner to file: `<owner>.toml`. Others in the folder mean nothing, and a folder that is
/// not there has none.
///
/// # Errors
/// The file system's.
pub fn files(folder: &Path) -> std::io::Result<BTreeMap<String, PathBuf>> {
    let mut files = BTreeMap::new();
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(files),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        let is_toml = path
            .extension()
            .is_some_and(|extension| extension == "toml");
        let owner = path.file_stem().and_then(|stem| stem.to_str());
        if let (true, Some(owner)) = (is_toml, owner) {
            files.insert(owner.to_owned(), path.clone());
        }
    }
    Ok(files)
}

/// A file of grants as text.
///
/// # Errors
/// When it cannot be read, is too long, or no text.
pub fn read(path: &Path) -> anyhow::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE).read_to_string(&mut text))
        .with_context(|| format!("failed to read {}", path.display()))?;
    Ok(text)
}

fn stamp(path: &Path) -> std::io::Result<Stamp> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = std::fs::metadata(path)?;
    Ok(Stamp {
        modified: metadata.modified().ok(),
        len: metadata.len(),
        inode: metadata.ino(),
    })
}
