//! The command line of an OCI runtime, as containerd's shim writes it: global
//! options, a command, its options, an id. What is not understood is runc's.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

/// A call of the runtime.
pub(crate) struct Call {
    /// `create`, `start`, `kill`, …
    pub(crate) command: String,
    /// Where errors go (`--log`).
    pub(crate) log: Option<PathBuf>,
    /// Directory of the container (`--bundle`).
    pub(crate) bundle: Option<PathBuf>,
    /// What follows the options: the id, and for `kill` the signal.
    pub(crate) operands: Vec<String>,
}

/// runc's options that take a value, global and of the commands we look at.
const WITH_VALUE: [&str; 18] = [
    "--root",
    "--log",
    "--log-format",
    "--criu",
    "--rootless",
    "--bundle",
    "-b",
    "--pid-file",
    "--console-socket",
    "--preserve-fds",
    "--process",
    "-p",
    "--cwd",
    "--env",
    "-e",
    "--user",
    "-u",
    "--detach-keys",
];

impl Call {
    /// Reads the arguments; `None` when there is no command.
    pub(crate) fn parse(arguments: &[String]) -> Option<Self> {
        let mut call = Self {
            command: String::new(),
            log: None,
            bundle: None,
            operands: Vec::new(),
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ if WITH_VALUE.contains(&argument.as_str()) => {
                    (argument.as_str(), rest.next().cloned())
                }
                _ => (argument.as_str(), None),
            };
            match name {
                "--log" => call.log = value.map(PathBuf::from),
                "--bundle" | "-b" => call.bundle = value.map(PathBuf::from),
                name if name.starts_with('-') => {}
                command if call.command.is_empty() => command.clone_into(&mut call.command),
                operand => call.operands.push(operand.to_owned()),
            }
        }
        (!call.command.is_empty()).then_some(call)
    }

    /// Id of the container.
    pub(crate) fn id(&self) -> &str {
        self.operands.first().map_or("", String::as_str)
    }

    /// Writes an error where containerd reads it, and to stderr. The time must be
    /// RFC 3339 or the message is lost.
    pub(crate) fn report(&self, message: &str) {
        eprintln!("{message}");
        let Some(log) = &self.log else { return };
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let line = serde_json::json!({
            "level": "error",
            "msg": message,
            "time": job::Timestamp::from_secs(now).to_string(),
        });
        // Nobody is left to tell when the log cannot be written.
        let file = OpenOptions::new().create(true).append(true).open(log);
        drop(file.and_then(|mut file| writeln!(file, "{line}")));
    }
}
