//! Files that only their owner reads, written whole or not at all.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use zeroize::Zeroizing;

use crate::exit::Problem;

/// Owner reads and writes.
const FILE_MODE: u32 = 0o600;

/// Makes a directory that only its owner enters, with those above it.
pub(crate) fn make_dir(dir: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("failed to make the directory {}", dir.display()))
}

/// Writes a file that is not there yet, and waits until it is on disk.
///
/// # Errors
/// When it is there already, among others: look with [`is_taken`].
pub(crate) fn write_new(path: &Path, contents: &[u8]) -> Result<()> {
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(path)?;
        file.write_all(contents)?;
        file.sync_all()?;
        sync_parent(path)
    };
    write().with_context(|| format!("failed to write {}", path.display()))
}

/// Whether [`write_new`] failed because the file was there.
pub(crate) fn is_taken(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == ErrorKind::AlreadyExists)
}

/// Replaces a file: whoever looks sees the old or the new one, whole.
pub(crate) fn replace(path: &Path, contents: &[u8]) -> Result<()> {
    let temporary = temporary(path);
    let write = || {
        // What an interrupted run left behind is in the way of `create_new`.
        if let Err(error) = std::fs::remove_file(&temporary)
            && error.kind() != ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(&temporary)?;
        file.write_all(contents)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)?;
        sync_parent(path)
    };
    write().with_context(|| format!("failed to write {}", path.display()))
}

fn temporary(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}.part", std::process::id()))
}

/// A name is on disk when its directory is.
fn sync_parent(path: &Path) -> std::io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Reads a file of at most `most` bytes.
pub(crate) fn read(path: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>> {
    let read = || {
        let file = File::open(path)?;
        // Room for all of it at once: growing would leave copies behind.
        let len = file.metadata()?.len().min(most);
        let room = usize::try_from(len).unwrap_or_default().saturating_add(1);
        let mut contents = Zeroizing::new(Vec::with_capacity(room));
        file.take(most.saturating_add(1))
            .read_to_end(&mut contents)?;
        Ok::<_, std::io::Error>(contents)
    };
    let contents = read().with_context(|| format!("failed to read {}", path.display()))?;
    if contents.len() as u64 > most {
        let what = format!("{} has more than {most} bytes", path.display());
        return Err(Problem::usage(what, "give another file").into());
    }
    Ok(contents)
}

/// As [`read`], for text.
pub(crate) fn read_text(path: &Path, most: u64) -> Result<Zeroizing<String>> {
    let contents = read(path, most)?;
    let text = std::str::from_utf8(&contents)
        .with_context(|| format!("failed to read {} as UTF-8 text", path.display()))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// As [`read_text`], for a secret: a file that others may read is refused.
pub(crate) fn read_secret(path: &Path, most: u64) -> Result<Zeroizing<String>> {
    let metadata = std::fs::metadata(path);
    let metadata = metadata.with_context(|| format!("failed to read {}", path.display()))?;
    let mode = metadata.permissions().mode();
    if mode & 0o077 != 0 {
        let what = format!(
            "{} can be read by others (mode {:03o})",
            path.display(),
            mode & 0o777
        );
        return Err(Problem::usage(what, format!("chmod 600 {}", path.display())).into());
    }
    read_text(path, most)
}
