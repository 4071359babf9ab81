//! Azure's evidence: the report that its paravisor (HCL) puts into the vTPM of a
//! machine. It holds the hardware's report, and JSON with the vTPM's key, whose digest
//! the hardware's report bears (Microsoft, "Guest attestation for confidential virtual
//! machines", attestation report format). What the vTPM itself says is not read.

use evidence::{Evidence, REPORT_LEN};
use job::Digest;

use super::named::NotRead;
use super::parts::report;
use super::{Alone, Beside};

/// Its first bytes.
const MAGIC: &[u8] = b"HCLA";

/// Length of the header before the hardware's report.
const HEADER: usize = 32;

/// Header of the runtime data: sizes, versions and kinds, four bytes each.
const DATA: usize = HEADER + REPORT_LEN;

/// Bytes of that header.
const DATA_HEADER: usize = 20;

/// Kinds of hardware's reports (offset 8 of that header).
const SNP: u32 = 2;
const TDX: u32 = 4;

/// SHA-256 among the kinds of digests (offset 12).
const SHA256: u32 = 1;

/// What is left open by every evidence of this kind.
pub(super) const UNREAD: &str = "the vTPM's quote is not verified: nothing is known of what the vTPM measured, and what the \
     guest asked to be signed stands there. REPORT_DATA is the digest of the runtime data";

/// Whose report it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hardware {
    Snp,
    Tdx,
}

/// An HCL report whose form is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hcl<'b> {
    pub(super) hardware: Hardware,
    /// The hardware's report; of TDX a TD report.
    pub(super) report: &'b [u8],
    /// SHA-256 of the runtime data.
    pub(super) runtime_data: Digest,
}

/// Whether bytes begin like one.
pub(super) fn is_one(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Takes bytes for one.
pub(super) fn read(bytes: &[u8]) -> Result<Hcl<'_>, NotRead> {
    let short = || NotRead::new("an HCL report of Azure that is cut short");
    let word = |at: usize| {
        let word = bytes.get(DATA + at..DATA + at + 4)?;
        Some(u32::from_le_bytes(word.try_into().ok()?))
    };
    let (kind, digest, len) = word(8)
        .zip(word(12))
        .zip(word(16))
        .map(|((kind, digest), len)| (kind, digest, len))
        .ok_or_else(short)?;
    let hardware = match kind {
        SNP => Hardware::Snp,
        TDX => Hardware::Tdx,
        other => {
            let what = format!("an HCL report of Azure of kind {other}, neither SEV-SNP nor TDX");
            return Err(NotRead::new(what));
        }
    };
    if digest != SHA256 {
        let what = format!(
            "an HCL report of Azure whose runtime data are bound by a digest of kind {digest}, and only SHA-256 is known"
        );
        return Err(NotRead::new(what));
    }
    let end = usize::try_from(len)
        .ok()
        .and_then(|len| len.checked_add(DATA + DATA_HEADER));
    let data = end.and_then(|end| bytes.get(DATA + DATA_HEADER..end));
    Ok(Hcl {
        hardware,
        report: bytes.get(HEADER..DATA).ok_or_else(short)?,
        runtime_data: Digest::of(data.ok_or_else(short)?),
    })
}

/// One alone, without the certificate of its key.
pub(super) fn alone(bytes: &[u8]) -> Result<Alone, NotRead> {
    let hcl = read(bytes)?;
    with_certificate(&hcl, Vec::new())
}

/// The report in one, and the certificate that came with it.
pub(super) fn with_certificate(hcl: &Hcl<'_>, certificate: Vec<u8>) -> Result<Alone, NotRead> {
    match hcl.hardware {
        Hardware::Snp => {
            let evidence = Evidence {
                report: hcl.report.to_vec(),
                certificate,
            };
            report(evidence, beside(hcl.runtime_data))
        }
        Hardware::Tdx => Err(NotRead::new(
            "an HCL report of an Azure machine with TDX: it holds a TD report, and only a quote can be verified",
        )),
    }
}

/// What comes with a report of the paravisor.
pub(super) fn beside(runtime_data: Digest) -> Beside {
    Beside {
        runtime_data: Some(runtime_data),
        unread: vec![UNREAD],
    }
}
