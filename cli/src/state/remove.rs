//! Removing what is kept of a job: its own files, by name, and nothing that a link
//! leads to. The key goes first and is overwritten, the order last: what was
//! interrupted can be removed again.

use std::fs::{Metadata, OpenOptions, remove_dir, remove_file, symlink_metadata};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::{KEY, notes};

/// The files of a job beside its key and its notes; the order last.
const FILES: [&str; 8] = [
    "how.json",
    "attestation.json",
    "another-attestation.json",
    "committed",
    "started",
    "receipt.json",
    "offer.json",
    "order.json",
];

/// What became of what was kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Removed {
    /// How many files are gone.
    pub(crate) files: usize,
    /// Whether a key was among them, and was overwritten.
    pub(crate) key: bool,
    /// What is not of `cdvm`, and stays, with the folder.
    pub(crate) left: Vec<String>,
}

/// Removes the job kept in `dir`.
///
/// # Errors
/// When `dir` is no folder but a link, or a file cannot be removed.
pub(crate) fn remove(dir: &Path) -> Result<Removed> {
    let seen = symlink_metadata(dir);
    let seen = seen.with_context(|| format!("failed to look at {}", dir.display()))?;
    if !seen.is_dir() {
        bail!("{} is no folder but a link or a file", dir.display());
    }
    let mut removed = Removed::default();
    let key = dir.join(KEY);
    if let Ok(seen) = symlink_metadata(&key)
        && seen.is_file()
    {
        let wiped = wipe(&key, &seen);
        removed.key = wiped.with_context(|| format!("failed to overwrite {}", key.display()))?;
    }
    let (before, order) = FILES.split_at(FILES.len() - 1);
    let temporary = temporaries(dir)?;
    let names = [KEY].into_iter().chain(before.iter().copied());
    let names = names.chain(notes::FILES).chain(order.iter().copied());
    let temporary = temporary.iter().map(String::as_str);
    for name in temporary.chain(names) {
        let path = dir.join(name);
        match remove_file(&path) {
            Ok(()) => removed.files += 1,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                return Err(error).with_context(|| format!("failed to remove {}", path.display()));
            }
        }
    }
    removed.left = names_in(dir)?;
    if removed.left.is_empty() {
        remove_dir(dir).with_context(|| format!("failed to remove {}", dir.display()))?;
    }
    Ok(removed)
}

/// Overwrites a key where it stands; whether it did. A file that has another name too is
/// another's.
fn wipe(path: &Path, seen: &Metadata) -> std::io::Result<bool> {
    if seen.nlink() > 1 {
        return Ok(false);
    }
    let mut file = OpenOptions::new().write(true).open(path)?;
    let opened = file.metadata()?;
    // Between looking and opening somebody may have put a link there.
    if (opened.dev(), opened.ino()) != (seen.dev(), seen.ino()) {
        return Err(std::io::Error::other("it was replaced meanwhile"));
    }
    let len = usize::try_from(seen.len().min(4096)).unwrap_or_default();
    file.write_all(&vec![0; len])?;
    file.sync_all()?;
    Ok(true)
}

/// What an interrupted writing of `files` left: `.NAME.PID.part`.
fn temporaries(dir: &Path) -> Result<Vec<String>> {
    let mut names = names_in(dir)?;
    names.retain(|name| {
        let middle = name
            .strip_prefix('.')
            .and_then(|name| name.strip_suffix(".part"));
        let of = middle.and_then(|name| name.rsplit_once('.'));
        of.is_some_and(|(of, pid)| {
            let ours = FILES.contains(&of) || notes::FILES.contains(&of);
            ours && pid.bytes().all(|byte| byte.is_ascii_digit())
        })
    });
    Ok(names)
}

fn names_in(dir: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(dir);
    let entries = entries.with_context(|| format!("failed to read {}", dir.display()))?;
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect::<std::io::Result<_>>().map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::remove;

    #[test]
    fn only_the_jobs_own_files_go_and_no_link_is_followed() {
        let root = std::env::temp_dir().join(format!("cdvm-remove-{}", std::process::id()));
        let dir = root.join("job");
        fs::create_dir_all(&dir).unwrap();
        let outside = root.join("outside");
        fs::write(&outside, "precious").unwrap();
        fs::write(dir.join("key.nsec"), "nsec1secret\n").unwrap();
        symlink(&outside, dir.join("receipt.json")).unwrap();
        for name in [
            "order.json",
            "offer.json",
            "saved.json",
            ".receipt.json.7.part",
        ] {
            fs::write(dir.join(name), "x").unwrap();
        }
        fs::write(dir.join("report.md"), "the result").unwrap();
        let removed = remove(&dir).unwrap();
        assert_eq!((removed.files, removed.key), (6, true));
        assert_eq!(removed.left, ["report.md"]);
        assert_eq!(fs::read_to_string(&outside).unwrap(), "precious");
        assert_eq!(
            fs::read_to_string(dir.join("report.md")).unwrap(),
            "the result"
        );

        fs::remove_file(dir.join("report.md")).unwrap();
        fs::hard_link(&outside, dir.join("key.nsec")).unwrap();
        let removed = remove(&dir).unwrap();
        assert!(removed.left.is_empty() && !dir.exists());
        assert!(!removed.key, "it was not overwritten");
        assert_eq!(fs::read_to_string(&outside).unwrap(), "precious");

        // A link in a job's place, or in its key's.
        fs::create_dir(root.join("real")).unwrap();
        fs::write(root.join("real/order.json"), "x").unwrap();
        symlink(root.join("real"), &dir).unwrap();
        assert!(remove(&dir).is_err() && root.join("real/order.json").exists());
        symlink(&outside, root.join("real/key.nsec")).unwrap();
        assert!(!remove(&root.join("real")).unwrap().key);
        assert_eq!(fs::read_to_string(&outside).unwrap(), "precious");
        fs::remove_dir_all(&root).unwrap();
    }

    #[test]
    fn a_key_is_overwritten_before_its_name_goes() {
        let path = std::env::temp_dir().join(format!("cdvm-wipe-{}", std::process::id()));
        fs::write(&path, "nsec1secret\n").unwrap();
        assert!(super::wipe(&path, &fs::symlink_metadata(&path).unwrap()).unwrap());
        assert_eq!(fs::read(&path).unwrap(), [0; 12]);
        fs::remove_file(&path).unwrap();
    }
}
