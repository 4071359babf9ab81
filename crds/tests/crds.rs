//! The CRD YAML in the chart is written from the types, and the examples are of
//! these types. What the schema's rules refuse is shown on a real API server
//! (`e2e/tests/bad_input.rs`).

// A failed test is reported by stopping at once.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs;
use std::path::Path;

use crds::{ConfidentialJob, ConfidentialService};
use kube::core::CustomResourceExt as _;

/// Writes `charts/confidential-dvm/crds/NAME.yaml` and fails when it had to.
fn written(name: &str, crd: &impl serde::Serialize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../charts/confidential-dvm/crds")
        .join(name);
    let text = format!(
        "# Written by crds/tests/crds.rs from the types in crds/src. Do not edit.\n{}",
        serde_saphyr::to_string(crd).unwrap()
    );
    let old = fs::read_to_string(&path).unwrap_or_default();
    if old != text {
        fs::write(&path, text).unwrap();
        panic!("{name} was out of date and has been written: look at it and commit it");
    }
}

#[test]
fn the_charts_crds_are_those_of_the_types() {
    written("confidentialjobs.yaml", &ConfidentialJob::crd());
    written("confidentialservices.yaml", &ConfidentialService::crd());
}

#[test]
fn the_examples_are_services_once_they_are_built() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    for name in ["analyse", "redact"] {
        let text = fs::read_to_string(examples.join(name).join("service.yaml")).unwrap();
        let service: ConfidentialService = serde_saphyr::from_str(&text).unwrap();
        let error = service.offer_content().unwrap_err();
        assert!(error.contains("build it: make images"), "{error}");
        let built = text.replace(&"0".repeat(64), &"ab".repeat(32));
        let service: ConfidentialService = serde_saphyr::from_str(&built).unwrap();
        assert_eq!(service.offer_content().unwrap().name, name);
    }
}
