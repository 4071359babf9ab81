//! The guest's kernel command line as Kata's Go runtime composes it on x86-64,
//! parameter by parameter, each with where it comes from. Pure. What differs
//! between releases stands in `rules`; files named here are below
//! `src/runtime` of Kata's sources.

use super::class::{Class, Root};
use super::rules::Rule;
use super::verity::{self, Verity};
use crate::exit::Problem;

/// The pod's own parameter: the operator gives every job this one, by the
/// annotation `io.katacontainers.config.hypervisor.kernel_params`, and the policy
/// holds pods to it.
pub(in crate::measure) const POD_PARAMETER: &str = "agent.guest_components_rest_api=all";

/// Parameters of every guest (`kernelParams` of `virtcontainers/qemu_amd64.go`).
const X86: [&str; 12] = [
    "tsc=reliable",
    "no_timer_check",
    "rcupdate.rcu_expedited=1",
    "i8042.direct=1",
    "i8042.dumbkbd=1",
    "i8042.nopnp=1",
    "i8042.noaux=1",
    "noreplace-smp",
    "reboot=k",
    "cryptomgr.notests",
    "net.ifnames=0",
    "pci=lastbus=0",
];

/// Where those are from.
const OF_X86: &str = "Kata, every x86-64 guest (qemu_amd64.go)";

/// Parameters of guests with an image (`systemdKernelParam` of
/// `pkg/katautils/create.go`).
const SYSTEMD: [&str; 3] = [
    "systemd.unit=kata-containers.target",
    "systemd.mask=systemd-networkd.service",
    "systemd.mask=systemd-networkd.socket",
];

/// One parameter and its origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::measure) struct Word {
    /// As it stands in the line; a value may hold spaces.
    pub(in crate::measure) text: String,
    /// Why it is there.
    pub(in crate::measure) origin: String,
}

impl Word {
    fn new(text: impl Into<String>, origin: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            origin: origin.into(),
        }
    }

    /// What stands before the first `=`.
    fn key(&self) -> &str {
        self.text.split('=').next().unwrap_or_default()
    }
}

/// The line of a guest with so many vCPUs.
///
/// # Errors
/// When Kata would not start such a guest, or the host decides a word of it.
pub(in crate::measure) fn compose(
    class: &Class,
    rule: Rule,
    vcpus: u16,
) -> Result<Vec<Word>, Problem> {
    let mut line: Vec<Word> = X86.iter().map(|text| Word::new(*text, OF_X86)).collect();
    if let Some(origin) = &class.iommu {
        line.push(Word::new("intel_iommu=on", origin));
        line.push(Word::new("iommu=pt", origin));
    }
    root(&mut line, class, rule)?;
    console(&mut line, class);
    debug(&mut line, class);
    line.push(Word::new("panic=1", "Kata, every guest (qemu.go)"));
    if rule.counts_confidential || !class.confidential {
        line.push(Word::new(
            format!("nr_cpus={vcpus}"),
            "the number of vCPUs (qemu.go; with static_sandbox_resource_mgmt)",
        ));
    }
    line.push(Word::new(
        if class.guest_selinux.value {
            "selinux=1"
        } else {
            "selinux=0"
        },
        &class.guest_selinux.origin,
    ));
    line.extend(from_configuration(class, rule)?);
    if rule.extensions {
        for extension in &class.extensions {
            let (name, params) = (&extension.name, &extension.verity);
            let equals = if params.is_empty() { "" } else { "=" };
            line.push(Word::new(
                format!("kata.extension.{name}.verity_params{equals}{params}"),
                "guest_extension_images",
            ));
        }
    }
    // TOML can write a line break, or the NUL at which QEMU would end the line.
    if let Some(word) = line
        .iter()
        .find(|word| word.text.contains(char::is_control))
    {
        return Err(Problem::usage(
            format!(
                "{:?} ({}) holds a control character",
                word.text, word.origin
            ),
            "take the configuration as it was released",
        ));
    }
    Ok(line)
}

/// A line as QEMU gets it.
pub(in crate::measure) fn text(line: &[Word]) -> String {
    let texts: Vec<&str> = line.iter().map(|word| word.text.as_str()).collect();
    texts.join(" ")
}

/// The root file system's words (`handleImagePath` of
/// `virtcontainers/qemu_arch_base.go`, `GetKernelRootParams`).
fn root(line: &mut Vec<Word>, class: &Class, rule: Rule) -> Result<(), Problem> {
    let Root::Image { kind, verity, .. } = &class.root else {
        return Ok(());
    };
    // A confidential guest has no NVDIMM; others have one unless it is off, with DAX.
    let disk = class.confidential || class.nvdimm_off;
    let verity = match verity {
        Some(params) if rule.verity => verity::parse(params)?,
        Some(_) | None => None,
    };
    let flags = match (kind.as_str(), verity.is_none() && !disk) {
        ("ext4", false) => "data=ordered,errors=remount-ro ro",
        ("ext4", true) => "dax,data=ordered,errors=remount-ro ro",
        ("erofs" | "xfs", false) => "ro",
        ("erofs" | "xfs", true) => "dax ro",
        (other, _) => {
            return Err(Problem::usage(
                format!("rootfs_type is {other:?}; Kata starts no guest with it"),
                "correct it: ext4, xfs or erofs",
            ));
        }
    };
    let device = if disk { "/dev/vda1" } else { "/dev/pmem0p1" };
    let place = "Kata, guests with an image (hypervisor.go)";
    match verity {
        Some(verity) => {
            let hashes = if disk { "/dev/vda2" } else { "/dev/pmem0p2" };
            let create = dm_create(&verity, device, hashes);
            line.push(Word::new(create, "kernel_verity_params (hypervisor.go)"));
            line.push(Word::new(
                "root=/dev/dm-0",
                "kernel_verity_params (hypervisor.go)",
            ));
        }
        None => line.push(Word::new(format!("root={device}"), place)),
    }
    line.push(Word::new(format!("rootflags={flags}"), place));
    line.push(Word::new(format!("rootfstype={kind}"), "rootfs_type"));
    Ok(())
}

fn dm_create(verity: &Verity, device: &str, hashes: &str) -> String {
    let Verity {
        root_hash,
        salt,
        data_blocks,
        data_block_size,
        hash_block_size,
        sectors,
    } = verity;
    format!(
        "dm-mod.create=\"dm-verity,,,ro,0 {sectors} verity 1 {device} {hashes} {data_block_size} \
         {hash_block_size} {data_blocks} 0 sha256 {root_hash} {salt}\""
    )
}

/// `appendConsole` of `virtcontainers/qemu_arch_base.go`.
fn console(line: &mut Vec<Word>, class: &Class) {
    match &class.legacy_serial {
        Some(origin) => line.push(Word::new("console=ttyS0", origin)),
        None => {
            for text in ["console=hvc0", "console=hvc1"] {
                line.push(Word::new(
                    text,
                    "Kata, guests without use_legacy_serial (qemu_arch_base.go)",
                ));
            }
        }
    }
}

/// `kernelParamsDebug` and its neighbours of `virtcontainers/qemu_arch_base.go`.
fn debug(line: &mut Vec<Word>, class: &Class) {
    let image = matches!(class.root, Root::Image { .. });
    let (texts, origin): (&[&str], &str) = match (&class.debug, image) {
        (Some(origin), true) => (
            &[
                "debug",
                "systemd.show_status=true",
                "systemd.log_level=debug",
            ],
            origin,
        ),
        (Some(origin), false) => (&["debug"], origin),
        (None, true) => (
            &["quiet", "systemd.show_status=false"],
            "Kata, guests without enable_debug (qemu_arch_base.go)",
        ),
        (None, false) => (
            &["quiet"],
            "Kata, guests without enable_debug (qemu_arch_base.go)",
        ),
    };
    line.extend(texts.iter().map(|text| Word::new(*text, origin)));
}

/// What `SetKernelParams` gathers, and what the pod's annotation does with it.
fn from_configuration(class: &Class, rule: Rule) -> Result<Vec<Word>, Problem> {
    let mut words = Vec::new();
    if matches!(class.root, Root::Image { .. }) {
        let origin = "Kata, guests with an image (create.go)";
        words.extend(SYSTEMD.iter().map(|text| Word::new(*text, origin)));
    }
    if let Some(origin) = &class.scsi {
        words.push(Word::new("scsi_mod.scan=none", origin));
    }
    for setting in &class.agent {
        let known = match setting.key {
            "launch_process_timeout" => rule.launch_timeout,
            "visible_cdi_devices" => rule.cdi_devices,
            _ => true,
        };
        if known {
            words.extend(
                setting
                    .texts
                    .iter()
                    .map(|text| Word::new(text, &setting.origin)),
            );
        }
    }
    for field in fields(&class.kernel_params.value) {
        // As `DeserializeParams` and `SerializeParams` take it apart and put it together.
        let text = match field.split_once('=') {
            Some(("", _)) => {
                return Err(Problem::usage(
                    format!(
                        "kernel_params has {field:?}, a parameter without a name: Kata starts no guest with it"
                    ),
                    "correct kernel_params",
                ));
            }
            Some((key, "")) => key,
            Some(_) | None => field,
        };
        words.push(Word::new(text, &class.kernel_params.origin));
    }
    let pod = Word::new(
        POD_PARAMETER,
        "this project's operator, by the pod's annotation kernel_params",
    );
    if rule.pod_replaces {
        words.retain(|word| word.key() != pod.key());
    }
    words.push(pod);
    Ok(words)
}

/// Splits at spaces outside of double quotes (`KernelParamFields`).
pub(in crate::measure) fn fields(text: &str) -> Vec<&str> {
    let mut quoted = false;
    let parts = text.split(|character: char| {
        quoted ^= character == '"';
        character == ' ' && !quoted
    });
    parts
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect()
}
