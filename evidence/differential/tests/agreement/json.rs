//! The guest components' JSON is the `sev` crate's serde form of its report and
//! its certificate table: what `sev` writes, ours turns back into the same bytes.

use evidence::from_guest_components;
use sev::firmware::guest::AttestationReport;
use sev::firmware::host::{CertTableEntry, CertType};
use sev::parser::ByteParser as _;
use simvendor::{Chip, Fields, guest_components_json};

use crate::WORLDS;

/// A report with another value in every field.
fn report(chip: &Chip, version: u32) -> Vec<u8> {
    let fields = Fields {
        version,
        guest_svn: 0x0102_0304,
        family_id: [1; 16],
        image_id: [2; 16],
        vmpl: 3,
        platform_info: 0b1010_0101,
        measurement: [4; 48],
        host_data: [5; 32],
        report_data: [6; 64],
        id_key_digest: [7; 48],
        author_key_digest: [8; 48],
        report_id: [9; 32],
        report_id_ma: [10; 32],
        mitigations: [11 << 40, 12],
        ..Fields::new(chip)
    };
    fields.sign(chip).unwrap()
}

#[test]
fn what_sev_writes_is_read_back_to_the_same_bytes() {
    for chip in WORLDS.iter().map(crate::World::chip) {
        for version in 3..=6 {
            let report = report(chip, version);
            let theirs = AttestationReport::from_bytes(&report).unwrap();
            let table = [
                CertTableEntry::new(CertType::ASK, vec![1; 3]),
                CertTableEntry::new(CertType::VCEK, chip.certificate().to_vec()),
            ];
            let json = serde_json::json!({"attestation_report": theirs, "cert_chain": table});
            let ours = from_guest_components(json.to_string().as_bytes()).unwrap();
            assert_eq!(ours.report, report, "{version} {json}");
            assert_eq!(ours.certificate, chip.certificate());
            // The simulated guest writes what the real components would.
            let simulated = guest_components_json(&report, chip);
            assert_eq!(json["attestation_report"], simulated["attestation_report"]);
            assert_eq!(json["cert_chain"][1], simulated["cert_chain"][0]);
        }
    }
}
