//! What a runtime class's configuration says of the guests it starts, as far as
//! it is measured (`newQemuHypervisorConfig` and `updateRuntimeConfigAgent` of
//! Kata's `src/runtime/pkg/katautils/config.go`). Pure.

use super::settings::{Found, Settings};
use crate::exit::Problem;

const QEMU: &str = "hypervisor.qemu";

/// The port of the agent's debug console
/// (`kernelParamDebugConsoleVPortValue` of `virtcontainers/kata_agent.go`).
const CONSOLE_PORT: &str = "agent.debug_console_vport=1026";

/// One runtime class.
#[expect(
    clippy::struct_excessive_bools,
    reason = "flags, as they are configured"
)]
#[derive(Clone, Debug, PartialEq)]
pub(in crate::measure) struct Class {
    /// Path of the firmware.
    pub(in crate::measure) firmware: Found<String>,
    /// Path of the kernel.
    pub(in crate::measure) kernel: Found<String>,
    /// Where the root file system is.
    pub(in crate::measure) root: Root,
    pub(in crate::measure) confidential: bool,
    pub(in crate::measure) snp: bool,
    /// The pod's limits size the guest before it starts.
    pub(in crate::measure) sized_by_pod: bool,
    /// One vCPU beside those the pod asks for.
    pub(in crate::measure) one_more_vcpu: bool,
    /// As it is written, with its origin.
    pub(in crate::measure) kernel_params: Found<String>,
    /// Whether SELinux is on in the guest.
    pub(super) guest_selinux: Found<bool>,
    /// Flags: where they are turned on.
    pub(super) debug: Option<String>,
    pub(super) legacy_serial: Option<String>,
    pub(super) iommu: Option<String>,
    pub(super) scsi: Option<String>,
    pub(super) nvdimm_off: bool,
    /// In Kata's order.
    pub(super) agent: Vec<AgentSetting>,
    pub(super) extensions: Vec<Extension>,
}

/// What the guest starts from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::measure) enum Root {
    /// A file system in memory.
    Initrd(Found<String>),
    /// A disk.
    Image {
        path: Found<String>,
        /// `ext4`, `xfs`, `erofs`.
        kind: String,
        /// `kernel_verity_params`, if there are any.
        verity: Option<String>,
    },
}

/// Words for the agent from one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AgentSetting {
    pub(super) key: &'static str,
    pub(super) texts: Vec<String>,
    pub(super) origin: String,
}

/// One of `guest_extension_images`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Extension {
    pub(super) name: String,
    pub(super) verity: String,
}

impl Class {
    /// Reads it.
    ///
    /// # Errors
    /// When Kata would start no guest with it, or one that is not measured as
    /// this program does.
    pub(super) fn read(settings: &Settings) -> Result<Self, Problem> {
        let kinds: Vec<&str> = settings.kinds("hypervisor").collect();
        if kinds != ["qemu"] {
            return Err(unsupported(&format!(
                "its hypervisors are {kinds:?}, not QEMU alone"
            )));
        }
        if settings.length(QEMU, "pflashes")? > 0 {
            return Err(unsupported("pflashes names firmware beside `firmware`"));
        }
        if !settings.text(QEMU, "firmware_volume")?.value.is_empty() {
            return Err(unsupported(
                "firmware_volume names a second part of the firmware",
            ));
        }
        let driver = settings.text(QEMU, "block_device_driver")?;
        // Kata's own default is virtio-scsi (`config-settings.go.in`).
        let scsi = matches!(driver.value.as_str(), "" | "virtio-scsi");
        let no_selinux = settings.flag(QEMU, "disable_guest_selinux")?;
        Ok(Self {
            firmware: settings.text(QEMU, "firmware")?,
            kernel: settings.text(QEMU, "kernel")?,
            root: root(settings)?,
            confidential: settings.flag(QEMU, "confidential_guest")?.value,
            snp: settings.flag(QEMU, "sev_snp_guest")?.value,
            sized_by_pod: settings
                .flag("runtime", "static_sandbox_resource_mgmt")?
                .value,
            one_more_vcpu: settings.is_one(QEMU, "default_vcpus")?,
            kernel_params: settings.text(QEMU, "kernel_params")?,
            guest_selinux: Found {
                value: !no_selinux.value,
                origin: no_selinux.origin,
            },
            debug: settings.on(QEMU, "enable_debug")?,
            legacy_serial: settings.on(QEMU, "use_legacy_serial")?,
            iommu: settings.on(QEMU, "enable_iommu")?,
            scsi: scsi.then_some(driver.origin),
            nvdimm_off: settings.flag(QEMU, "disable_image_nvdimm")?.value,
            agent: agent(settings)?,
            extensions: extensions(settings)?,
        })
    }
}

fn root(settings: &Settings) -> Result<Root, Problem> {
    let image = settings.text(QEMU, "image")?;
    let initrd = settings.text(QEMU, "initrd")?;
    match (image.value.is_empty(), initrd.value.is_empty()) {
        (true, false) => Ok(Root::Initrd(initrd)),
        (false, true) => {
            let kind = settings.text(QEMU, "rootfs_type")?.value;
            let verity = settings.text(QEMU, "kernel_verity_params")?.value;
            Ok(Root::Image {
                path: image,
                // `GetKernelRootParams`: ext4 by default.
                kind: if kind.is_empty() {
                    "ext4".to_owned()
                } else {
                    kind
                },
                verity: (!verity.trim().is_empty()).then_some(verity),
            })
        }
        (true, true) => Err(unsupported("it has neither image nor initrd")),
        (false, false) => Err(unsupported("it has both image and initrd")),
    }
}

/// `KataAgentKernelParams` of `virtcontainers/kata_agent.go`.
fn agent(settings: &Settings) -> Result<Vec<AgentSetting>, Problem> {
    let kinds: Vec<&str> = settings.kinds("agent").collect();
    let kind = match kinds[..] {
        [] => return Ok(Vec::new()),
        [kind] => kind,
        _ => return Err(unsupported(&format!("it has several agents: {kinds:?}"))),
    };
    let table = format!("agent.{kind}");
    let mut words = Vec::new();
    let flags: [(&'static str, &[&str]); 3] = [
        ("enable_debug", &["agent.log=debug"]),
        ("enable_tracing", &["agent.trace=true"]),
        (
            "debug_console_enabled",
            &["agent.debug_console", CONSOLE_PORT],
        ),
    ];
    for (key, texts) in flags {
        if let Some(origin) = settings.on(&table, key)? {
            let texts = texts.iter().map(|text| (*text).to_owned()).collect();
            words.push(AgentSetting { key, texts, origin });
        }
    }
    for key in ["cdh_api_timeout", "launch_process_timeout"] {
        let Found { value, origin } = settings.number(&table, key)?;
        if value > 0 {
            let texts = vec![format!("agent.{key}={value}")];
            words.push(AgentSetting { key, texts, origin });
        }
    }
    if let Some(origin) = settings.on(&table, "visible_cdi_devices")? {
        words.push(AgentSetting {
            key: "visible_cdi_devices",
            texts: vec!["agent.visible_cdi_devices=true".to_owned()],
            origin,
        });
    }
    Ok(words)
}

/// `toGuestExtensionImages`: names that cannot break a line, and verity
/// parameters that are some.
fn extensions(settings: &Settings) -> Result<Vec<Extension>, Problem> {
    let mut extensions = Vec::new();
    for table in settings.list(QEMU, "guest_extension_images")? {
        let text = |key: &str| {
            table
                .get(key)
                .and_then(toml::Value::as_str)
                .unwrap_or_default()
        };
        let (name, verity) = (text("name"), text("verity_params"));
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if name.is_empty() || !name.bytes().all(plain) {
            return Err(unsupported(&format!(
                "guest_extension_images has the name {name:?}"
            )));
        }
        super::verity::parse(verity)?;
        extensions.push(Extension {
            name: name.to_owned(),
            verity: verity.to_owned(),
        });
    }
    Ok(extensions)
}

fn unsupported(what: &str) -> Problem {
    Problem::usage(
        format!("this configuration cannot be measured: {what}"),
        "name another class with --class, or give firmware, kernel and command line one by one",
    )
}
