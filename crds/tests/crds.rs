//! The CRD YAML in the chart is written from the types, and the schema's rules
//! refuse what they should, in words people can use.

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
