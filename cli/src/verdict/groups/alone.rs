//! What checks mean together where no order stands behind them: a report or a quote
//! alone. Nothing is said of a job, and what was not compared is said to be so.

use super::{Group, Seen, ascii};
use crate::text::short_hex;
use crate::verdict::Mark;

/// After what is said of every machine with SEV-SNP.
pub(super) static REPORT: [Group; 3] = [
    Group {
        title: |_| "init data",
        members: &["HOST_DATA"],
        detail: |seen| bound(seen, "HOST_DATA"),
    },
    Group {
        title: |_| "what the guest asked to be signed",
        members: &["REPORT_DATA"],
        detail: |seen| bound(seen, "REPORT_DATA"),
    },
    RUNTIME_DATA,
];

/// Of a quote of TDX.
pub(super) static QUOTE: [Group; 7] = [
    Group {
        title: |mark| match mark {
            Mark::Hardware => "signed by Intel hardware",
            Mark::Simulated | Mark::Either => "signed by a SIMULATED vendor",
        },
        members: &[
            "quote",
            "root",
            "PCK chain",
            "PCK authority",
            "certificate's validity",
            "quoting enclave's signature",
            "attestation key",
            "signature",
            "kind of platform",
            "platform",
            "platform SMT",
            "packages can be added",
            "root keys at Intel",
            "TDX module",
            "signer of the TDX module",
            "attributes of the TDX module",
        ],
        detail: |seen| {
            let platform = short_hex(seen.get("platform"));
            (seen.get("quote").to_owned(), format!("platform {platform}"))
        },
    },
    Group {
        title: |_| "not revoked, new enough",
        members: &[
            "collateral's kind",
            "collateral's validity",
            "collateral's age",
            "signer's chain",
            "list's signature",
            "not revoked",
            "vendor's rules",
            "TCB info's signature",
            "identity's signature",
            "TCB info's platform",
            "TCB status",
            "advisories",
            "TCB evaluation",
        ],
        detail: |seen| {
            let (status, number) = (seen.get("TCB status"), seen.get("TCB evaluation"));
            (status.to_owned(), format!("TCB evaluation {number}"))
        },
    },
    Group {
        title: |_| "debug off, migration off",
        members: &[
            "unknown attributes",
            "migration",
            "exceptions by the host off",
            "debug",
            "profiling",
            "single-step defense",
            "report about service TDs",
            "LASS",
            "PKS",
            "key locker",
            "provisioning agent",
            "performance counters",
            "processor features",
            "partition",
            "service TDs",
            "service TDs at creation",
            "service TDs now",
            "devices",
        ],
        detail: |_| (String::new(), String::new()),
    },
    Group {
        title: |_| "guest image",
        members: &[
            "MRTD",
            "RTMR0",
            "RTMR1",
            "RTMR2",
            "RTMR3",
            "owner",
            "owner's configuration",
        ],
        detail: |seen| {
            let (name, digest) = seen.named("MRTD");
            (name.to_owned(), format!("MRTD {}", short_hex(digest)))
        },
    },
    Group {
        title: |_| "init data",
        members: &["MRCONFIGID"],
        detail: |seen| bound(seen, "MRCONFIGID"),
    },
    Group {
        title: |_| "what the guest asked to be signed",
        members: &["REPORTDATA"],
        detail: |seen| bound(seen, "REPORTDATA"),
    },
    RUNTIME_DATA,
];

const RUNTIME_DATA: Group = Group {
    title: |_| "runtime data are the machine's",
    members: &["runtime data"],
    detail: |seen| {
        let digest = short_hex(seen.get("runtime data"));
        (String::new(), format!("SHA-256 {digest}"))
    },
};

/// Whether a field was compared, and what it holds.
fn bound(seen: &Seen<'_>, field: &'static str) -> (String, String) {
    let compared = if seen.expected(field).starts_with("any") {
        "NOT compared, by choice"
    } else {
        "as given"
    };
    let value = short_hex(&ascii(seen.get(field)));
    (compared.to_owned(), format!("{field} {value}"))
}
