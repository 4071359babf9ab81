//! Guests of a runtime class, with everything they start with. The story: open
//! the [`release`](super::release), find its version among the
//! [`rules`], read the [`class`](super::class)'s configuration, and read the
//! files it names.

use anyhow::Result;
use job::Digest;

use super::class::{Class, Root};
use super::line::{self, Word};
use super::policy::{self, Policy};
use super::release::Release;
use super::rules::{self, Rule};
use super::settings::Settings;
use crate::args;
use crate::exit::Problem;
use crate::measure::limits::{MAX_FIRMWARE, MAX_INITRD, MAX_KERNEL};

/// QEMU's `-cpu` of SEV-SNP guests (`cpuModel` of
/// `src/runtime/virtcontainers/qemu_amd64.go`, the same in all known releases).
pub(in crate::measure) const VCPU_TYPE: &str = "EPYC-v4";

/// A file of the release.
pub(in crate::measure) struct File {
    /// What the configuration calls it.
    pub(super) path: String,
    pub(super) digest: Digest,
    pub(in crate::measure) bytes: Vec<u8>,
}

/// Guests of a runtime class.
pub(in crate::measure) struct Guests {
    class_name: String,
    version: String,
    pub(super) composed_as: &'static rules::Release,
    /// The configuration's files, in the order they were read.
    pub(super) settings: Vec<String>,
    pub(super) class: Class,
    pub(in crate::measure) firmware: File,
    pub(in crate::measure) kernel: File,
    pub(in crate::measure) initrd: Option<File>,
    policy: Policy,
}

impl Guests {
    /// Reads them.
    pub(in crate::measure) fn open(path: &std::path::Path, which: &args::OfKata) -> Result<Self> {
        let args::OfKata {
            class: class_name,
            force_kata_rule,
            explain: _,
        } = which;
        let release = Release::open(path)?;
        let version = release.version()?;
        let composed_as = rule(&version, force_kata_rule.as_deref())?;
        let (settings, class) = configuration(&release, class_name)?;
        require_measured(class_name, &class, composed_as.rule)?;
        let (initrd, not_read) = match &class.root {
            Root::Initrd(path) => (Some(&path.value), None),
            Root::Image { path, .. } => (
                None,
                Some(format!(
                    "{} is a disk; files in disks are not read",
                    path.value
                )),
            ),
        };
        let find = |key: &str, path: &str| -> Result<String> {
            release.resolve(path)?.ok_or_else(|| {
                let what = format!("the release has no {path:?}, which is its class's {key}");
                Problem::usage(what, "give the whole release").into()
            })
        };
        let firmware = find("firmware", &class.firmware.value)?;
        let kernel = find("kernel", &class.kernel.value)?;
        let initrd_path = initrd.map(|path| find("initrd", path)).transpose()?;
        let mut wanted = vec![
            (firmware.as_str(), MAX_FIRMWARE),
            (kernel.as_str(), MAX_KERNEL),
        ];
        wanted.extend(initrd_path.as_deref().map(|path| (path, MAX_INITRD)));
        let mut contents = release.read(&wanted)?;
        let mut file = |path: &str, real: &str| {
            let bytes = contents.remove(real).unwrap_or_default();
            File {
                path: path.to_owned(),
                digest: Digest::of(&bytes),
                bytes,
            }
        };
        let firmware = file(&class.firmware.value, &firmware);
        let kernel = file(&class.kernel.value, &kernel);
        let initrd = initrd
            .zip(initrd_path)
            .map(|(path, real)| file(path, &real));
        let policy = match (&initrd, not_read) {
            (Some(initrd), _) => policy::of_initrd(&initrd.bytes),
            (None, why) => Policy::NotRead(why.unwrap_or_default()),
        };
        if policy == Policy::IgnoresFailures {
            return Err(Problem::new(
                crate::exit::Exit::Usage,
                "the guest's default policy sets AllowRequestsFailingPolicy",
                "It sticks: no later policy takes it back, and the guest refuses nothing its host asks for",
                "do not trust this guest; take an image whose default policy does not set it",
            )
            .into());
        }
        Ok(Self {
            class_name: class_name.clone(),
            version,
            composed_as,
            settings,
            class,
            firmware,
            kernel,
            initrd,
            policy,
        })
    }

    /// The command line of a guest with so many vCPUs.
    pub(in crate::measure) fn line(&self, vcpus: u16) -> Result<Vec<Word>, Problem> {
        line::compose(&self.class, self.composed_as.rule, vcpus)
    }

    /// A name for entries.
    pub(in crate::measure) fn name(&self) -> String {
        format!("Kata {} {}", self.version, self.class_name)
    }

    /// What is to be known about them beside their measurement.
    pub(in crate::measure) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        if self.version != self.composed_as.version {
            remarks.push(format!(
                "Composed as Kata {} does, because you said so; whether {} does the same is not known",
                self.composed_as.version, self.version
            ));
        }
        remarks.push(match &self.policy {
            Policy::Fine(digest) => format!(
                "The guest's default policy ({digest}) does not set AllowRequestsFailingPolicy, which would stick"
            ),
            Policy::NotRead(why) => format!(
                "The guest's default policy was not read ({why}). The measurement vouches for it: see that it does \
                 not set AllowRequestsFailingPolicy, which sticks"
            ),
            // Refused in `open`.
            Policy::IgnoresFailures => String::new(),
        });
        if let Root::Image { path, .. } = &self.class.root {
            remarks.push(format!(
                "{} itself was not read: the root hash in the command line stands for it",
                path.value
            ));
        }
        remarks.push(
            "A host in FIPS mode adds fips=1 to the line; such a guest has another measurement"
                .to_owned(),
        );
        remarks
    }
}

fn rule(version: &str, forced: Option<&str>) -> Result<&'static rules::Release, Problem> {
    if let Some(forced) = forced {
        return rules::known(forced).ok_or_else(|| {
            let what = format!("--force-kata-rule {forced:?} names no release that is known");
            Problem::usage(what, format!("name one of {}", rules::versions()))
        });
    }
    rules::known(version).ok_or_else(|| {
        Problem::new(
            crate::exit::Exit::Usage,
            format!("how Kata {version:?} composes a guest's command line is not known to this version of cdvm"),
            "A guess would be a measurement of something else",
            format!(
                "update cdvm, or name a release that composes in the same way with --force-kata-rule: {}",
                rules::versions()
            ),
        )
    })
}

/// The class's configuration with its drop-ins: where `kata-deploy` puts an
/// installed class's own (`runtimes/SHIM`), or as it was released. Go's runtime
/// reads all files of `config.d` beside the file that links lead to.
fn configuration(release: &Release, class: &str) -> Result<(Vec<String>, Class)> {
    let shim = class.strip_prefix("kata-").unwrap_or(class);
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if shim.is_empty() || !shim.bytes().all(plain) || shim.ends_with("-runtime-rs") {
        return Err(Problem::usage(
            format!("--class {class:?} is no class of Kata's Go runtime"),
            "name a class such as kata-qemu-snp; how the runtime in Rust (-runtime-rs) composes is not known here",
        )
        .into());
    }
    let folder = "/opt/kata/share/defaults/kata-containers";
    let installed = format!("{folder}/runtimes/{shim}/configuration-{shim}.toml");
    let released = format!("{folder}/configuration-{shim}.toml");
    let found = match release.resolve(&installed)? {
        Some(real) => Some(real),
        None => release.resolve(&released)?,
    };
    let Some(real) = found else {
        return Err(Problem::usage(
            format!("the release has no configuration of the class {class:?} ({released})"),
            "give a release with Kata's Go runtime (kata-go-static… where there are two), or another --class",
        )
        .into());
    };
    let mut settings = Settings::default();
    let mut read = Vec::new();
    let mut add = |real: &str, name: &str| -> Result<()> {
        let text = release.small(real)?;
        settings.add(name, &text)?;
        read.push(format!("{real} (SHA-256 {})", Digest::of(text.as_bytes())));
        Ok(())
    };
    let (beside, name) = real.rsplit_once('/').unwrap_or_default();
    add(&real, name)?;
    if let Some(folder) = release.resolve(&format!("{beside}/config.d"))? {
        for name in release.names(&folder)? {
            let path = format!("{folder}/{name}");
            let real = release.resolve(&path)?.unwrap_or(path);
            add(&real, &format!("config.d/{name}"))?;
        }
    }
    let class = Class::read(&settings)?;
    Ok((read, class))
}

/// Only what SEV-SNP measures, and what the number in an offer decides.
fn require_measured(name: &str, class: &Class, rule: Rule) -> Result<(), Problem> {
    let refused = |what: &str, meaning: &str| {
        Err(Problem::new(
            crate::exit::Exit::Usage,
            format!("guests of {name} {what}"),
            meaning,
            "name another class with --class, or correct its configuration",
        ))
    };
    if !class.confidential || !class.snp {
        return refused(
            "are not for SEV-SNP",
            "confidential_guest and sev_snp_guest are not both true, so no hardware measures them",
        );
    }
    if !class.sized_by_pod {
        return refused(
            "do not have as many vCPUs as an offer says",
            "static_sandbox_resource_mgmt is not true: the pod's limits come too late",
        );
    }
    if !class.one_more_vcpu {
        return refused(
            "have more vCPUs than an offer says",
            "default_vcpus is not 1, which the operator counts on",
        );
    }
    if let Root::Image { path, verity, .. } = &class.root {
        // Older releases have the root hash among the kernel's parameters.
        let measured = match verity {
            Some(_) => rule.verity,
            None => !rule.verity && class.kernel_params.value.contains("rootfs_verity.hash="),
        };
        if !measured {
            return refused(
                "have a root file system that nothing measures",
                &format!(
                    "{} has no kernel_verity_params: its host may change every file in it",
                    path.value
                ),
            );
        }
    }
    Ok(())
}
