//! The inner process: process 1 of the sandbox. It opens the workload's socket,
//! gives up what the workload must not have, starts it, and reports its end.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use nix::errno::Errno;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, wait};
use nix::unistd::Pid;

use super::control::{Ended, Report, Spec};
use super::outer::control_socket;
use super::{MAX_LINE, restrict};

/// The workload's socket, in its own files.
const SOCKET: &str = "/cdvm/job/agent.sock";

/// The result, when it is a file.
const RESULT: &str = "/cdvm/job/out/result";

type Control = Arc<Mutex<UnixStream>>;

/// Runs as the inner process; `spec` is a [`Spec`] in JSON.
pub(crate) fn inner(spec: &str) -> ExitCode {
    let Ok(control) = control_socket() else {
        return ExitCode::FAILURE;
    };
    let control = Arc::new(Mutex::new(control));
    let ended = match run(spec, &control) {
        Ok(ended) => ended,
        Err(error) => Ended::NotStarted(error.to_string()),
    };
    report(&control, &Report::Ended(ended));
    ExitCode::SUCCESS
}

fn run(spec: &str, control: &Control) -> io::Result<Ended> {
    // When the outer process goes, so do we, and the whole sandbox with us.
    set_pdeathsig(Signal::SIGKILL)?;
    let spec: Spec = serde_json::from_str(spec)?;
    let listener = UnixListener::bind(SOCKET)?;
    restrict::restrict()?;
    let ours = control.clone();
    thread::spawn(move || listen(&listener, &ours));

    let child = start(&spec)?;
    let status = wait_for(&child)?;
    match (status.code(), status.signal()) {
        (Some(0), _) if spec.result_file => hand_over_result(),
        (Some(code), _) => Ok(Ended::Exited(code)),
        (None, signal) => Ok(Ended::Killed(signal.unwrap_or_default())),
    }
}

fn start(spec: &Spec) -> io::Result<Child> {
    let (program, arguments) = spec
        .argv
        .split_first()
        .ok_or_else(|| io::Error::other("no program"))?;
    // What it prints beside a result file are diagnostics.
    let stdout = if spec.result_file {
        Stdio::from(io::stderr().as_fd().try_clone_to_owned()?)
    } else {
        Stdio::inherit()
    };
    Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(spec.env.iter().map(|(name, value)| (name, value)))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(stdout)
        .spawn()
        .map_err(|error| io::Error::other(format!("failed to start {program}: {error}")))
}

/// Waits for the workload, and buries whatever it left behind on the way:
/// process 1 inherits every orphan.
fn wait_for(child: &Child) -> io::Result<ExitStatus> {
    let id = Pid::from_raw(i32::try_from(child.id()).map_err(io::Error::other)?);
    loop {
        match wait() {
            // wait(2)'s encoding: the code in the second byte, the signal in the first.
            Ok(WaitStatus::Exited(pid, code)) if pid == id => {
                return Ok(ExitStatus::from_raw(code << 8));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == id => {
                return Ok(ExitStatus::from_raw(signal as i32));
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The result file becomes what we print.
fn hand_over_result() -> io::Result<Ended> {
    let Ok(mut result) = File::open(RESULT) else {
        return Ok(Ended::NoResult);
    };
    let stdout: OwnedFd = io::stdout().as_fd().try_clone_to_owned()?;
    io::copy(&mut result, &mut File::from(stdout))?;
    Ok(Ended::Exited(0))
}

/// Takes the workload's connections, one after the other.
fn listen(listener: &UnixListener, control: &Control) {
    for stream in listener.incoming().flatten() {
        let control = control.clone();
        thread::spawn(move || relay(stream, &control));
    }
}

/// Passes on lines, bounded; what is longer is cut off with the connection.
fn relay(stream: UnixStream, control: &Control) {
    let mut lines = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        let limit = MAX_LINE as u64;
        match lines.by_ref().take(limit).read_until(b'\n', &mut line) {
            Ok(1..) if line.ends_with(b"\n") => {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                report(control, &Report::Said(line));
            }
            _ => return,
        }
    }
}

fn report(control: &Control, report: &Report) {
    let mut control = control.lock().unwrap_or_else(PoisonError::into_inner);
    // Without the agent nobody is left to tell, and the sandbox is about to go.
    drop(report.write(&mut *control));
}
