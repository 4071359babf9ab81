//! The attestation report: 1184 bytes, little-endian (AMD 56860, SEV-SNP
//! firmware ABI, table "ATTESTATION_REPORT").
//!
//! Parsing proves nothing but the form. The bytes are kept: the signature is
//! checked over exactly what was received.

use core::fmt;

use super::key_info::KeyInfo;
use crate::bytes::bytes_at;
use crate::check::Hex;
use crate::{Generation, Tcb};

/// Length of a report in bytes, signature included.
pub const REPORT_LEN: usize = 0x4a0;

/// The signed part ends here; the signature follows.
pub(super) const SIGNED_LEN: usize = 0x2a0;

/// R and S are stored in 72 bytes each, of which 48 carry the number.
const SCALAR_FIELD: usize = 72;
const SCALAR_LEN: usize = 48;

/// A report whose form is right. Its claims are unverified.
#[derive(Clone, PartialEq, Eq)]
pub struct Report {
    bytes: Box<[u8; REPORT_LEN]>,
    version: u32,
}

/// Why bytes are not a report.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// Wrong length.
    #[error("a report has {REPORT_LEN} bytes, this has {0}")]
    Length(usize),
    /// A version that no chip was sold with.
    #[error("there is no report version {0}")]
    Version(u32),
    /// A byte that is not zero, where the format has none and no signature reaches.
    #[error("byte 0x{0:x}, behind the signature, is not zero")]
    Reserved(usize),
}

/// Version of the firmware, as people write it: `1.55.29`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FirmwareVersion {
    /// Major number.
    pub major: u8,
    /// Minor number.
    pub minor: u8,
    /// Build number.
    pub build: u8,
}

impl fmt::Display for FirmwareVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.build)
    }
}

/// Which mitigations the firmware had, one bit each (version 5 and later).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MitigationVectors {
    /// When the guest was started.
    pub launch: u64,
    /// When the report was made.
    pub current: u64,
}

impl MitigationVectors {
    /// Whether every bit of `required` is set in both.
    pub const fn have_all(self, required: u64) -> bool {
        self.launch & self.current & required == required
    }
}

impl fmt::Display for MitigationVectors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:x} at launch, 0x{:x} now", self.launch, self.current)
    }
}

/// The TCBs of version 6 (AMD 56860, revision 1.59): 32 bytes each, whose parts have
/// no floor here. They are shown, and stand beside the TCBs that have one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtendedTcbs {
    /// What runs.
    pub current: [u8; 32],
    /// What the guest was started under.
    pub launch: [u8; 32],
    /// What the platform cannot be rolled back below.
    pub committed: [u8; 32],
}

impl fmt::Display for ExtendedTcbs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [current, launch, committed] =
            [&self.current, &self.launch, &self.committed].map(|tcb| Hex(tcb));
        write!(
            f,
            "{launch} at launch, {current} now, {committed} committed"
        )
    }
}

/// Which TCB of the platform a field describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TcbField {
    Current,
    Reported,
    Committed,
    Launch,
}

impl Report {
    /// Takes bytes for a report.
    ///
    /// # Errors
    /// When the length is wrong, the version is none, or what the signature does not
    /// cover is not empty. What it covers is judged when it was verified.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReportError> {
        let bytes: Box<[u8; REPORT_LEN]> = bytes
            .to_vec()
            .into_boxed_slice()
            .try_into()
            .map_err(|_| ReportError::Length(bytes.len()))?;
        let version = u32::from_le_bytes(bytes_at(&*bytes, 0x000));
        let report = Self { bytes, version };
        if version < 2 {
            return Err(ReportError::Version(version));
        }
        report.require_nothing_behind()?;
        Ok(report)
    }

    /// The two numbers of the signature are shorter than their fields, and both
    /// together than theirs (table "ECDSA P-384 with SHA-384 Signature").
    fn require_nothing_behind(&self) -> Result<(), ReportError> {
        let r = SIGNED_LEN;
        let empty = [
            r + SCALAR_LEN..r + SCALAR_FIELD,
            r + SCALAR_FIELD + SCALAR_LEN..REPORT_LEN,
        ];
        for range in empty {
            let start = range.start;
            let bytes = self.bytes.get(range).unwrap_or_default();
            if let Some(offset) = bytes.iter().position(|byte| *byte != 0) {
                return Err(ReportError::Reserved(start + offset));
            }
        }
        Ok(())
    }

    /// All 1184 bytes, as received.
    pub fn bytes(&self) -> &[u8; REPORT_LEN] {
        &self.bytes
    }

    /// The 672 bytes the signature is over. They identify the report; what
    /// follows them does not.
    pub fn signed_bytes(&self) -> &[u8] {
        self.bytes.get(..SIGNED_LEN).unwrap_or_default()
    }

    /// The signature as r ‖ s, 48 bytes big-endian each.
    pub fn signature(&self) -> [u8; 2 * SCALAR_LEN] {
        let mut r: [u8; SCALAR_LEN] = self.field(SIGNED_LEN);
        let mut s: [u8; SCALAR_LEN] = self.field(SIGNED_LEN + SCALAR_FIELD);
        r.reverse();
        s.reverse();
        let mut out = [0; 2 * SCALAR_LEN];
        let (left, right) = out.split_at_mut(SCALAR_LEN);
        left.copy_from_slice(&r);
        right.copy_from_slice(&s);
        out
    }

    /// Version of this format.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The guest's own security version, from its ID block.
    pub fn guest_svn(&self) -> u32 {
        u32::from_le_bytes(self.field(0x004))
    }

    /// Guest policy.
    pub fn policy(&self) -> u64 {
        u64::from_le_bytes(self.field(0x008))
    }

    /// Whether a bit of the guest policy is set.
    pub fn policy_bit(&self, bit: u32) -> bool {
        self.policy() >> bit & 1 == 1
    }

    /// Lowest firmware ABI the guest asked for: (major, minor).
    pub fn policy_abi(&self) -> (u8, u8) {
        let [minor, major, ..] = self.policy().to_le_bytes();
        (major, minor)
    }

    /// Family id of the ID block.
    pub fn family_id(&self) -> [u8; 16] {
        self.field(0x010)
    }

    /// Image id of the ID block.
    pub fn image_id(&self) -> [u8; 16] {
        self.field(0x020)
    }

    /// Privilege level the report was asked from.
    pub fn vmpl(&self) -> u32 {
        u32::from_le_bytes(self.field(0x030))
    }

    /// Signature algorithm; 1 is ECDSA P-384 with SHA-384.
    pub fn signature_algorithm(&self) -> u32 {
        u32::from_le_bytes(self.field(0x034))
    }

    /// Platform info.
    pub fn platform_info(&self) -> u64 {
        u64::from_le_bytes(self.field(0x040))
    }

    /// Whether a bit of the platform info is set.
    pub fn platform_bit(&self, bit: u32) -> bool {
        self.platform_info() >> bit & 1 == 1
    }

    /// Which key signed, as the report says.
    pub fn key_info(&self) -> KeyInfo {
        KeyInfo(u32::from_le_bytes(self.field(0x048)))
    }

    /// What the guest asked to be signed.
    pub fn report_data(&self) -> [u8; 64] {
        self.field(0x050)
    }

    /// Launch measurement.
    pub fn measurement(&self) -> [u8; 48] {
        self.field(0x090)
    }

    /// What the host gave at launch: the digest of the init data.
    pub fn host_data(&self) -> [u8; 32] {
        self.field(0x0c0)
    }

    /// Digest of the key that signed the ID block.
    pub fn id_key_digest(&self) -> [u8; 48] {
        self.field(0x0e0)
    }

    /// Digest of the key that endorsed the ID key.
    pub fn author_key_digest(&self) -> [u8; 48] {
        self.field(0x110)
    }

    /// Report id of this guest instance.
    pub fn report_id(&self) -> [u8; 32] {
        self.field(0x140)
    }

    /// Report id of the migration agent.
    pub fn report_id_ma(&self) -> [u8; 32] {
        self.field(0x160)
    }

    /// CPUID family and model; none before version 3.
    pub fn cpuid(&self) -> Option<(u8, u8)> {
        let [family, model, _step]: [u8; 3] = self.field(0x188);
        (self.version >= 3).then_some((family, model))
    }

    /// The chip.
    pub fn chip_id(&self) -> [u8; 64] {
        self.field(0x1a0)
    }

    /// Version of the firmware that runs.
    pub fn firmware(&self) -> FirmwareVersion {
        let [build, minor, major] = self.field(0x1e8);
        FirmwareVersion {
            major,
            minor,
            build,
        }
    }

    /// Mitigations at launch and now; none before version 5.
    pub fn mitigations(&self) -> Option<MitigationVectors> {
        let vectors = MitigationVectors {
            launch: u64::from_le_bytes(self.field(0x1f8)),
            current: u64::from_le_bytes(self.field(0x200)),
        };
        (self.version >= 5).then_some(vectors)
    }

    /// The extended TCBs; none before version 6.
    pub fn extended_tcbs(&self) -> Option<ExtendedTcbs> {
        let extended = ExtendedTcbs {
            current: self.field(0x220),
            launch: self.field(0x240),
            committed: self.field(0x260),
        };
        (self.version >= 6).then_some(extended)
    }

    /// What is known of a TCB field.
    pub(crate) fn tcb(&self, generation: Generation, field: TcbField) -> Tcb {
        Tcb::known(generation, self.tcb_bytes(field))
    }

    /// A TCB field.
    pub(super) fn tcb_bytes(&self, field: TcbField) -> [u8; 8] {
        self.field(match field {
            TcbField::Current => 0x038,
            TcbField::Reported => 0x180,
            TcbField::Committed => 0x1e0,
            TcbField::Launch => 0x1f0,
        })
    }

    /// `N` bytes at a fixed offset.
    fn field<const N: usize>(&self, at: usize) -> [u8; N] {
        bytes_at(&*self.bytes, at)
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("version", &self.version)
            .field("measurement", &hex::encode(self.measurement()))
            .field("host_data", &hex::encode(self.host_data()))
            .field("report_data", &hex::encode(self.report_data()))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::{REPORT_LEN, Report, ReportError};

    fn real() -> Vec<u8> {
        let text = include_str!("../../tests/vectors/milan-v2-report.hex");
        hex::decode(text.trim()).unwrap()
    }

    #[test]
    fn the_real_report_is_read_as_its_vendor_wrote_it() {
        let report = Report::parse(&real()).unwrap();
        assert_eq!(report.version(), 2);
        assert_eq!(report.policy(), 0x30000);
        assert_eq!(report.signature_algorithm(), 1);
        assert_eq!(report.cpuid(), None);
        assert_eq!(report.bytes().as_slice(), real());
        let text = format!("{report:?}");
        assert!(
            text.starts_with("Report { version: 2, measurement: "),
            "{text}"
        );
    }

    #[test]
    fn a_wrong_length_is_refused() {
        for len in [0, 1, REPORT_LEN - 1, REPORT_LEN + 1] {
            let bytes = vec![0; len];
            assert_eq!(Report::parse(&bytes), Err(ReportError::Length(len)));
        }
    }

    #[test]
    fn a_version_that_no_chip_was_sold_with_is_no_report() {
        for version in [0, 1] {
            let mut bytes = real();
            bytes[0] = version;
            let none = Err(ReportError::Version(version.into()));
            assert_eq!(Report::parse(&bytes), none);
        }
    }

    #[test]
    fn what_no_signature_covers_must_be_empty() {
        for at in (0x2d0..0x2e8).chain(0x318..0x4a0) {
            let mut bytes = real();
            bytes[at] = 1;
            assert_eq!(Report::parse(&bytes), Err(ReportError::Reserved(at)));
        }
    }

    #[test]
    fn what_is_signed_is_a_report_whatever_it_says() {
        // Versions to come, reserved bytes, and every bit of policy, platform and key.
        let signed = (2..0x2a0).map(|at| (at, 0x80)).chain([(0, 7), (0, 0xff)]);
        for (at, value) in signed {
            let mut bytes = real();
            bytes[at] = value;
            assert!(Report::parse(&bytes).is_ok(), "{at:x}");
        }
    }
}
