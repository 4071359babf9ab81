//! A broker that runs, with its folder, its files and its commands.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use job::policy_digest;
use simvendor::{Chip, ChipSpec, Generation, Vendor};

use crate::guest::{self, agent};

pub(crate) const RESOURCE: &str = "acme/models/score-1";
pub(crate) const SECRET: &str = "marker-of-the-model-key";

pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// A SIMULATED vendor and one of its chips, made once.
pub(crate) fn machine() -> &'static (Vendor, Chip) {
    static MACHINE: OnceLock<(Vendor, Chip)> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let vendor = Vendor::generate(Generation::Genoa, now()).unwrap();
        let chip = vendor
            .chip(&ChipSpec::new(Generation::Genoa, now()))
            .unwrap();
        (vendor, chip)
    })
}

fn trust_file() -> String {
    let (vendor, _) = machine();
    let dates = "source = \"test\"\nfrom = 2020-01-01T00:00:00Z\nuntil = 2100-01-01T00:00:00Z";
    format!(
        "version = 1\n\
         [[roots]]\nclass = \"simulated\"\ngeneration = \"genoa\"\nark = \"{}\"\nask = \"{}\"\nsource = \"test\"\n\
         [[revocation_lists]]\ngeneration = \"genoa\"\nlist = \"{}\"\nsource = \"test\"\n\
         [[tcb_floors]]\ngeneration = \"genoa\"\n\
         lowest = {{fmc=0, bootloader=4, tee=0, snp=22, microcode=213}}\n{dates}\n\
         [[guests]]\nname = \"simulated guest\"\nvcpus = 2\nmeasurement = \"{}\"\n{dates}\n\
         [[policies]]\nsha256 = \"{}\"\n{dates}\n\
         [[agents]]\nname = \"test\"\nimage = \"{}\"\n{dates}\n",
        BASE64.encode(vendor.ark()),
        BASE64.encode(vendor.ask()),
        BASE64.encode(vendor.revocation_list(now(), &[]).unwrap()),
        hex::encode(simvendor::measurement(2, "")),
        policy_digest(),
        agent(),
    )
}

/// A folder of a broker, gone with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("cdvm-kbs-{}-{number}", std::process::id()));
        std::fs::create_dir_all(path.join("grants")).unwrap();
        let folder = Self(path);
        std::fs::write(folder.path("trust.toml"), trust_file()).unwrap();
        std::fs::write(
            folder.path("terms.json"),
            serde_json::to_vec(&guest::terms()).unwrap(),
        )
        .unwrap();
        std::fs::write(folder.path("secret"), SECRET).unwrap();
        folder.must(&["new-master-key", folder.path("master").to_str().unwrap()]);
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cdvm-kbs"));
        command
            .env_clear()
            .env("CDVM_KBS_STATE", self.path("state"))
            .env("CDVM_KBS_GRANTS", self.path("grants"))
            .env("CDVM_KBS_MASTER_KEY", self.path("master"));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// What a command that must succeed prints.
    pub(crate) fn must(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a command that must fail says.
    pub(crate) fn must_not(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// The secret and a grant for it, as an owner makes them.
    pub(crate) fn grant(&self, name: &str, runs: &str) {
        self.must(&["put", RESOURCE, &self.text("secret")]);
        let (terms, agent) = (self.text("terms.json"), agent().to_string());
        let arguments = [
            "grant",
            name,
            RESOURCE,
            "--terms",
            &terms,
            "--agent",
            &agent,
            "--customer",
            "any",
            "--runs",
            runs,
            "--until",
            "never",
            "--from",
            "2020-01-01",
        ];
        self.must(&arguments);
    }

    pub(crate) fn start(&self) -> Broker {
        self.start_with(&["--insecure-http-on-loopback"])
    }

    pub(crate) fn start_with(&self, more: &[&str]) -> Broker {
        let mut child = self
            .command()
            .args(["serve", "--listen", "127.0.0.1:0", "--trust-file"])
            .arg(self.path("trust.toml"))
            .arg("--accept-simulated-evidence-nothing-is-confidential")
            .args(more)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let address = loop {
            let line = lines
                .next()
                .unwrap_or_else(|| panic!("it ended: {said:?}"))
                .unwrap();
            let line = line
                .replace("\u{1b}[3m", "")
                .replace("\u{1b}[0m", "")
                .replace("\u{1b}[2m", "");
            said.push(line.clone());
            if let Some((_, rest)) = line.split_once("address=") {
                break rest.split(' ').next().unwrap().to_owned();
            }
        };
        // What else it says must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Broker {
            child,
            address,
            said,
        }
    }

    pub(crate) fn log(&self) -> Vec<serde_json::Value> {
        let text = self.must(&["log", "--json"]);
        let read =
            |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["line"].take();
        text.lines().map(read).collect()
    }

    pub(crate) fn events(&self, event: &str) -> Vec<serde_json::Value> {
        self.log()
            .into_iter()
            .filter(|line| line["event"] == event)
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A broker that runs; ended with the value.
pub(crate) struct Broker {
    child: Child,
    pub(crate) address: String,
    pub(crate) said: Vec<String>,
}

impl Broker {
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bytes of memory it holds (VmRSS, proc(5)).
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// As `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// As it is told to stop.
    pub(crate) fn stop(mut self) {
        let pid = self.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < end, "{what}: not within 30 s");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Whether a folder holds a text in any file.
pub(crate) fn holds(folder: &Path, text: &str) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            return holds(&path, text);
        }
        let bytes = std::fs::read(path).unwrap();
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}
