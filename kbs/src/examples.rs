//! Guests for the tests of this crate. Keys and signatures are made up: test vectors,
//! valid in form only.

use job::{Attempt, Deployment, Digest, Manifest, Order, Terms, Timestamp, init_data};

use crate::guest::Guest;
use crate::rcar::TeeKey;

pub(crate) const NOW: u64 = 1_790_000_000;
pub(crate) const RESOURCE: &str = "acme/models/score-1";

pub(crate) fn terms() -> Terms {
    serde_json::from_value(serde_json::json!({
        "workload": {
            "image": format!("registry.example/score@sha256:{}", "91".repeat(32)),
            "imageEnv": ["PATH=/"],
            "argv": ["/score"],
            "env": [{"name": "LANG", "value": "C"}],
        },
        "params": [],
        "input": {"maxBytes": 67_108_864, "waitSeconds": 600, "chat": false},
        "output": {"from": "stdout", "maxBytes": 16_777_216},
        "network": {"allow": []},
        "secrets": [
            {"name": "model-key", "resource": format!("kbs:///{RESOURCE}")},
            {"name": "own", "resource": "job"},
        ],
        "resources": {"vcpus": 2, "memoryMiB": 3072},
        "timeoutSeconds": 900,
        "blobServers": [],
        "kbs": {"url": "https://kbs.example", "certificate": ""},
    }))
    .unwrap()
}

pub(crate) fn order(customer: u8) -> Order {
    let tag =
        |values: &[&str]| -> Vec<String> { values.iter().map(|&value| value.to_owned()).collect() };
    let event = serde_json::json!({
        "id": format!("{customer:02x}").repeat(32),
        "pubkey": format!("{customer:02x}").repeat(32),
        "created_at": NOW,
        "kind": 5999,
        "tags": [
            tag(&["p", &"04".repeat(32)]),
            tag(&["challenge", &"05".repeat(32)]),
            tag(&["relays", "wss://relay.example"]),
            tag(&["expiration", &(NOW + 3600).to_string()]),
            tag(&["offer", &"0f".repeat(32)]),
        ],
        "content": "",
        "sig": "00".repeat(64),
    });
    Order::from_event(serde_json::from_value(event).unwrap(), |_| true).unwrap()
}

pub(crate) fn manifest_with(order: Order, terms: Terms, attempt: u32) -> Manifest {
    let deployment = Deployment {
        attempt: Attempt::try_from(attempt).unwrap(),
        not_after: Timestamp::from_secs(NOW + 1800),
        agent: format!("registry.example/agent@sha256:{}", "77".repeat(32))
            .parse()
            .unwrap(),
    };
    Manifest::new(order, terms, deployment).unwrap()
}

pub(crate) fn manifest(attempt: u32) -> Manifest {
    manifest_with(order(3), terms(), attempt)
}

/// A guest as if it had been attested.
pub(crate) fn guest(manifest: &Manifest, instance: &str) -> Guest {
    Guest {
        host_data: init_data(manifest).map_or(Digest::of(b""), |data| data.digest()),
        manifest: manifest.clone(),
        key: TeeKey::Rsa {
            alg: String::new(),
            n: String::new(),
            e: String::new(),
        },
        instance: instance.to_owned(),
        chip: "c1".repeat(64),
        measurement: "aa".repeat(48),
        simulated: true,
    }
}
