//! The guest components' JSON is the same evidence: the same raw bytes.

use evidence::{Generation, JsonError, from_guest_components};
use simvendor::Fields;

use crate::world::{World, world};

#[test]
fn the_guest_components_form_is_the_same_evidence() {
    for generation in Generation::ALL {
        let world = world(generation);
        for chip in [&world.vcek, &world.vlek] {
            for version in 3..=6 {
                let fields = Fields {
                    version,
                    mitigations: [3, u64::MAX],
                    guest_svn: 0x0102_0304,
                    family_id: [0xfa; 16],
                    image_id: [0x1a; 16],
                    ..World::fields(chip)
                };
                let report = fields.sign(chip).unwrap();
                let json = simvendor::guest_components_json(&report, chip).to_string();
                let evidence = from_guest_components(json.as_bytes()).unwrap();
                assert_eq!(evidence.report, report);
                assert_eq!(evidence.certificate, chip.certificate());
            }
        }
    }
}

fn good() -> serde_json::Value {
    let world = world(Generation::Genoa);
    let report = World::fields(&world.vcek).sign(&world.vcek).unwrap();
    simvendor::guest_components_json(&report, &world.vcek)
}

#[test]
fn every_number_counts_and_is_checked_over_the_raw_bytes() {
    // The fullest form: Turin's TCB has all parts, version 5 the vectors.
    let world = world(Generation::Turin);
    let case = world.with(|f| (f.version, f.mitigations) = (5, [3, 1]));
    let json = simvendor::guest_components_json(&case.evidence.report, &world.vcek);
    let verdict = |json: &serde_json::Value| {
        let mut case = case.clone();
        case.evidence = from_guest_components(json.to_string().as_bytes()).unwrap();
        case.verify()
    };
    assert!(verdict(&json).is_ok());
    let mut numbers = Vec::new();
    pointers(
        &json["attestation_report"],
        "/attestation_report",
        &mut numbers,
    );
    // Numbers of their own, four TCBs, two versions, strings of bytes, r and s.
    assert_eq!(numbers.len(), 12 + 4 * 5 + 2 * 3 + 400 + 2 * 72);
    for pointer in numbers {
        let mut changed = json.clone();
        let number = changed.pointer_mut(&pointer).unwrap();
        *number = (number.as_u64().unwrap() ^ 1).into();
        assert!(verdict(&changed).is_err(), "{pointer}");
    }
}

/// Where the numbers in `value` are.
fn pointers(value: &serde_json::Value, at: &str, numbers: &mut Vec<String>) {
    match value {
        serde_json::Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                pointers(value, &format!("{at}/{index}"), numbers);
            }
        }
        serde_json::Value::Object(values) => {
            for (name, value) in values {
                pointers(value, &format!("{at}/{name}"), numbers);
            }
        }
        number => {
            assert!(number.is_u64(), "{at}");
            numbers.push(at.to_owned());
        }
    }
}

#[test]
fn a_field_is_missing_only_where_its_version_has_none() {
    for name in good()["attestation_report"].as_object().unwrap().keys() {
        let mut missing = good();
        let report = missing["attestation_report"].as_object_mut().unwrap();
        report.remove(name);
        let read = from_guest_components(missing.to_string().as_bytes());
        // CPUID came with version 3, the vectors with version 5.
        if name.starts_with("cpuid") || name.ends_with("mit_vector") {
            assert!(read.is_ok(), "{name}");
        } else {
            assert!(matches!(read, Err(JsonError::Form(_))), "{name}");
        }
    }
    // Missing where there should be one is zero, which nobody signed.
    let world = world(Generation::Turin);
    let mut case = world.with(|f| (f.version, f.mitigations) = (5, [3, 1]));
    for name in ["cpuid_fam_id", "launch_mit_vector", "current_mit_vector"] {
        let mut json = simvendor::guest_components_json(&case.evidence.report, &world.vcek);
        let report = json["attestation_report"].as_object_mut().unwrap();
        report.remove(name);
        let evidence = from_guest_components(json.to_string().as_bytes()).unwrap();
        let whole = std::mem::replace(&mut case.evidence, evidence);
        assert!(case.verify().is_err(), "{name}");
        case.evidence = whole;
    }
}

#[test]
fn a_byte_string_has_its_length() {
    for name in [
        "family_id",
        "image_id",
        "report_data",
        "measurement",
        "host_data",
        "id_key_digest",
        "author_key_digest",
        "report_id",
        "report_id_ma",
        "chip_id",
    ] {
        for change in [pop, push] {
            let mut wrong = good();
            change(&mut wrong["attestation_report"][name]);
            let wrong = from_guest_components(wrong.to_string().as_bytes());
            assert!(matches!(wrong, Err(JsonError::Length(seen)) if seen == name));
        }
    }
    for (name, path) in [("r", "signature.r"), ("s", "signature.s")] {
        let mut wrong = good();
        push(&mut wrong["attestation_report"]["signature"][name]);
        let wrong = from_guest_components(wrong.to_string().as_bytes());
        assert!(matches!(wrong, Err(JsonError::Length(seen)) if seen == path));
    }
}

fn pop(list: &mut serde_json::Value) {
    list.as_array_mut().unwrap().pop();
}

fn push(list: &mut serde_json::Value) {
    list.as_array_mut().unwrap().push(0.into());
}

#[test]
fn the_entry_of_the_signing_key_counts_and_none_is_none() {
    let mut chain = good();
    // The report says that a VCEK signed it. What is no certificate stays what it is.
    chain["cert_chain"] = serde_json::json!([
        {"cert_type": "ARK", "data": [1]},
        {"cert_type": "VLEK", "data": [2]},
        {"cert_type": "VCEK", "data": [3]},
    ]);
    let evidence = from_guest_components(chain.to_string().as_bytes()).unwrap();
    assert_eq!(evidence.certificate, [3]);
    chain["cert_chain"] = serde_json::Value::Null;
    let evidence = from_guest_components(chain.to_string().as_bytes()).unwrap();
    assert!(evidence.certificate.is_empty());
}

#[test]
fn what_is_not_this_form_is_refused() {
    let text = good().to_string();
    let twice = text.replacen("\"vmpl\":0", "\"vmpl\":0,\"vmpl\":0", 1);
    let more = text.replacen("\"vmpl\":0", "\"vmpl\":0,\"other\":0", 1);
    assert_ne!(twice, text);
    for wrong in [
        "",
        "{}",
        "[]",
        "null",
        "{\"attestation_report\":{},\"cert_chain\":null}",
        &text.replace("\"VCEK\"", "7"),
        &text.replace("\"VCEK\"", "null"),
        &text.replace("\"VCEK\"", "[\"OTHER\"]"),
        &twice,
        &more,
        &format!("{text} x"),
    ] {
        let read = from_guest_components(wrong.as_bytes());
        assert!(matches!(read, Err(JsonError::Form(_))), "{wrong}");
    }
    // What should have stood there is said.
    let kind = text.replace("\"VCEK\"", "7");
    let Err(JsonError::Form(why)) = from_guest_components(kind.as_bytes()) else {
        panic!("{kind}");
    };
    assert!(
        why.to_string()
            .contains("the name of a kind of certificate, or an object with one")
    );
    // Real ones with a whole chain have 30 kB.
    let padded = format!("{}{text}", " ".repeat(80 * 1024 - text.len()));
    assert!(from_guest_components(padded.as_bytes()).is_ok());
    let long = format!(" {padded}");
    let read = from_guest_components(long.as_bytes());
    assert!(matches!(read, Err(JsonError::TooLong)));
}
