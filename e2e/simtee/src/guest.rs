//! The guest: what it was launched with, what it decides about every request as the
//! agent of a confidential machine does, and its evidence.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use simvendor::{Chip, Fields};

use crate::cdh::{Broker, random};
use crate::image::ImagePolicy;
use crate::initdata::InitData;
use crate::machine;
use crate::policy::Policy;

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
    init_data: String,
    host_data: [u8; 32],
    broker: Option<Broker>,
    /// Of this one machine, in all its reports; the firmware makes it when it starts.
    report_id: [u8; 32],
    images: ImagePolicy,
    chip: Chip,
    policy: Mutex<Policy>,
}

impl Guest {
    /// Boots a machine whose keys lie in `machine`.
    pub(crate) fn boot(launch: Launch, machine: &Path) -> Result<Self> {
        let init_data = launch
            .init_data
            .as_deref()
            .map(InitData::decode)
            .transpose()?;
        let (host_data, text, policy, cdh, broker) = match init_data {
            Some(data) => {
                let broker = Broker::of(data.aa.as_deref(), data.cdh.as_deref())?;
                (data.host_data, data.text, data.policy, data.cdh, broker)
            }
            None => ([0; 32], String::new(), None, None, None),
        };
        Ok(Self {
            launch,
            init_data: text,
            host_data,
            broker,
            report_id: random()?,
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

    /// The text it was started with.
    pub(crate) fn init_data(&self) -> &str {
        &self.init_data
    }

    /// The key broker its init data name.
    pub(crate) const fn broker(&self) -> Option<&Broker> {
        self.broker.as_ref()
    }

    /// Signed evidence over `data`, as the guest components print it.
    pub(crate) fn evidence(&self, data: [u8; 64]) -> Result<Value> {
        let fields = Fields {
            policy: GUEST_POLICY | if self.launch.debug { DEBUG } else { 0 },
            report_data: data,
            host_data: self.host_data,
            report_id: self.report_id,
            measurement: simvendor::measurement(self.launch.vcpus, &self.launch.kernel_params),
            ..Fields::new(&self.chip)
        };
        let report = fields.sign(&self.chip).context("failed to sign a report")?;
        Ok(simvendor::guest_components_json(&report, &self.chip))
    }

    /// Decides about one request.
    pub(crate) fn decide(&self, name: &str, body: &Value) -> Result<()> {
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
