//! One function per parser of `evidence`, for any bytes: it must not panic, and
//! must not hold more than [`LIMIT`] bytes of memory at any time.
//!
//! `run.sh SECONDS` lets a fuzzer look for such bytes; `cargo test` replays what
//! it kept in `corpus/`.

mod memory;
mod tdx;

use std::hint::black_box;
use std::sync::LazyLock;

use evidence::launch::Firmware;
use evidence::{
    Certificate, Evidence, Generation, Report, RevocationList, Root, Timestamp, built_in_roots,
    from_extended_report, from_guest_components,
};

pub use memory::LIMIT;
pub use tdx::{tdx_collateral, tdx_quote, verify_with};

/// A moment at which certificates are valid, or not; 2026-11.
const NOW: u64 = 1_795_000_000;

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

/// A raw report, and every field of one that is a report; and the same with a
/// certificate table behind it.
pub fn report(bytes: &[u8]) {
    memory::bounded(|| {
        if let Ok(extended) = from_extended_report(bytes) {
            assert_eq!(bytes.get(..evidence::REPORT_LEN), Some(&*extended.report));
            let _ = black_box(Certificate::parse(&extended.certificate));
        }
        if let Ok(report) = Report::parse(bytes) {
            assert_eq!(report.bytes().as_slice(), bytes);
            fields(&report);
        }
    });
}

/// The guest components' JSON, with the certificate table in it: what it gives is a
/// report's length, and then read as report and certificate.
pub fn json(bytes: &[u8]) {
    memory::bounded(|| {
        let Ok(evidence) = from_guest_components(bytes) else {
            return;
        };
        let Evidence {
            report,
            certificate,
        } = evidence;
        assert_eq!(report.len(), evidence::REPORT_LEN);
        let (report, certificate) = (Report::parse(&report), Certificate::parse(&certificate));
        if let Ok(report) = &report {
            fields(report);
        }
        if let (Ok(certificate), Ok(report)) = (certificate, report) {
            black_box(certificate.has_signed_report(&report));
        }
    });
}

/// A certificate, and all it says.
pub fn certificate(bytes: &[u8]) {
    memory::bounded(|| {
        if let Ok(certificate) = Certificate::parse(bytes) {
            assert_eq!(certificate.der(), bytes);
            black_box(format!("{certificate:?}"));
            black_box((certificate.common_name(), certificate.chip_id()));
            black_box(certificate.is_valid_at(Timestamp::from_secs(NOW)));
            for generation in Generation::ALL {
                let of_it = (certificate.is_for(generation), certificate.tcb(generation));
                black_box(of_it);
            }
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

/// A firmware image, as who measures a guest gives it.
pub fn firmware(bytes: &[u8]) {
    memory::bounded(|| {
        if let Ok(firmware) = Firmware::parse(bytes) {
            black_box((firmware.base(), firmware.sections().len()));
            black_box((firmware.reset_address(), firmware.hashes_area()));
        }
    });
}

/// All that a report says.
fn fields(report: &Report) {
    black_box(format!("{report:?}"));
    black_box((report.signed_bytes(), report.signature(), report.version()));
    black_box((report.policy(), report.policy_abi(), report.platform_info()));
    black_box((0..64).any(|bit| report.policy_bit(bit) && report.platform_bit(bit)));
    black_box((report.family_id(), report.image_id(), report.guest_svn()));
    black_box((report.vmpl(), report.signature_algorithm()));
    black_box((report.key_info().signer(), report.key_info().is_unsigned()));
    black_box((report.report_data(), report.measurement()));
    black_box((report.host_data(), report.id_key_digest()));
    black_box((report.author_key_digest(), report.report_id()));
    black_box((report.report_id_ma(), report.cpuid(), report.chip_id()));
    black_box((
        report.firmware(),
        report.mitigations(),
        report.extended_tcbs(),
    ));
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
