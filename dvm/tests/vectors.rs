//! The protocol's vectors (`docs/protocol/v1/vectors`): from a signed order in a
//! manifest to init data, HOST_DATA and REPORT_DATA. What follows from a manifest is
//! written here; a test that had to write fails.

// A failed test is reported by stopping at once; the crate is pure, its tests read files.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

use std::fs;
use std::path::{Path, PathBuf};

use job::{Digest, Manifest, PublicKey, init_data, report_data};

/// A: `01…01`, as in the protocol's example.
const KEY: PublicKey = PublicKey::from_bytes([1; 32]);

fn v1() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol/v1")
}

/// Writes a file, and fails when that changed it.
fn written(path: &Path, text: &str) {
    if fs::read_to_string(path).unwrap_or_default() != text {
        fs::write(path, text).unwrap();
        panic!(
            "{} was out of date and has been written: look at it and commit it",
            path.display()
        );
    }
}

#[test]
fn every_vector_follows_from_its_manifest() {
    for name in ["small", "params", "secrets"] {
        let dir = v1().join("vectors").join(name);
        let bytes = fs::read(dir.join("manifest.json")).unwrap();
        let manifest = Manifest::parse(&bytes, dvm::verify).unwrap();
        assert_eq!(manifest.bytes(), bytes, "the canonical form");
        let init_data = init_data(&manifest).unwrap();
        written(&dir.join("initdata.toml"), init_data.as_str());
        let order = manifest.order();
        let report_data = report_data(
            KEY,
            order.id(),
            order.customer(),
            order.provider(),
            order.challenge(),
            manifest.digest(),
        );
        let text = format!(
            "manifest SHA-256  {}\nHOST_DATA         {}\nA                 {KEY}\nREPORT_DATA       {report_data}\n",
            manifest.digest(),
            init_data.digest(),
        );
        written(&dir.join("expected.txt"), &text);
    }
}

#[test]
fn the_templates_are_those_of_version_1() {
    let names = [
        "aa.toml",
        "cdh.toml",
        "initdata.toml",
        "policy.rego",
        "without-kbs/aa.toml",
        "without-kbs/cdh.toml",
    ];
    let sums = names.map(|name| {
        let bytes = fs::read(v1().join(name)).unwrap();
        format!("{}  {name}\n", Digest::of(&bytes))
    });
    written(&v1().join("SHA256SUMS"), &sums.concat());
}
