//! The outer process: it leaves the container's namespaces, builds a root of its
//! own with the job's files, and starts the inner process without a capability.

use std::fs;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode};

use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::unistd::{getgid, getuid};

use super::control::{Ended, Head, Report};
use super::{INNER, root};

/// The user inside: nobody, as outside.
const NOBODY: u32 = 65534;

/// Limits of the workload: (what, soft and hard). Memory is the machine's.
const LIMITS: [(Resource, u64); 3] = [
    // A core dump would be a copy of the data.
    (Resource::RLIMIT_CORE, 0),
    // What services have on most systems.
    (Resource::RLIMIT_NOFILE, 4096),
    // Enough for a thread pool; not for a fork bomb.
    (Resource::RLIMIT_NPROC, 1024),
];

/// Runs as the outer process; its standard input is the control socket.
pub(crate) fn outer() -> ExitCode {
    let Ok(control) = control_socket() else {
        return ExitCode::FAILURE;
    };
    match build(&control) {
        Ok(code) => code,
        Err(error) => {
            let report = Report::Ended(Ended::NotStarted(error.to_string()));
            // Without the agent nobody is left to tell.
            drop(report.write(&mut &control));
            ExitCode::FAILURE
        }
    }
}

/// The control socket: standard input, once more.
pub(super) fn control_socket() -> io::Result<UnixStream> {
    let fd = io::stdin().as_fd().try_clone_to_owned()?;
    Ok(UnixStream::from(fd))
}

fn build(control: &UnixStream) -> io::Result<ExitCode> {
    // When the agent goes, so does the sandbox.
    set_pdeathsig(Signal::SIGKILL)?;
    let mut from = control;
    let head = Head::read(&mut from)?;
    let (user, group) = (getuid(), getgid());
    unshare(
        CloneFlags::CLONE_NEWUSER
            | CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWPID
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWCGROUP,
    )
    .map_err(|error| context("leave the container's namespaces", &error.into()))?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{NOBODY} {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("{NOBODY} {group} 1"))?;
    let new = root::Root::build().map_err(|error| context("build a root", &error))?;
    for (path, len) in &head.files {
        let mut data = zeroize::Zeroizing::new(Vec::new());
        from.take(*len).read_to_end(&mut data)?;
        new.write_job_file(path, &data)
            .map_err(|error| context("write the job's files", &error))?;
    }
    new.enter()
        .map_err(|error| context("enter the root", &error))?;
    for (resource, limit) in LIMITS {
        setrlimit(resource, limit, limit)?;
    }
    // A new program of a user that is not root: it has no capability left, here
    // or outside.
    let spec = serde_json::to_string(&head.spec)?;
    let status = Command::new("/proc/self/exe")
        .args([INNER, &spec])
        .env_clear()
        .current_dir("/")
        .status()?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn context(what: &str, error: &io::Error) -> io::Error {
    io::Error::other(format!("failed to {what}: {error}"))
}
