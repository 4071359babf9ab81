//! What a TD's evidence must say. As [`crate::Expected`]: no field is optional,
//! nothing has a default, and whoever accepts more writes `Any`.

use core::fmt;

use super::Root;
use crate::{Accept, Flag};

/// Everything a quote must say to be accepted.
///
/// Two things are not asked for because nothing else is ever accepted: the TD
/// cannot be migrated, and the host cannot provoke exceptions by taking pages
/// away (SEPT_VE_DISABLE).
#[derive(Clone, Debug)]
pub struct Expected {
    /// The root of trust. Evidence and collateral under any other are refused.
    pub root: Root,
    /// How old collateral may be, within its own dates. The root's list, made once
    /// a year, is held to its dates only.
    pub collateral_age: CollateralAge,
    /// Lowest acceptable status of the TCB, converged over platform, TDX module
    /// and quoting enclave, at the TD's launch and now.
    pub tcb_floor: TcbStatus,
    /// Security advisories that may apply.
    pub advisories: Advisories,
    /// Lowest acceptable number of the TCB evaluation the collateral was made for
    /// (`tcbEvaluationDataNumber`): it rises with each of Intel's TCB recoveries.
    pub evaluation_minimum: u32,
    /// Kind of the platform (6 bytes, from the PCK's certificate).
    pub fmspc: Accept<[u8; 6]>,
    /// The platform (16 bytes, from the PCK's certificate).
    pub platform: Accept<[u8; 16]>,
    /// PCK's certificate: simultaneous multithreading is on. A certificate that
    /// does not say is accepted by [`Flag::Any`] only; so with the next two.
    pub platform_smt: Flag,
    /// PCK's certificate: packages can be added to the platform.
    pub platform_dynamic: Flag,
    /// PCK's certificate: Intel keeps the platform's root keys.
    pub platform_cached_keys: Flag,
    /// MRSEAM: which TDX module.
    pub mr_seam: Accept<[u8; 48]>,
    /// MRSIGNERSEAM: who signed the module; zero for Intel.
    pub mr_signer_seam: Accept<[u8; 48]>,
    /// SEAMATTRIBUTES of the module.
    pub seam_attributes: Bits,
    /// Attribute bit 0: the host may read and change the TD.
    pub debug: Flag,
    /// Attribute bits 4 to 6: the host may profile the TD.
    pub profiling: Flag,
    /// Attribute bit 16 (ICSSD): the module resists single-stepping.
    pub single_step_defense: Flag,
    /// Attribute bit 17 (SERVTD_EXT): reports carry a digest about service TDs.
    pub service_td_extension: Flag,
    /// Attribute bit 27: linear address space separation.
    pub lass: Flag,
    /// Attribute bit 30: protection keys for supervisor pages.
    pub pks: Flag,
    /// Attribute bit 31: key locker.
    pub key_locker: Flag,
    /// Attribute bit 62 (TPA): the TD is a provisioning agent of TDX Connect.
    pub provisioning_agent: Flag,
    /// Attribute bit 63: performance counters.
    pub perfmon: Flag,
    /// XFAM: processor features the TD may use, bits as in XCR0 and IA32_XSS.
    pub xfam: Bits,
    /// Which partition of the TD asked.
    pub vm_index: VmIndex,
    /// MRSERVICETD: TDs that serve this one and so can reach into it. With an
    /// extended report also those bound after the TD was created.
    pub service_td: Bound,
    /// Devices the TD has taken into its trust.
    pub devices: Bound,
    /// MROWNER: whom the host named as the TD's owner.
    pub mr_owner: Accept<[u8; 48]>,
    /// MROWNERCONFIG: what the host named as its owner's configuration.
    pub mr_owner_config: Accept<[u8; 48]>,
    /// MRTD: launch measurement, which firmware.
    pub mr_td: Accept<[u8; 48]>,
    /// RTMR0: the firmware's configuration.
    pub rtmr0: Accept<[u8; 48]>,
    /// RTMR1: the kernel.
    pub rtmr1: Accept<[u8; 48]>,
    /// RTMR2: command line and initial file system.
    pub rtmr2: Accept<[u8; 48]>,
    /// RTMR3: what the guest's programs extend.
    pub rtmr3: Accept<[u8; 48]>,
    /// MRCONFIGID: the digest of the init data.
    pub mr_config_id: ConfigId,
    /// REPORTDATA (64 bytes): what the guest asked to be signed.
    pub report_data: [u8; 64],
}

/// How old collateral may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollateralAge {
    /// Each part was made at most this long ago.
    AtMost {
        /// Seconds since a part's `issueDate` or `thisUpdate`.
        secs: u64,
    },
    /// As old as its own dates allow, 30 days for Intel's. A decision, made by
    /// name: whoever hands over collateral may hold back the newest.
    Any,
}

/// Intel's word on a TCB, the worse ones first. That a level is revoked is no
/// status here, because nothing accepts it.
///
/// The order is ours: a TCB that lacks updates is worse than one that lacks a
/// relaunch of the TD, that is worse than one that lacks configuration of the
/// platform, and that is worse than one that lacks hardening of software.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TcbStatus {
    /// Updates and configuration are missing.
    OutOfDateConfigurationNeeded,
    /// Updates are missing.
    OutOfDate,
    /// As the next, and configuration is missing.
    TdRelaunchAdvisedConfigurationNeeded,
    /// The TD was launched before an update that is there now.
    TdRelaunchAdvised,
    /// Configuration of the platform and hardening of software are missing.
    ConfigurationAndSwHardeningNeeded,
    /// Configuration of the platform is missing.
    ConfigurationNeeded,
    /// Software in the TD must defend itself.
    SwHardeningNeeded,
    /// Nothing is missing.
    UpToDate,
}

impl TcbStatus {
    /// Every status, the worse ones first.
    pub const ALL: [Self; 8] = [
        Self::OutOfDateConfigurationNeeded,
        Self::OutOfDate,
        Self::TdRelaunchAdvisedConfigurationNeeded,
        Self::TdRelaunchAdvised,
        Self::ConfigurationAndSwHardeningNeeded,
        Self::ConfigurationNeeded,
        Self::SwHardeningNeeded,
        Self::UpToDate,
    ];
}

impl fmt::Display for TcbStatus {
    /// As Intel writes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfDateConfigurationNeeded => "OutOfDateConfigurationNeeded",
            Self::OutOfDate => "OutOfDate",
            Self::TdRelaunchAdvisedConfigurationNeeded => "TDRelaunchAdvisedConfigurationNeeded",
            Self::TdRelaunchAdvised => "TDRelaunchAdvised",
            Self::ConfigurationAndSwHardeningNeeded => "ConfigurationAndSWHardeningNeeded",
            Self::ConfigurationNeeded => "ConfigurationNeeded",
            Self::SwHardeningNeeded => "SWHardeningNeeded",
            Self::UpToDate => "UpToDate",
        })
    }
}

/// Which of Intel's security advisories may apply to the TCB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advisories {
    /// Only these (`INTEL-SA-01103`); an empty list accepts none.
    Only(Vec<String>),
    /// Whichever. A decision, made by name.
    Any,
}

impl Advisories {
    /// Whether `advisory` may apply.
    pub fn accepts(&self, advisory: &str) -> bool {
        match self {
            Self::Only(named) => named.iter().any(|named| named == advisory),
            Self::Any => true,
        }
    }
}

impl fmt::Display for Advisories {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Only(named) if named.is_empty() => f.write_str("none"),
            Self::Only(named) => write!(f, "none but {}", named.join(", ")),
            Self::Any => f.write_str("any"),
        }
    }
}

/// Acceptable values of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bits {
    /// Exactly these.
    Exactly(u64),
    /// Every bit of `required` and none outside `allowed`.
    Within {
        /// Bits that must be set.
        required: u64,
        /// Bits that may be set.
        allowed: u64,
    },
    /// Whichever. A decision, made by name.
    Any,
}

impl Bits {
    /// Whether `seen` is acceptable.
    pub const fn accepts(self, seen: u64) -> bool {
        match self {
            Self::Exactly(bits) => seen == bits,
            Self::Within { required, allowed } => {
                seen & required == required && seen & !allowed == 0
            }
            Self::Any => true,
        }
    }
}

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(bits) => write!(f, "0x{bits:x}"),
            Self::Within { required, allowed } => {
                write!(f, "all of 0x{required:x}, none but 0x{allowed:x}")
            }
            Self::Any => f.write_str("any"),
        }
    }
}

/// What may be bound to a TD and so share its trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Nothing: the field is zero, or the report has no such field. Intel's quoting
    /// enclave gives a report without it only to a TD that has nothing bound.
    Nothing,
    /// Exactly this digest. A report without the field is refused.
    Exactly([u8; 48]),
    /// Whatever it is. A decision, made by name.
    Any,
}

impl Bound {
    /// Whether `seen` is acceptable; `None` is a report without the field.
    pub fn accepts(&self, seen: Option<[u8; 48]>) -> bool {
        match self {
            Self::Nothing => seen.is_none_or(|digest| digest == [0; 48]),
            Self::Exactly(digest) => seen == Some(*digest),
            Self::Any => true,
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing bound"),
            Self::Exactly(digest) => f.write_str(&hex::encode(digest)),
            Self::Any => f.write_str("any"),
        }
    }
}

/// Which partition of a TD may ask for evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VmIndex {
    /// The one that controls the others, or a TD without partitions: index 0, or a
    /// report without the field, whose measurements are this one's.
    Controlling,
    /// Whichever. A decision, made by name.
    Any,
}

impl VmIndex {
    /// Whether `seen` is acceptable; `None` is a report without the field.
    pub fn accepts(self, seen: Option<u8>) -> bool {
        match self {
            Self::Controlling => seen.is_none_or(|index| index == 0),
            Self::Any => true,
        }
    }
}

impl fmt::Display for VmIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Controlling => "0",
            Self::Any => "any",
        })
    }
}

/// The 48 bytes of MRCONFIGID that a digest of init data becomes: cut, or
/// followed by zeroes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigId([u8; 48]);

impl ConfigId {
    /// From init data with `algorithm = "sha256"`: followed by 16 zeroes.
    pub const fn of_sha256(digest: [u8; 32]) -> Self {
        let mut out = [0; 48];
        let (start, _) = out.split_at_mut(32);
        start.copy_from_slice(&digest);
        Self(out)
    }

    /// From init data with `algorithm = "sha384"`: as it is.
    pub const fn of_sha384(digest: [u8; 48]) -> Self {
        Self(digest)
    }

    /// From init data with `algorithm = "sha512"`: its first 48 bytes.
    pub const fn of_sha512(digest: [u8; 64]) -> Self {
        let mut out = [0; 48];
        let (start, _) = digest.split_at(48);
        out.copy_from_slice(start);
        Self(out)
    }

    /// All 48 bytes.
    pub const fn bytes(self) -> [u8; 48] {
        self.0
    }
}
