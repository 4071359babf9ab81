//! The host half: what Kata's runtime does between containerd and the guest.
//! It asks the guest before anything exists, and lets runc act only on a yes.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Value, json};

use crate::guest::Launch;
use crate::initdata::InitData;
use crate::kata::{self, Container, HostFile, Request};
use crate::network;
use crate::oci::Call;

/// State of every guest: `STATE/<sandbox id>/`.
const STATE: &str = "/run/simtee";

/// Longest wait for a guest to come up; a real one has 90 s (`dial_timeout`).
const BOOT_TIMEOUT: Duration = Duration::from_secs(10);

/// Base size of the virtual machine, to which the pod's limits are added
/// (`default_vcpus`, Go runtime).
const DEFAULT_VCPUS: u32 = 1;

/// Annotations of the hypervisor that the classes allow a pod to set
/// (`enable_annotations`).
const ALLOWED: [&str; 6] = [
    "enable_iommu",
    "kernel_params",
    "kernel_verity_params",
    "default_vcpus",
    "default_memory",
    "cc_init_data",
];

/// Does what containerd asks.
pub(crate) fn run(arguments: &[String]) -> ExitCode {
    let Some(call) = Call::parse(arguments) else {
        return runc(arguments);
    };
    let result = match call.command.as_str() {
        "create" => create(&call),
        "start" => return start(&call, arguments),
        "exec" => ask(
            call.id(),
            "ExecProcessRequest",
            &json!({"container_id": call.id()}),
        ),
        "kill" => signal(&call),
        "delete" => return delete(&call, arguments),
        _ => return runc(arguments),
    };
    match result {
        Ok(()) if call.command == "create" => create_silently(arguments),
        Ok(()) => runc(arguments),
        Err(error) => {
            call.report(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn create(call: &Call) -> Result<()> {
    let bundle = call.bundle.as_deref().context("create without --bundle")?;
    let path = bundle.join("config.json");
    let text = fs::read_to_string(&path).context("failed to read the bundle's config.json")?;
    let mut config: Value = serde_json::from_str(&text).context("config.json is not JSON")?;
    let container = Container {
        id: call.id(),
        bundle: bundle.to_str().unwrap_or_default(),
        config: &config,
        file: &host_file,
    };
    if container.is_sandbox() {
        prepare_guest(&container)?;
        become_guest(&mut config, call.id())?;
    } else {
        let sandbox = container
            .annotation("io.kubernetes.cri.sandbox-id")
            .context("a container without sandbox")?
            .to_owned();
        for Request { name, body } in container.requests() {
            send(&sandbox, name, &body)?;
        }
        remember(call.id(), &sandbox)?;
        drop_mount(&mut config, "/dev/termination-log");
    }
    fs::write(&path, config.to_string()).context("failed to write the bundle's config.json")
}

/// A file of the host; what is not there is copied empty.
fn host_file(path: &str) -> HostFile {
    HostFile {
        content: fs::read(path).unwrap_or_default(),
        mode: fs::metadata(path).map_or(0o100_644, |it| it.mode()),
    }
}

/// Deletes a container, and with a sandbox everything its guest left.
fn delete(call: &Call, arguments: &[String]) -> ExitCode {
    if let Ok(sandbox) = fs::read_to_string(containers().join(call.id())) {
        tell(&sandbox, kata::removed(call.id()));
    }
    match Command::new("runc").args(arguments).status() {
        Ok(status) if status.success() => {
            // One of the two is there, or neither after a crash.
            drop(fs::remove_file(containers().join(call.id())));
            drop(fs::remove_dir_all(state_dir(call.id())));
            ExitCode::SUCCESS
        }
        _ => ExitCode::FAILURE,
    }
}

/// Starts a container; a sandbox has to come up and to accept itself first.
fn start(call: &Call, arguments: &[String]) -> ExitCode {
    let launch = state_dir(call.id()).join("requests.json");
    let Ok(text) = fs::read_to_string(&launch) else {
        let mut requests = kata::started(call.id()).into_iter();
        return match requests.try_for_each(|it| ask(call.id(), it.name, &it.body)) {
            Ok(()) => runc(arguments),
            Err(error) => {
                call.report(&format!("{error:#}"));
                ExitCode::FAILURE
            }
        };
    };
    let started = Command::new("runc").args(arguments).status();
    match started {
        Ok(status) if status.success() => {}
        _ => return ExitCode::FAILURE,
    }
    let accepted = serde_json::from_str::<Vec<(String, Value)>>(&text)
        .map_err(|error| anyhow!("the sandbox's requests are unreadable: {error}"))
        .and_then(|requests| {
            requests
                .iter()
                .try_for_each(|(name, body)| send(call.id(), name, body))
        })
        .and_then(|()| {
            let mut requests = kata::sandbox_started(call.id()).into_iter();
            requests.try_for_each(|it| send(call.id(), it.name, &it.body))
        });
    match accepted {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            call.report(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Everything the guest is launched with: measured, or bound by HOST_DATA.
fn prepare_guest(sandbox: &Container<'_>) -> Result<()> {
    const PREFIX: &str = "io.katacontainers.config.hypervisor.";
    let annotations = sandbox.config.get("annotations").and_then(Value::as_object);
    for name in annotations.into_iter().flat_map(|all| all.keys()) {
        if let Some(suffix) = name.strip_prefix(PREFIX)
            && !ALLOWED.contains(&suffix)
        {
            bail!("annotation {name} is not enabled");
        }
    }
    let annotation = |suffix: &str| sandbox.annotation(&format!("{PREFIX}{suffix}"));
    let init_data = match annotation("cc_init_data") {
        None => None,
        Some(text) => {
            InitData::decode(text).context("failed to decode the init data")?;
            Some(text.to_owned())
        }
    };
    let launch = Launch {
        init_data,
        vcpus: vcpus(sandbox)?,
        kernel_params: annotation("kernel_params").unwrap_or_default().to_owned(),
        debug: is_debug_class(),
    };
    let dir = state_dir(sandbox.id);
    fs::create_dir_all(&dir).context("failed to make the guest's state directory")?;
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))
        .context("failed to protect the guest's state directory")?;
    write_json(&dir.join("launch.json"), &serde_json::to_value(launch)?)?;
    let requests: Vec<(&str, Value)> = network::requests(sandbox.config)?
        .into_iter()
        .chain(sandbox.requests())
        .map(|Request { name, body }| (name, body))
        .collect();
    write_json(&dir.join("requests.json"), &json!(requests))
}

/// vCPUs of the virtual machine: the class's default plus the pod's limits.
fn vcpus(sandbox: &Container<'_>) -> Result<u32> {
    let number = |name: &str| {
        let text = sandbox.annotation(&format!("io.kubernetes.cri.sandbox-cpu-{name}"));
        text.map_or(Ok(0), str::parse::<i64>)
            .with_context(|| format!("the sandbox's cpu {name} is no number"))
    };
    let (quota, period) = (number("quota")?, number("period")?);
    if quota <= 0 || period <= 0 {
        return Ok(DEFAULT_VCPUS);
    }
    let limit = u32::try_from((quota + period - 1) / period).context("too many CPUs")?;
    Ok(DEFAULT_VCPUS + limit)
}

/// The class for debugging calls this program by another name, as kata-deploy
/// makes `kata-qemu-snp-debug` with a configuration of its own.
fn is_debug_class() -> bool {
    let name = std::env::args().next().unwrap_or_default();
    name.ends_with("-debug")
}

/// Makes the guest half of this program the sandbox's first process, as Kata's
/// guest runs a pause process of its own whatever the host sent.
fn become_guest(config: &mut Value, id: &str) -> Result<()> {
    let program = std::env::current_exe().context("failed to find this program")?;
    let machine = machine_dir()?;
    let bind = |source: &Path, destination: &str, mode: &str| {
        json!({
            "destination": destination,
            "type": "bind",
            "source": source,
            "options": ["bind", mode],
        })
    };
    let mounts = config.get_mut("mounts").and_then(Value::as_array_mut);
    mounts.context("a sandbox without mounts")?.extend([
        bind(&program, "/simtee", "ro"),
        bind(&machine, "/machine", "ro"),
        bind(&state_dir(id), "/state", "rw"),
    ]);
    let process = config.get_mut("process").and_then(Value::as_object_mut);
    let process = process.context("a sandbox without process")?;
    process.insert("args".to_owned(), json!(["/simtee", "guest"]));
    // The guest's first process is the machine's own, not the pod's user.
    process.insert("user".to_owned(), json!({"uid": 0, "gid": 0}));
    Ok(())
}

/// Keys of the simulated machine lie beside this program.
fn machine_dir() -> Result<PathBuf> {
    let program = std::env::current_exe().context("failed to find this program")?;
    let dir = program.parent().context("this program has no directory")?;
    Ok(dir.join("machine"))
}

/// Logs are read from the guest, and the termination message is a file in it.
fn drop_mount(config: &mut Value, destination: &str) {
    if let Some(mounts) = config.get_mut("mounts").and_then(Value::as_array_mut) {
        mounts.retain(|mount| mount.get("destination") != Some(&destination.into()));
    }
}

fn signal(call: &Call) -> Result<()> {
    let signal = call.operands.get(1).map_or("SIGTERM", String::as_str);
    let number = match signal.trim_start_matches("SIG") {
        "TERM" => 15,
        "KILL" => 9,
        other => other.parse().unwrap_or(0),
    };
    // A sandbox's own end is the host's to decide: it can always stop a machine.
    if state_dir(call.id()).join("requests.json").exists() {
        tell(call.id(), kata::destroyed(call.id()));
        return Ok(());
    }
    let Request { name, body } = kata::signalled(call.id(), number);
    ask(call.id(), name, &body)
}

/// Asks the guest of a container that exists.
fn ask(id: &str, name: &str, body: &Value) -> Result<()> {
    let sandbox = fs::read_to_string(containers().join(id)).unwrap_or_else(|_| id.to_owned());
    // A guest that is gone stops nobody from cleaning up after it.
    if name == "SignalProcessRequest" && !state_dir(&sandbox).join("guest.sock").exists() {
        return Ok(());
    }
    send(&sandbox, name, body)
}

/// Tells a guest of an end, which it cannot keep from coming; one that is gone hears
/// nothing.
fn tell(sandbox: &str, requests: Vec<Request>) {
    for Request { name, body } in requests {
        if send_within(sandbox, name, &body, Duration::ZERO).is_err() {
            return;
        }
    }
}

/// One request, one answer: a line of JSON each way. Kept beside the guest for as
/// long as it lives, as Kata's agent keeps its policy log when debugging.
fn send(sandbox: &str, name: &str, body: &Value) -> Result<()> {
    send_within(sandbox, name, body, BOOT_TIMEOUT)
}

/// The same to a guest that comes up within this time.
fn send_within(sandbox: &str, name: &str, body: &Value, boot: Duration) -> Result<()> {
    let log = state_dir(sandbox).join("policy.jsonl");
    let log = fs::OpenOptions::new().create(true).append(true).open(log);
    let kept = log.and_then(|mut log| writeln!(log, "{}", json!({"kind": name, "request": body})));
    drop(kept);
    let socket = state_dir(sandbox).join("guest.sock");
    let deadline = Instant::now() + boot;
    let mut stream = loop {
        match UnixStream::connect(&socket) {
            Ok(stream) => break stream,
            Err(error) if Instant::now() > deadline => {
                return Err(error).context("the guest did not come up");
            }
            Err(_) => match fs::read_to_string(state_dir(sandbox).join("failure")) {
                Ok(why) => bail!("the guest did not come up: {why}"),
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            },
        }
    };
    stream.set_read_timeout(Some(BOOT_TIMEOUT))?;
    writeln!(stream, "{}", json!({"name": name, "body": body}))?;
    let mut answer = String::new();
    BufReader::new(stream)
        .read_line(&mut answer)
        .context("the guest gave no answer")?;
    let answer: Value = serde_json::from_str(&answer).context("the guest gave no answer")?;
    match answer.get("refused").and_then(Value::as_str) {
        None => Ok(()),
        Some(why) => Err(anyhow!("PERMISSION_DENIED: {why}")),
    }
}

fn remember(container: &str, sandbox: &str) -> Result<()> {
    fs::create_dir_all(containers())?;
    fs::write(containers().join(container), sandbox).context("failed to keep the container's guest")
}

fn containers() -> PathBuf {
    Path::new(STATE).join("containers")
}

fn state_dir(sandbox: &str) -> PathBuf {
    Path::new(STATE).join(sandbox)
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    fs::write(path, value.to_string())
        .with_context(|| format!("failed to write {}", path.display()))
}

/// Becomes runc with the same arguments.
fn runc(arguments: &[String]) -> ExitCode {
    let error = Command::new("runc").args(arguments).exec();
    eprintln!("simtee: failed to run runc: {error}");
    ExitCode::FAILURE
}

/// runc create with the container's three streams on /dev/null: a confidential
/// guest gives the host no output, and the host's logs stay empty.
fn create_silently(arguments: &[String]) -> ExitCode {
    let error = Command::new("runc")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .exec();
    eprintln!("simtee: failed to run runc: {error}");
    ExitCode::FAILURE
}
