//! Files that somebody named: what is wrong with one that is not to be had, found
//! before anything is ordered or sent. Trying again does not help; each says what does.

use std::fs::{File, metadata, symlink_metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::exit::{Exit, Problem};

/// What nothing was done means, whatever the command.
const MEANING: &str = "Nothing was ordered or sent";

/// What may stand behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file; also a pipe or a device, such as a shell's `<(…)`.
    File,
    /// That, or a folder.
    FileOrFolder,
}

/// Looks whether there is a file that can be read; `named` is what named it: an
/// option, or a setting.
///
/// # Errors
/// When there is none: wrong usage.
pub(crate) fn look(named: &str, path: &Path, kind: Kind) -> Result<(), Problem> {
    if path.as_os_str().is_empty() {
        let what = format!("{named}: the name of the file is empty");
        let next = "name a file; in a script, is the variable set?";
        return Err(Problem::new(Exit::Usage, what, MEANING, next));
    }
    let seen = metadata(path).map_err(|error| unseen(named, path, &error))?;
    if seen.is_dir() && kind == Kind::File {
        let next = "name a file in it, or pack the folder into one file";
        return Err(problem(
            named,
            path,
            "is a folder, and a file is read",
            next,
        ));
    }
    // Opening a pipe would take from it, or wait for who writes it.
    if seen.is_file() {
        File::open(path).map_err(|error| unseen(named, path, &error))?;
    }
    Ok(())
}

/// Looks at those of these options that were given.
///
/// # Errors
/// As [`look`], at the first that is not to be had.
pub(crate) fn look_at<'p>(
    options: impl IntoIterator<Item = (&'static str, &'p Option<PathBuf>, Kind)>,
) -> Result<(), Problem> {
    for (option, path, kind) in options {
        if let Some(path) = path {
            look(option, path, kind)?;
        }
    }
    Ok(())
}

fn problem(named: &str, path: &Path, what: &str, next: &str) -> Problem {
    let what = format!("{named}: {} {what}", path.display());
    Problem::new(Exit::Usage, what, MEANING, next)
}

/// Why a file cannot be looked at.
fn unseen(named: &str, path: &Path, error: &std::io::Error) -> Problem {
    let (what, next) = match error.kind() {
        ErrorKind::NotFound => absent(path),
        ErrorKind::PermissionDenied => (
            "may not be read by you".to_owned(),
            "ask its owner, or look with ls -l: chmod u+r for a file of yours, chmod u+x for its folder",
        ),
        ErrorKind::NotADirectory => (
            "cannot be there: a part of its name is a file and no folder".to_owned(),
            "correct the name",
        ),
        _ => (format!("cannot be read: {error}"), "name another file"),
    };
    problem(named, path, &what, next)
}

/// What of a name is not there: the file, its folder, or what a link points to.
fn absent(path: &Path) -> (String, &'static str) {
    if symlink_metadata(path).is_ok() {
        let what = "is a link to something that is not there".to_owned();
        return (what, "make the link again, or name the file itself");
    }
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    match folder.filter(|folder| symlink_metadata(folder).is_err()) {
        Some(folder) => {
            let what = format!("is not there, nor is its folder {}", folder.display());
            (what, "correct the name of the folder")
        }
        None => (
            "is not there".to_owned(),
            "correct the name, or see what there is with ls",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Error, ErrorKind};
    use std::path::Path;

    use super::{Kind, look, unseen};

    #[test]
    fn each_kind_of_absence_has_its_words_and_is_wrong_usage() {
        let dir = std::env::temp_dir().join(format!("cdvm-given-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("file"), "x").unwrap();
        std::os::unix::fs::symlink("gone", dir.join("link")).unwrap();
        for (name, word) in [
            ("missing", "missing is not there"),
            ("no/missing", "nor is its folder"),
            ("link", "is a link to something that is not there"),
            ("file/x", "a part of its name is a file"),
            ("", "is a folder"),
        ] {
            let path = dir.join(name);
            let problem = look("--input", &path, Kind::File).unwrap_err();
            assert!(problem.what.contains(word), "{name}: {}", problem.what);
            assert!(problem.what.starts_with("--input: "));
            assert_eq!(problem.exit.code(), 2);
            assert!(!problem.meaning.is_empty() && !problem.next.contains("try again"));
        }
        let empty = look("--input", Path::new(""), Kind::FileOrFolder).unwrap_err();
        assert!(empty.what.contains("the name of the file is empty"));
        look("--input", &dir.join("file"), Kind::File).unwrap();
        look("--evidence", &dir, Kind::FileOrFolder).unwrap();
        look("--input", Path::new("/dev/null"), Kind::File).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
        // Whoever tests as root may read everything.
        let error = Error::from(ErrorKind::PermissionDenied);
        let problem = unseen("--key", Path::new("my.nsec"), &error);
        assert!(problem.what.contains("may not be read by you"));
        assert!(problem.next.contains("chmod u+r"));
        let error = Error::other("the disk is broken");
        let problem = unseen("--key", Path::new("my.nsec"), &error);
        assert!(problem.what.ends_with("the disk is broken"));
    }
}
