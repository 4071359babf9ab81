//! Putting the agent into the pod's in-guest tmpfs, where the workload's
//! container finds it: whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Copies this program to `DIR/.agent`, syncs it and renames it to `DIR/agent`.
pub(crate) fn install(dir: &Path) -> io::Result<()> {
    let (partial, whole) = (dir.join(".agent"), dir.join("agent"));
    let mut from = File::open("/proc/self/exe")?;
    let mut to = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o555)
        .open(&partial)?;
    io::copy(&mut from, &mut to)?;
    to.sync_all()?;
    fs::rename(partial, whole)
}
