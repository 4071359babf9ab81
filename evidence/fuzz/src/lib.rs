//! One function per parser of `evidence`, for any bytes: it must not panic, and
//! must not hold more than [`LIMIT`] bytes of memory at any time.
//!
//! `run.sh SECONDS` lets a fuzzer look for such bytes; `cargo test` replays what
//! it kept in `corpus/`.

mod collateral;
mod memory;

use std::hint::black_box;
use std::sync::LazyLock;

use evidence::launch::Firmware;
use evidence::tdx::{Collateral, Quote, SignedText};
use evidence::{
    Certificate, Evidence, Report, RevocationList, Root, built_in_roots, from_guest_components,
};

pub use collateral::verify_with;
pub use memory::LIMIT;

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// All targets by the names of their programs and folders.
pub const TARGETS: [(&str, Target); 8] = [
    ("report", report),
    ("json", json),
    ("certificate", certificate),
    ("revocation", revocation),
    ("chain", chain),
    ("tdx-quote", tdx_quote),
    ("tdx-collateral", tdx_collateral),
    ("firmware", firmware),
];

/// A raw report, and every field of one that is a report.
pub fn report(bytes: &[u8]) {
    memory::bounded(|| {
        if let Ok(report) = Report::parse(bytes) {
            assert_eq!(report.bytes().as_slice(), bytes);
            black_box(format!("{report:?}"));
            black_box((report.cpuid(), report.mitigations(), report.key_info()));
            black_box((report.signature(), report.firmware(), report.chip_id()));
        }
    });
}

/// The guest components' JSON: what it gives is a report's length.
pub fn json(bytes: &[u8]) {
    memory::bounded(|| {
        if let Ok(Evidence { report, .. }) = from_guest_components(bytes) {
            assert_eq!(report.len(), evidence::REPORT_LEN);
            black_box(Report::parse(&report).is_ok());
        }
    });
}

/// A certificate.
pub fn certificate(bytes: &[u8]) {
    memory::bounded(|| {
        if let Ok(certificate) = Certificate::parse(bytes) {
            assert_eq!(certificate.der(), bytes);
            black_box(format!("{certificate:?}"));
        }
    });
}

/// A revocation list.
pub fn revocation(bytes: &[u8]) {
    memory::bounded(|| {
        if let Ok(list) = RevocationList::parse(bytes) {
            black_box(format!("{list:?}"));
        }
    });
}

/// Certificates and a list for a real root: nothing but the vendor's own fits.
pub fn chain(bytes: &[u8]) {
    // Read once: it takes longer than all that follows.
    static ROOT: LazyLock<Option<Root>> = LazyLock::new(|| built_in_roots().into_iter().next());
    let Some(root) = &*ROOT else {
        return;
    };
    memory::bounded(|| {
        let ask = root.ask().der();
        let taken = [
            Root::simulated(root.generation(), bytes, ask).map(drop),
            root.clone().with_asvk(bytes).map(drop),
            root.clone().with_revocation_list(bytes).map(drop),
            root.clone().with_endorsement_key(bytes).map(drop),
        ];
        black_box(taken.iter().any(Result::is_ok));
    });
}

/// A TDX quote.
pub fn tdx_quote(bytes: &[u8]) {
    memory::bounded(|| {
        if let Ok(quote) = Quote::parse(bytes) {
            assert_eq!(quote.bytes(), bytes);
        }
    });
}

/// TDX collateral, as the service answers for a part and as JSON, and a real quote verified with it: that reads every
/// part. Nothing passes but what Intel signed.
pub fn tdx_collateral(bytes: &[u8]) {
    static REAL: LazyLock<Option<Collateral>> = LazyLock::new(collateral::real);
    let Some(real) = &*REAL else {
        return;
    };
    memory::bounded(|| {
        // A part as Intel's service answers.
        black_box(SignedText::from_answer(bytes, "").is_ok());
        if let Ok(collateral) = Collateral::from_json(bytes)
            && verify_with(collateral.clone()).is_ok()
        {
            assert_eq!(collateral.tcb_info, real.tcb_info);
            assert_eq!(collateral.qe_identity, real.qe_identity);
        }
    });
}

/// A firmware image, as who measures a guest gives it.
pub fn firmware(bytes: &[u8]) {
    memory::bounded(|| {
        black_box(Firmware::parse(bytes).is_ok());
    });
}

/// What a target's program does without a fuzzer: reads the files it is given.
///
/// # Errors
/// When a file cannot be read.
pub fn replay(target: Target) -> std::io::Result<()> {
    for path in std::env::args_os().skip(1) {
        target(&std::fs::read(path)?);
    }
    Ok(())
}
