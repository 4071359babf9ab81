//! What a machine must be to be accepted: each change refused by its check.

use std::sync::OnceLock;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use simvendor::{Chip, ChipSpec, Fields, Generation, Vendor};

use super::accept;
use crate::{
    Attestation, Deployment, Manifest, Offer, Order, PublicKey, Simulated, Trust, canonical,
    examples, init_data, policy_digest, report_data,
};
use evidence::Timestamp;

const KEY: PublicKey = PublicKey::from_bytes([1; 32]);

fn now() -> Timestamp {
    Timestamp::from_secs(examples::NOW)
}

pub(crate) fn machine() -> &'static (Vendor, Chip) {
    static MACHINE: OnceLock<(Vendor, Chip)> = OnceLock::new();
    MACHINE.get_or_init(|| {
        let vendor = Vendor::generate(Generation::Genoa, examples::NOW).unwrap();
        let spec = ChipSpec::new(Generation::Genoa, examples::NOW);
        let chip = vendor.chip(&spec).unwrap();
        (vendor, chip)
    })
}

pub(crate) fn trust() -> Trust {
    let (vendor, _) = machine();
    let dates = "source = \"test\"\nfrom = 2026-01-01T00:00:00Z\nuntil = 2028-01-01T00:00:00Z";
    let text = format!(
        "version = 1\nrevocation_max_age_days = 30\n\
         [[roots]]\nclass = \"simulated\"\ngeneration = \"genoa\"\nark = \"{}\"\nask = \"{}\"\n\
         source = \"test\"\n\
         [[revocation_lists]]\ngeneration = \"genoa\"\nlist = \"{}\"\nsource = \"test\"\n\
         [[tcb_floors]]\ngeneration = \"genoa\"\n\
         lowest = {{fmc=0, bootloader=4, tee=0, snp=22, microcode=213}}\n{dates}\n\
         [[guests]]\nname = \"simulated guest\"\nvcpus = 2\nmeasurement = \"{}\"\n{dates}\n\
         [[policies]]\nsha256 = \"{}\"\n{dates}\n\
         [[agents]]\nname = \"0.1.0\"\nimage = \"{}\"\n{dates}\n",
        BASE64.encode(vendor.ark()),
        BASE64.encode(vendor.ask()),
        BASE64.encode(vendor.revocation_list(examples::NOW, &[]).unwrap()),
        hex::encode(simvendor::measurement(2, "")),
        policy_digest(),
        examples::agent(),
    );
    Trust::parse(&text, Simulated::Accepted).unwrap()
}

/// What an honest guest started with `manifest` sends.
fn attest(manifest: &Manifest) -> Attestation {
    let (_, chip) = machine();
    let order = manifest.order();
    let bound = report_data(
        KEY,
        order.id(),
        order.customer(),
        order.provider(),
        order.challenge(),
        manifest.digest(),
    );
    let fields = Fields {
        measurement: simvendor::measurement(2, ""),
        host_data: *init_data(manifest).unwrap().digest().as_bytes(),
        report_data: *bound.as_bytes(),
        ..Fields::new(chip)
    };
    Attestation {
        author: KEY,
        recipient: order.customer(),
        job: order.id(),
        report: fields.sign(chip).unwrap(),
        certificate: chip.certificate().to_vec(),
        manifest: manifest.bytes().to_vec(),
    }
}

fn refused(attestation: &Attestation, order: &Order, offer: &Offer) -> String {
    let refusal = accept(attestation, order, offer, &trust(), now()).unwrap_err();
    assert!(!refusal.meaning.is_empty() && !refusal.advice.is_empty());
    refusal.check().to_owned()
}

#[test]
fn the_machine_that_was_ordered_is_accepted() {
    let attestation = attest(&examples::manifest());
    let order = examples::order();
    let accepted = accept(&attestation, &order, &examples::offer(), &trust(), now()).unwrap();
    assert_eq!(accepted.key(), KEY);
    assert_eq!(*accepted.manifest(), examples::manifest());
    assert!(accepted.is_simulated());
    let guest = accepted
        .checks()
        .iter()
        .find(|check| check.name == "guest image");
    assert!(guest.unwrap().seen.starts_with("simulated guest ("));
}

#[test]
fn another_guest_is_refused_with_what_was_seen_and_the_nearest_entry() {
    let manifest = examples::manifest();
    let mut attestation = attest(&manifest);
    let (_, chip) = machine();
    let report = evidence::Report::parse(&attestation.report).unwrap();
    let fields = Fields {
        measurement: [9; 48],
        host_data: report.host_data(),
        report_data: report.report_data(),
        ..Fields::new(chip)
    };
    attestation.report = fields.sign(chip).unwrap();
    let (order, offer) = (examples::order(), examples::offer());
    let refusal = accept(&attestation, &order, &offer, &trust(), now()).unwrap_err();
    let check = refusal.checks.last().unwrap();
    let entry = hex::encode(simvendor::measurement(2, ""));
    assert_eq!(check.name, "guest image");
    assert_eq!(check.expected, format!("simulated guest ({entry})"));
    assert_eq!(check.seen, hex::encode([9; 48]));
}

#[test]
fn every_flipped_byte_is_refused() {
    let good = attest(&examples::manifest());
    let (order, offer) = (examples::order(), examples::offer());
    let trust = trust();
    let check = |attestation: &Attestation, what: &str, at: usize| {
        let verdict = accept(attestation, &order, &offer, &trust, now());
        assert!(verdict.is_err(), "{what} {at}");
    };
    for at in (0..good.manifest.len()).step_by(7) {
        let mut bad = good.clone();
        bad.manifest[at] ^= 1;
        check(&bad, "manifest", at);
    }
    for at in (0..good.report.len()).step_by(7) {
        let mut bad = good.clone();
        bad.report[at] ^= 1;
        check(&bad, "report", at);
    }
    for at in 0..32 {
        let mut key = *good.author.as_bytes();
        key[at] ^= 1;
        let mut bad = good.clone();
        bad.author = PublicKey::from_bytes(key);
        check(&bad, "key", at);
    }
}

#[test]
fn a_provider_that_changes_pod_and_init_data_is_named_for_it() {
    type Change = fn(&mut serde_json::Value);
    let changes: [(&str, Change); 6] = [
        ("workload image", |v| {
            v["workload"]["image"] = v["workload"]["image"]
                .as_str()
                .unwrap()
                .replace("91", "e5")
                .into();
        }),
        ("workload command", |v| {
            v["workload"]["argv"][0] = "/other".into();
        }),
        ("workload environment", |v| {
            v["workload"]["env"][0]["value"] = "x".into();
        }),
        ("workload image's ENV", |v| {
            v["workload"]["imageEnv"][0] = "PATH=/x".into();
        }),
        ("terms", |v| v["timeoutSeconds"] = 901.into()),
        ("terms", |v| {
            v["blobServers"] = serde_json::json!(["https://other.example"]);
        }),
    ];
    for (check, change) in changes {
        let mut terms = serde_json::to_value(examples::terms()).unwrap();
        change(&mut terms);
        let terms = serde_json::from_value(terms).unwrap();
        let manifest = Manifest::new(examples::order(), terms, examples::deployment()).unwrap();
        let attestation = attest(&manifest);
        assert_eq!(
            refused(&attestation, &examples::order(), &examples::offer()),
            check
        );
    }
}

#[test]
fn another_agent_is_refused() {
    let deployment = Deployment {
        agent: examples::agent()
            .as_str()
            .replace("77", "78")
            .parse()
            .unwrap(),
        ..examples::deployment()
    };
    let manifest = Manifest::new(examples::order(), examples::terms(), deployment).unwrap();
    let attestation = attest(&manifest);
    assert_eq!(
        refused(&attestation, &examples::order(), &examples::offer()),
        "agent"
    );
}

#[test]
fn evidence_of_another_job_order_or_customer_is_refused() {
    let order = examples::order();
    let offer = examples::offer();
    let mut event = examples::event();
    event.tags[1][1] = "55".repeat(32);
    event.id = crate::JobId::from_bytes([0x22; 32]);
    let other = Order::from_event(event, |_| true).unwrap();
    let manifest = Manifest::new(other, examples::terms(), examples::deployment()).unwrap();
    let replayed = attest(&manifest);
    assert_eq!(refused(&replayed, &order, &offer), "answers this order");
    let mut relabelled = replayed.clone();
    relabelled.job = order.id();
    assert_eq!(refused(&relabelled, &order, &offer), "order");
    let mut mixed = attest(&examples::manifest());
    mixed.report = replayed.report;
    assert_eq!(refused(&mixed, &order, &offer), "HOST_DATA");
    let mut readdressed = attest(&examples::manifest());
    readdressed.recipient = PublicKey::from_bytes([9; 32]);
    assert_eq!(refused(&readdressed, &order, &offer), "recipient");
}

#[test]
fn evidence_for_another_key_is_refused() {
    let mut stolen = attest(&examples::manifest());
    stolen.author = PublicKey::from_bytes([9; 32]);
    let check = refused(&stolen, &examples::order(), &examples::offer());
    assert_eq!(check, "REPORT_DATA");
}

#[test]
fn another_offer_than_the_one_named_is_refused() {
    let attestation = attest(&examples::manifest());
    let mut offer = examples::offer();
    offer.id = crate::OfferId::from_bytes([0x10; 32]);
    assert_eq!(refused(&attestation, &examples::order(), &offer), "offer");
}

#[test]
fn a_manifest_under_another_policy_is_refused_by_its_digest() {
    let text = canonical_text(&examples::manifest());
    let other = text.replace(&policy_digest().to_string(), &"ab".repeat(32));
    let mut attestation = attest(&examples::manifest());
    attestation.manifest = other.into_bytes();
    let check = refused(&attestation, &examples::order(), &examples::offer());
    assert_eq!(check, "policy");
}

#[test]
fn a_job_that_is_over_is_refused() {
    let attestation = attest(&examples::manifest());
    let later = examples::deployment().not_after;
    let order = examples::order();
    let refusal = accept(&attestation, &order, &examples::offer(), &trust(), later);
    assert_eq!(refusal.unwrap_err().check(), "ends");
}

#[test]
fn without_any_entry_nothing_is_accepted() {
    let attestation = attest(&examples::manifest());
    let trust = Trust::parse(
        "version = 1\nrevocation_max_age_days = 30\n",
        Simulated::Refused,
    );
    let order = examples::order();
    let refusal = accept(
        &attestation,
        &order,
        &examples::offer(),
        &trust.unwrap(),
        now(),
    );
    assert_eq!(refusal.unwrap_err().check(), "policy");
}

fn canonical_text(manifest: &Manifest) -> String {
    let value: serde_json::Value = serde_json::from_slice(manifest.bytes()).unwrap();
    String::from_utf8(canonical::to_vec(&value).unwrap()).unwrap()
}
