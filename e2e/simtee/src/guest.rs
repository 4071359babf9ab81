//! The guest half: first process of a sandbox, in the pod's network namespace.
//! It decides about every request as the agent of a confidential machine does,
//! and serves the guest components' API. It ends when the sandbox ends.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use simvendor::{Chip, Fields};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use crate::image::ImagePolicy;
use crate::initdata::InitData;
use crate::policy::Policy;
use crate::{api, machine};

/// Guest policy of Kata's class: SMT allowed, no debug, no migration.
const GUEST_POLICY: u64 = 0x30000;
const DEBUG: u64 = 1 << 19;

/// What the host launched this machine with.
#[derive(Serialize, Deserialize)]
pub(crate) struct Launch {
    /// The annotation's value.
    pub(crate) init_data: Option<String>,
    /// Number of vCPUs: measured.
    pub(crate) vcpus: u32,
    /// Added to the kernel's command line: measured.
    pub(crate) kernel_params: String,
    /// Whether the host may debug: in the guest policy, and so in every report.
    pub(crate) debug: bool,
}

/// A running machine.
pub(crate) struct Guest {
    launch: Launch,
    host_data: [u8; 32],
    images: ImagePolicy,
    chip: Chip,
    policy: Mutex<Policy>,
}

impl Guest {
    fn boot(launch: Launch, machine: &Path) -> Result<Self> {
        let init_data = launch
            .init_data
            .as_deref()
            .map(InitData::decode)
            .transpose()?;
        let (host_data, policy, cdh) = match init_data {
            Some(data) => (data.host_data, data.policy, data.cdh),
            None => ([0; 32], None, None),
        };
        Ok(Self {
            launch,
            host_data,
            images: ImagePolicy::parse(cdh.as_deref())?,
            chip: machine::chip(machine)?,
            policy: Mutex::new(Policy::load(policy)?),
        })
    }

    /// Whether the whole API is on, or resources only: a kernel parameter.
    pub(crate) fn attestation_enabled(&self) -> bool {
        let mut words = self.launch.kernel_params.split_ascii_whitespace();
        words.any(|word| word == "agent.guest_components_rest_api=all")
    }

    /// Signed evidence over `data`, as the guest components print it.
    pub(crate) fn evidence(&self, data: [u8; 64]) -> Result<Value> {
        let fields = Fields {
            policy: GUEST_POLICY | if self.launch.debug { DEBUG } else { 0 },
            report_data: data,
            host_data: self.host_data,
            measurement: simvendor::measurement(self.launch.vcpus, &self.launch.kernel_params),
            ..Fields::new(&self.chip)
        };
        let report = fields.sign(&self.chip).context("failed to sign a report")?;
        Ok(simvendor::guest_components_json(&report, &self.chip))
    }

    /// Decides about one request.
    fn decide(&self, name: &str, body: &Value) -> Result<()> {
        // A poisoned lock holds a policy whose state is whole: it is only
        // replaced, never changed in place.
        let mut policy = self.policy.lock().unwrap_or_else(PoisonError::into_inner);
        policy.require(name, body)?;
        if name != "CreateContainerRequest" {
            return Ok(());
        }
        let storages = body.get("storages").and_then(Value::as_array);
        for storage in storages.into_iter().flatten() {
            let text = |name: &str| storage.get(name).and_then(Value::as_str);
            // The sandbox's image is the guest's own; every other is pulled.
            if text("driver") == Some("image_guest_pull") && text("source") != Some("pause") {
                self.images.require(text("source").unwrap_or_default())?;
            }
        }
        Ok(())
    }
}

/// Runs the guest until the sandbox ends.
pub(crate) fn run() -> Result<()> {
    let launch = std::fs::read_to_string("/state/launch.json")
        .context("failed to read what this machine was launched with")?;
    let launch = serde_json::from_str(&launch)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to start the runtime")?;
    match Guest::boot(launch, Path::new("/machine")) {
        Ok(guest) => runtime.block_on(serve(Arc::new(guest))),
        // A machine that does not boot answers nothing: its sandbox fails.
        Err(error) => {
            std::fs::write("/state/failure", format!("{error:#}"))?;
            Err(error)
        }
    }
}

async fn serve(guest: Arc<Guest>) -> Result<()> {
    let api = TcpListener::bind("127.0.0.1:8006")
        .await
        .context("failed to serve the guest's API")?;
    tokio::spawn(api::serve(api, guest.clone()));
    let path = Path::new("/state/guest.sock");
    let socket = UnixListener::bind(path).context("failed to open the guest's socket")?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    loop {
        let (stream, _) = socket.accept().await?;
        let guest = guest.clone();
        tokio::spawn(async move {
            if let Err(error) = answer(stream, &guest).await {
                let _ = writeln!(std::io::stderr(), "simtee: {error:#}");
            }
        });
    }
}

async fn answer(stream: UnixStream, guest: &Guest) -> Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read).read_line(&mut line).await?;
    let request: Value = serde_json::from_str(&line)?;
    let name = request
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let body = request.get("body").unwrap_or(&Value::Null);
    let answer = match guest.decide(name, body) {
        Ok(()) => json!({}),
        Err(error) => json!({"refused": format!("{error:#}")}),
    };
    write.write_all(format!("{answer}\n").as_bytes()).await?;
    Ok(())
}
