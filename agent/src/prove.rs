//! Proving: a one-time key, and evidence that this guest speaks with it. The
//! agent looks whether its evidence is about this job, and passes it on.

use dvm::Keys;
use evidence::{Evidence, JsonError, from_guest_components};
use job::{AgentExit, Attestation, Digest, Manifest, NoEvidence, init_data, report_data};

use crate::guest::Guest;

/// Proof of what this guest is, and the key it speaks with from now on.
pub(crate) struct Proof {
    /// A; erased when dropped.
    pub(crate) keys: Keys,
    /// What is sent to the customer and to the provider.
    pub(crate) attestation: Attestation,
    /// Names the guest's own secrets at the broker.
    pub(crate) host_data: Digest,
}

/// Offsets in an SNP report of what binds it to this job (AMD 56860, table
/// "ATTESTATION_REPORT"): the same in every version.
const VMPL: usize = 0x30;
const REPORT_DATA: usize = 0x50;
const HOST_DATA: usize = 0xC0;

/// Makes a key and evidence for it.
///
/// # Errors
/// The end: the guest gives no evidence, or none that fits this job.
pub(crate) async fn prove(manifest: &Manifest, guest: &Guest) -> Result<Proof, AgentExit> {
    let keys = Keys::generate();
    let order = manifest.order();
    let bound = report_data(
        keys.public_key(),
        order.id(),
        order.customer(),
        order.provider(),
        order.challenge(),
        manifest.digest(),
    );
    let init_data = init_data(manifest).map_err(|_| AgentExit::BadManifest)?;
    let host_data = init_data.digest();
    let json = guest.evidence(bound).await;
    let evidence = json
        .and_then(|json| read(&json))
        .and_then(|evidence| {
            fits(&evidence.report, host_data.as_bytes(), bound.as_bytes())?;
            Ok(evidence)
        })
        .map_err(AgentExit::NoEvidence)?;
    Ok(Proof {
        attestation: Attestation {
            author: keys.public_key(),
            recipient: order.customer(),
            job: order.id(),
            report: evidence.report,
            certificate: evidence.certificate,
            manifest: manifest.bytes().to_vec(),
        },
        keys,
        host_data,
    })
}

/// The report in the guest's answer.
fn read(json: &[u8]) -> Result<Evidence, NoEvidence> {
    from_guest_components(json).map_err(|error| match error {
        JsonError::Form(error) if error.is_syntax() || error.is_eof() => NoEvidence::NotJson,
        JsonError::Form(_) | JsonError::TooLong | JsonError::Length(_) => NoEvidence::NoReport,
    })
}

/// Whether a report, of whatever version, is bound to this job. All else in it is
/// the customer's to judge: what the agent swallowed here nobody would hear of.
fn fits(report: &[u8], host_data: &[u8; 32], bound: &[u8; 64]) -> Result<(), NoEvidence> {
    let holds = |at: usize, expected: &[u8]| {
        let rest = report.get(at..).unwrap_or_default();
        rest.starts_with(expected)
    };
    if !holds(HOST_DATA, host_data) {
        Err(NoEvidence::OtherHostData)
    } else if !holds(REPORT_DATA, bound) {
        Err(NoEvidence::OtherReportData)
    } else if !holds(VMPL, &0_u32.to_le_bytes()) {
        Err(NoEvidence::OtherPrivilegeLevel)
    } else {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use evidence::REPORT_LEN;
    use job::NoEvidence;
    use serde_json::{Value, json};

    use super::{fits, read};

    const HOST: [u8; 32] = [0xaa; 32];
    const BOUND: [u8; 64] = [0xbb; 64];

    /// What a guest of a firmware nobody knows yet answers.
    fn answer() -> Value {
        let tcb = json!({"fmc": null, "bootloader": 0, "tee": 0, "snp": 0, "microcode": 0});
        let firmware = json!({"major": 9, "minor": 9, "build": 9});
        json!({"attestation_report": {
            "version": 99, "guest_svn": 0, "policy": u64::MAX, "family_id": vec![0; 16],
            "image_id": vec![0; 16], "vmpl": 0, "sig_algo": 1, "current_tcb": tcb,
            "plat_info": u64::MAX, "key_info": 0, "report_data": BOUND.to_vec(),
            "measurement": vec![0; 48], "host_data": HOST, "id_key_digest": vec![0; 48],
            "author_key_digest": vec![0; 48], "report_id": vec![0; 32],
            "report_id_ma": vec![0; 32], "reported_tcb": tcb, "cpuid_fam_id": null,
            "cpuid_mod_id": null, "cpuid_step": null, "chip_id": vec![0; 64],
            "committed_tcb": tcb, "current": firmware, "committed": firmware,
            "launch_tcb": tcb, "signature": {"r": vec![0; 72], "s": vec![0; 72]},
        }, "cert_chain": null})
    }

    fn seen(answer: &Value) -> Result<(), NoEvidence> {
        fits(&read(answer.to_string().as_bytes())?.report, &HOST, &BOUND)
    }

    /// It was `None`, and nobody learned why.
    #[test]
    fn a_report_of_version_99_is_passed_on() {
        assert_eq!(seen(&answer()), Ok(()));
        let report = read(answer().to_string().as_bytes()).unwrap().report;
        assert_eq!(report.len(), REPORT_LEN);
    }

    #[test]
    fn a_report_of_something_else_says_of_what() {
        for (field, value, expected) in [
            ("host_data", json!(vec![0; 32]), NoEvidence::OtherHostData),
            (
                "report_data",
                json!(vec![0; 64]),
                NoEvidence::OtherReportData,
            ),
            ("vmpl", json!(1), NoEvidence::OtherPrivilegeLevel),
            ("vmpl", json!(0x0100_0000), NoEvidence::OtherPrivilegeLevel),
            ("host_data", json!(vec![0; 31]), NoEvidence::NoReport),
        ] {
            let mut other = answer();
            other["attestation_report"][field] = value;
            assert_eq!(seen(&other), Err(expected), "{field}");
        }
        // Every byte of all three counts.
        let report = read(answer().to_string().as_bytes()).unwrap().report;
        for at in (0x30..0x34).chain(0x50..0x90).chain(0xC0..0xE0) {
            let mut flipped = report.clone();
            flipped[at] ^= 1;
            assert!(fits(&flipped, &HOST, &BOUND).is_err(), "{at:#x}");
        }
        assert_eq!(fits(&[], &HOST, &BOUND), Err(NoEvidence::OtherHostData));
    }

    #[test]
    fn an_answer_without_a_report_says_so() {
        for (answer, expected) in [
            ("", NoEvidence::NotJson),
            ("<html>", NoEvidence::NotJson),
            ("{\"attestation_report\":", NoEvidence::NotJson),
            ("{}", NoEvidence::NoReport),
            ("{\"attestation_report\":{}}", NoEvidence::NoReport),
            ("{\"quote\":\"AAAA\"}", NoEvidence::NoReport),
        ] {
            assert_eq!(read(answer.as_bytes()).err(), Some(expected), "{answer}");
        }
        let long = format!("{{}}{}", " ".repeat(2 << 20));
        assert_eq!(read(long.as_bytes()).err(), Some(NoEvidence::NoReport));
    }
}
