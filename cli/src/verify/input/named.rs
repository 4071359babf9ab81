//! What a file is that holds no evidence this program reads: its name, so that
//! nobody takes it for broken evidence.

use std::path::Path;

use evidence::REPORT_LEN;

use crate::exit::{Exit, Problem};

/// What is read.
const READS: &str = "cdvm reads a report of SEV-SNP (its bytes, also with the certificate table behind them; \
                     Azure's HCL report) and a quote of Intel TDX, each also as hex or base64, in the JSON of \
                     guest components, Trustee and Constellation, and a folder with report.bin and certs as \
                     snpguest fills it";

const MEANING: &str = "It says nothing, neither good nor bad, about any machine";

/// What somebody is told whose file is not to be had.
pub(super) fn not_had(error: &anyhow::Error) -> Problem {
    let what = match error.downcast_ref::<Problem>() {
        Some(problem) => problem.what.clone(),
        None => format!("{error:#}"),
    };
    let next = "name a file or folder that is there and that you may read";
    Problem::new(Exit::Unreadable, what, MEANING, next)
}

/// Why something is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotRead {
    /// What it is, after "this is".
    what: String,
}

impl NotRead {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }

    /// The same, found in something else.
    pub(super) fn inside(self, outer: &str) -> Self {
        Self::new(format!("{outer}{}", self.what))
    }

    /// What somebody is told who named `path`.
    pub(crate) fn problem(&self, path: &Path) -> Problem {
        let what = format!("{}: this is {}", path.display(), self.what);
        Problem::new(Exit::Unreadable, what, MEANING, READS)
    }
}

/// What bytes are by how they begin; they are none that is read.
pub(super) fn named(bytes: &[u8]) -> NotRead {
    let odd = |character: char| character.is_control() && !character.is_whitespace();
    let text = std::str::from_utf8(bytes).ok().map(str::trim);
    if let Some(text) = text.filter(|text| !text.contains(odd)) {
        return of_text(text);
    }
    NotRead::new(match bytes {
        // Quotes of ECDSA attestation (Intel SGX DCAP, quote header): version, kind of
        // key, TEE.
        [3..=5, 0, 2 | 3, 0, 0, 0, 0, 0, ..] => "a quote of Intel SGX: an enclave is no machine",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "text in UTF-16: save it as UTF-8",
        [4 | 5, 0, _, _, 0x81, 0, 0, 0, ..] => "a quote of TDX that is cut short",
        // TDREPORT_STRUCT (Intel TDX module ABI): its first byte is the TEE type.
        [0x81, 0, ..] if bytes.len() == 1024 => {
            "a TD report of TDX: it is checked on its own machine only, where a quote is made of it"
        }
        // TPM2B_ATTEST and TPMS_ATTEST (TPM 2.0, part 2, 10.12): "\xffTCG".
        [0xff, b'T', b'C', b'G', ..] | [_, _, 0xff, b'T', b'C', b'G', ..] => {
            "a quote of a TPM: what it measured is not verified here"
        }
        [0x30, 0x80..=0x84, ..] => "a certificate or list in DER, without a report",
        [0x1f, 0x8b, ..] => "compressed (gzip): unpack it",
        [b'P', b'K', 3, 4, ..] => "an archive (zip): unpack it",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "compressed (zstd): unpack it",
        [0x7f, b'E', b'L', b'F', ..] => "a program (ELF)",
        [0xd2 | 0x84 | 0xd8, ..] => "CBOR or COSE, as Nitro and Arm's CCA write their evidence",
        _ if bytes.get(257..262) == Some(b"ustar") => "an archive (tar): unpack it",
        [version, 0, 0, 0, ..] if *version < 0x20 && bytes.len() < REPORT_LEN => {
            let len = bytes.len();
            let what =
                format!("{len} bytes that begin like a report of SEV-SNP, which has {REPORT_LEN}");
            return NotRead::new(what);
        }
        _ => "no evidence that cdvm knows: neither a report nor a quote begins like this",
    })
}

fn of_text(text: &str) -> NotRead {
    let parts = text.split('.').count();
    NotRead::new(if text.is_empty() {
        "an empty file"
    } else if text.contains("-----BEGIN CERTIFICATE-----") {
        "a certificate in PEM, without a report"
    } else if text.contains("-----BEGIN ") {
        "PEM of something else than evidence"
    } else if text.starts_with("eyJ") && parts == 3 {
        "a signed token (JWT): an attestation service's word about evidence, not the evidence"
    } else if text.starts_with("nsec1") || text.starts_with("npub1") {
        "a key of Nostr"
    } else {
        "text that is neither JSON nor hex nor base64 of evidence"
    })
}
