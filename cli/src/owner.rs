//! `cdvm kbs …`: the owner's side is a program of its own, so that a customer need not
//! trust it. It takes this process's place.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::exit::{Exit, Problem};

/// Its name.
const PROGRAM: &str = "cdvm-kbs";

/// What is typed behind `cdvm kbs`, when that is what was typed: it goes on as it is.
pub(crate) fn words() -> Option<Vec<OsString>> {
    let mut words = std::env::args_os().skip(1);
    (words.next()? == "kbs").then(|| words.collect())
}

/// Becomes that program: the one beside this, or else on the path. Comes back only with
/// why not.
pub(crate) fn become_it(words: Vec<OsString>) -> Problem {
    let beside = std::env::current_exe().ok();
    let beside = beside.and_then(|own| own.parent().map(|folder| folder.join(PROGRAM)));
    let program = beside.filter(|path| path.exists());
    let program = program.unwrap_or_else(|| PathBuf::from(PROGRAM));
    let error = Command::new(&program).args(words).exec();
    Problem::new(
        Exit::Failed,
        format!("failed to start {}: {error}", program.display()),
        "grants and secrets are kept by a program of its own, the key broker",
        "install cdvm-kbs beside cdvm, or on the machine the broker runs on",
    )
}

/// Options of `cdvm` before `kbs` would be lost on the way.
pub(crate) fn not_first() -> Problem {
    let what = "`kbs` stands behind other words";
    Problem::usage(
        what,
        "write it first, and the rest behind it: cdvm kbs list --state DIR",
    )
}
