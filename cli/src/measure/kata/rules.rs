//! The one table of what is known of Kata's releases: by which rule its Go
//! runtime composes a guest's command line, and where that was read. What is
//! not here is not guessed.
//!
//! Read in the sources of kata-containers/kata-containers at the commit beside
//! each release, below `src/runtime`: `kernelParameters` of
//! `virtcontainers/qemu.go`, `virtcontainers/qemu_amd64.go` and
//! `virtcontainers/qemu_arch_base.go`, `GetKernelRootParams` of
//! `virtcontainers/hypervisor.go`, `KataAgentKernelParams` of
//! `virtcontainers/kata_agent.go`, `SetKernelParams` and `decodeDropIns` of
//! `pkg/katautils/config.go`, `getKernelParams` of `pkg/katautils/create.go`,
//! `addHypervisorPathOverrides` of `pkg/oci/utils.go`. Parts that no release here
//! does in another way stand in `line`, not in this table.

/// What differs between releases.
#[expect(clippy::struct_excessive_bools, reason = "one yes or no per change")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// `nr_cpus=` stands in a confidential guest's line too.
    pub(super) counts_confidential: bool,
    /// A parameter of the pod removes those of the configuration with its name;
    /// before, it is only added.
    pub(super) pod_replaces: bool,
    /// `kernel_verity_params` makes `dm-mod.create`; before, the key is not known.
    pub(super) verity: bool,
    /// `agent.launch_process_timeout`; before, the key is not known.
    pub(super) launch_timeout: bool,
    /// `agent.visible_cdi_devices`; before, the key is not known.
    pub(super) cdi_devices: bool,
    /// `kata.extension.NAME.verity_params`; before, the key is not known.
    pub(super) extensions: bool,
}

/// From 3.20.0 on (older ones were not looked at).
const OLDEST: Rule = Rule {
    counts_confidential: true,
    pod_replaces: false,
    verity: false,
    launch_timeout: false,
    cdi_devices: false,
    extensions: false,
};

/// From 3.24.0 on: `pkg/oci/utils.go`.
const REPLACES: Rule = Rule {
    pod_replaces: true,
    ..OLDEST
};

/// From 3.27.0 on: `virtcontainers/hypervisor.go`.
const VERITY: Rule = Rule {
    verity: true,
    ..REPLACES
};

/// From 3.29.0 on: `virtcontainers/kata_agent.go`.
const LAUNCH_TIMEOUT: Rule = Rule {
    launch_timeout: true,
    ..VERITY
};

/// From 3.32.0 on: `virtcontainers/qemu.go`, `virtcontainers/kata_agent.go`.
const NO_COUNT: Rule = Rule {
    counts_confidential: false,
    cdi_devices: true,
    ..LAUNCH_TIMEOUT
};

/// From 4.0.0 on: `virtcontainers/qemu.go`.
const EXTENSIONS: Rule = Rule {
    extensions: true,
    ..NO_COUNT
};

/// One release whose sources were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Release {
    /// Its tag.
    pub(super) version: &'static str,
    /// The commit behind the tag.
    pub(super) commit: &'static str,
    /// How it composes.
    pub(super) rule: Rule,
}

const fn release(version: &'static str, commit: &'static str, rule: Rule) -> Release {
    Release {
        version,
        commit,
        rule,
    }
}

/// All that are known, the oldest first.
pub(super) const RELEASES: [Release; 15] = [
    release("3.20.0", "c980b6e191e1", OLDEST),
    release("3.21.0", "c2b06504916c", OLDEST),
    release("3.22.0", "a164693e1afe", OLDEST),
    release("3.23.0", "650ada7bcc8e", OLDEST),
    release("3.24.0", "c7d0c270ee7d", REPLACES),
    release("3.25.0", "17472f3f10c8", REPLACES),
    release("3.26.0", "b85393e70b04", REPLACES),
    release("3.27.0", "855f4dc7fac1", VERITY),
    release("3.28.0", "660e3bb6535b", VERITY),
    release("3.29.0", "8dccf4cf37ae", LAUNCH_TIMEOUT),
    release("3.30.0", "86e5975ad6a2", LAUNCH_TIMEOUT),
    release("3.31.0", "cec98e0d976b", LAUNCH_TIMEOUT),
    release("3.32.0", "337b60026814", NO_COUNT),
    release("4.0.0", "cf82bb35c803", EXTENSIONS),
    release("4.1.0", "ddcb1ad8d23c", EXTENSIONS),
];

/// What is known of a version.
pub(super) fn known(version: &str) -> Option<&'static Release> {
    RELEASES.iter().find(|release| release.version == version)
}

/// All versions, for whoever names another.
pub(super) fn versions() -> String {
    RELEASES.map(|release| release.version).join(", ")
}
