//! Files that only their owner reads, written whole or not at all.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use zeroize::Zeroizing;

/// Why a file is not read, though it could be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// More than what is looked for has.
    #[error("{0} has more than {1} bytes")]
    TooLong(String, u64),
    /// A secret that others may read, by its mode.
    #[error("{0} can be read by others (mode {1:03o})")]
    Open(String, u32),
}

/// Owner reads and writes.
const FILE_MODE: u32 = 0o600;

/// Makes a directory that only its owner enters, with those above it.
///
/// # Errors
/// When it cannot be made.
pub fn make_dir(dir: &Path) -> Result<()> {
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
pub fn write_new(path: &Path, contents: &[u8]) -> Result<()> {
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(path)?;
        let written = file.write_all(contents).and_then(|()| file.sync_all());
        // Half a file would be in the way of the next try.
        written.inspect_err(|_| drop(std::fs::remove_file(path)))?;
        sync_parent(path)
    };
    write().with_context(|| format!("failed to write {}", path.display()))
}

/// Holds a directory: others who want to hold it wait until this is dropped.
///
/// # Errors
/// When it cannot be opened or held.
pub fn hold(dir: &Path) -> Result<File> {
    let hold = || {
        let dir = File::open(dir)?;
        dir.lock()?;
        Ok::<_, std::io::Error>(dir)
    };
    hold().with_context(|| format!("failed to hold {}", dir.display()))
}

/// Whether [`write_new`] failed because the file was there.
pub fn is_taken(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == ErrorKind::AlreadyExists)
}

/// Replaces a file: whoever looks sees the old or the new one, whole.
///
/// # Errors
/// When it cannot be written.
pub fn replace(path: &Path, contents: &[u8]) -> Result<()> {
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
        let written = file.write_all(contents).and_then(|()| file.sync_all());
        let replaced = written.and_then(|()| std::fs::rename(&temporary, path));
        replaced.inspect_err(|_| drop(std::fs::remove_file(&temporary)))?;
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
///
/// # Errors
/// When it cannot be read, or has more ([`FileError`]).
pub fn read(path: &Path, most: u64) -> Result<Zeroizing<Vec<u8>>> {
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
        return Err(FileError::TooLong(path.display().to_string(), most).into());
    }
    Ok(contents)
}

/// As [`read`], for text, without the mark (U+FEFF) that some editors put first.
///
/// # Errors
/// As [`read`], and when it is no UTF-8.
pub fn read_text(path: &Path, most: u64) -> Result<Zeroizing<String>> {
    let contents = read(path, most)?;
    let text = std::str::from_utf8(&contents)
        .with_context(|| format!("failed to read {} as UTF-8 text", path.display()))?;
    Ok(Zeroizing::new(without_mark(text).to_owned()))
}

/// Text without the byte-order mark that some editors put first: it means nothing.
pub fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// As [`read_text`], for a secret: a file that others may read is refused.
///
/// # Errors
/// As [`read_text`], and when others may read it ([`FileError`]).
pub fn read_secret(path: &Path, most: u64) -> Result<Zeroizing<String>> {
    let metadata = std::fs::metadata(path);
    let metadata = metadata.with_context(|| format!("failed to read {}", path.display()))?;
    let mode = metadata.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(FileError::Open(path.display().to_string(), mode & 0o777).into());
    }
    read_text(path, most)
}
