//! One order, offer and manifest for the tests of this crate. Keys, ids and
//! signatures are made up: test vectors, valid in form only.

use crate::{
    Attempt, Deployment, Event, ImageRef, JobId, Manifest, Offer, OfferContent, OfferId, Order,
    PublicKey, Terms, Timestamp,
};

pub(crate) const NOW: u64 = 1_790_000_000;

pub(crate) fn terms() -> Terms {
    serde_json::from_value(serde_json::json!({
        "workload": {
            "image": format!("registry.example/analyse@sha256:{}", "91".repeat(32)),
            "imageEnv": ["PATH=/"],
            "argv": ["/analyse"],
            "env": [{"name": "LANG", "value": "C"}],
        },
        "params": [
            {"name": "delimiter", "required": false, "values": [",", ";"]},
            {"name": "min-count", "required": false, "values": []},
        ],
        "input": {"maxBytes": 67_108_864, "waitSeconds": 600, "chat": false},
        "output": {"from": "stdout", "maxBytes": 16_777_216},
        "network": {"allow": []},
        "secrets": [],
        "resources": {"vcpus": 2, "memoryMiB": 3072},
        "timeoutSeconds": 900,
        "blobServers": ["https://blobs.example"],
        "kbs": null,
    }))
    .unwrap()
}

pub(crate) fn offer() -> Offer {
    Offer {
        id: OfferId::from_bytes([0x0f; 32]),
        provider: PublicKey::from_bytes([4; 32]),
        service: "analyse".to_owned(),
        kind: 5999,
        content: OfferContent {
            name: "analyse".to_owned(),
            about: "statistics over a confidential table".to_owned(),
            cdvm: terms(),
        },
    }
}

pub(crate) fn order() -> Order {
    order_with(&[["param", "delimiter", ";"]])
}

pub(crate) fn order_with(params: &[[&str; 3]]) -> Order {
    let mut event = event();
    let params = params.iter().map(|tag| tag.map(str::to_owned).to_vec());
    event.tags.extend(params);
    Order::from_event(event, |_| true).unwrap()
}

pub(crate) fn event() -> Event {
    let tag = |values: &[&str]| values.iter().map(|&value| value.to_owned()).collect();
    Event {
        id: JobId::from_bytes([2; 32]),
        pubkey: PublicKey::from_bytes([3; 32]),
        created_at: NOW,
        kind: 5999,
        tags: vec![
            tag(&["p", &"04".repeat(32)]),
            tag(&["challenge", &"05".repeat(32)]),
            tag(&["relays", "wss://relay.example"]),
            tag(&["expiration", &(NOW + 3600).to_string()]),
            tag(&["offer", &"0f".repeat(32)]),
        ],
        content: String::new(),
        sig: "00".repeat(64),
    }
}

pub(crate) fn agent() -> ImageRef {
    format!("registry.example/agent@sha256:{}", "77".repeat(32))
        .parse()
        .unwrap()
}

pub(crate) fn deployment() -> Deployment {
    Deployment {
        attempt: Attempt::FIRST,
        not_after: Timestamp::from_secs(NOW + 1800),
        agent: agent(),
    }
}

pub(crate) fn manifest() -> Manifest {
    Manifest::new(order(), terms(), deployment()).unwrap()
}
