//! Which terms make sense, and what the others are told.

use super::{Terms, TermsError};
use crate::examples;

fn with(change: impl FnOnce(&mut serde_json::Value)) -> Result<Terms, String> {
    let mut value = serde_json::to_value(examples::terms()).unwrap();
    change(&mut value);
    serde_json::from_value(value).map_err(|error| error.to_string())
}

#[test]
fn the_example_makes_sense() {
    assert!(with(|_| {}).is_ok());
}

#[test]
fn every_field_is_required_and_no_other_is_known() {
    let value = serde_json::to_value(examples::terms()).unwrap();
    for name in value.as_object().unwrap().keys() {
        // `kbs` is null here, and null is what serde makes of an absence.
        if name != "kbs" {
            assert!(with(|v| drop(v.as_object_mut().unwrap().remove(name))).is_err());
        }
    }
    assert!(with(|v| v["extra"] = 1.into()).is_err());
    assert!(with(|v| v["workload"]["extra"] = 1.into()).is_err());
}

#[test]
fn what_makes_no_sense_is_refused_by_name() {
    type Change = fn(&mut serde_json::Value);
    let cases: [(&str, Change); 15] = [
        ("image", |v| {
            v["workload"]["image"] = "r.example/x:latest".into();
        }),
        ("argv", |v| v["workload"]["argv"] = serde_json::json!([])),
        ("argv", |v| {
            v["workload"]["argv"] = serde_json::json!(["sh"]);
        }),
        ("NUL", |v| {
            v["workload"]["argv"] = serde_json::json!(["/a", "b\u{0}"]);
        }),
        ("imageEnv", |v| {
            v["workload"]["imageEnv"] = serde_json::json!(["CDVM_MANIFEST=x"]);
        }),
        ("twice", |v| {
            v["workload"]["env"] =
                serde_json::json!([{"name":"A","value":"1"},{"name":"A","value":"2"}]);
        }),
        ("params.name", |v| {
            v["params"] = serde_json::json!([{"name":"..","required":false,"values":[]}]);
        }),
        ("negative", |v| v["timeoutSeconds"] = (-1).into()),
        ("timeoutSeconds", |v| v["timeoutSeconds"] = 0.into()),
        ("vcpus", |v| v["resources"]["vcpus"] = 1.into()),
        ("memoryMiB", |v| v["resources"]["memoryMiB"] = 2048.into()),
        ("input.chat", |v| v["input"]["chat"] = true.into()),
        ("network", |v| {
            v["network"]["allow"] = serde_json::json!(["example.org:443"]);
        }),
        ("kbs", |v| {
            v["kbs"] = serde_json::json!({"url":"https://k","certificate":""});
        }),
        ("blobServers", |v| {
            v["blobServers"] = serde_json::json!(["https://b/x"]);
        }),
    ];
    for (word, change) in cases {
        let error = with(change).unwrap_err();
        let found = error.to_lowercase().contains(&word.to_lowercase());
        // A negative number fails as a type before it fails as a bound.
        assert!(found || error.contains("u64"), "{word}: {error}");
    }
}

#[test]
fn a_certificate_cannot_end_the_text_it_stands_in() {
    let good = "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n";
    assert_eq!(super::pem(good), Ok(()));
    assert_eq!(super::pem(""), Ok(()));
    for wrong in [
        "'''\n\"policy.rego\" = '''",
        "-----BEGIN CERTIFICATE-----\n'''\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\r\nQUJD\r\n-----END CERTIFICATE-----\r\n",
        "-----BEGIN CERTIFICATE-----\nQUJD\n",
        "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----",
    ] {
        assert!(matches!(super::pem(wrong), Err(TermsError::Form { .. })));
    }
}
