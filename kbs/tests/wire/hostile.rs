//! What is no guest gets nothing, costs little, and reads one word.

use dvm::Keys;
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::broker::{Folder, RESOURCE};
use crate::guest::{Guest, client, manifest_of, order, terms};

async fn answer(response: reqwest::Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap_or_default();
    let variant = body["type"].as_str().unwrap_or_default();
    let variant = variant.rsplit('/').next().unwrap().to_owned();
    (
        status,
        variant,
        body["detail"].as_str().unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn a_handshake_that_is_none_is_refused_as_trustee_does() {
    let folder = Folder::new();
    let broker = folder.start();
    let guest = Guest::new(&broker.url());
    for body in [
        "",
        "{",
        "{}",
        "null",
        r#"{"version":"0.4.0"}"#,
        r#"{"version":"0.3.0","tee":"snp"}"#,
        r#"{"version":"0.4.0","tee":"sample"}"#,
        r#"{"version":4,"tee":"snp"}"#,
        &"[".repeat(100_000),
    ] {
        let (status, variant, detail) =
            answer(guest.post("auth", None, body.to_owned()).await).await;
        assert_eq!((status, &*variant), (401, "AttestationError"), "{body:.60}");
        assert!(detail.contains("RCAR handshake Auth failed"), "{detail}");
    }
}

#[tokio::test]
async fn evidence_that_is_none_is_refused_in_one_word_and_its_owner_reads_why() {
    let folder = Folder::new();
    let broker = folder.start();
    let guest = Guest::new(&broker.url());
    let (cookie, nonce) = guest.challenge().await;
    let whole = guest.attestation(&nonce);
    let with = |change: fn(&mut Value)| {
        let mut value = whole.clone();
        change(&mut value);
        value.to_string()
    };
    let attempts = [
        (None, whole.to_string()),
        (Some("kbs-session-id=".to_owned()), whole.to_string()),
        (
            Some(format!("kbs-session-id={}", "0".repeat(32))),
            whole.to_string(),
        ),
        (Some(cookie.to_uppercase()), whole.to_string()),
        (Some(cookie.clone()), String::new()),
        (Some(cookie.clone()), "[".repeat(100_000)),
        (Some(cookie.clone()), with(|v| v["init-data"] = json!(null))),
        (
            Some(cookie.clone()),
            with(|v| v["init-data"]["format"] = json!("json")),
        ),
        (
            Some(cookie.clone()),
            with(|v| v["init-data"]["body"] = json!("")),
        ),
        (
            Some(cookie.clone()),
            with(|v| {
                let text = v["init-data"]["body"].as_str().unwrap().to_owned() + "\n";
                v["init-data"]["body"] = json!(text);
            }),
        ),
        (
            Some(cookie.clone()),
            with(|v| v["runtime-data"]["nonce"] = json!("AAAA")),
        ),
        (
            Some(cookie.clone()),
            with(|v| v["runtime-data"]["tee-pubkey"]["x"] = json!("AAAA")),
        ),
        (
            Some(cookie.clone()),
            with(|v| v["runtime-data"]["tee-pubkey"]["alg"] = json!("RSA1_5")),
        ),
        (
            Some(cookie.clone()),
            with(|v| v["tee-evidence"]["primary_evidence"] = json!({})),
        ),
        (
            Some(cookie.clone()),
            with(|v| {
                v["tee-evidence"]["primary_evidence"]["attestation_report"]["vmpl"] = json!(1);
            }),
        ),
        (
            Some(cookie.clone()),
            with(|v| v["tee-evidence"]["additional_evidence"] = json!("{\"nvidia\":{}}")),
        ),
    ];
    for (cookie, body) in attempts {
        let (status, variant, detail) =
            answer(guest.post("attest", cookie.as_deref(), body.clone()).await).await;
        assert_eq!(
            (status, &*variant),
            (401, "AttestationError"),
            "{body:.200}"
        );
        assert_eq!(detail, "Attestation error: RCAR handshake Attest failed");
    }
    // After all of that the honest answer is taken.
    let response = guest.post("attest", Some(&cookie), whole.to_string()).await;
    assert_eq!(response.status(), StatusCode::OK);
    // And the owner can read what each was refused by.
    let checks: Vec<String> = folder
        .events("not-attested")
        .iter()
        .map(|line| line["reason"]["check"].as_str().unwrap().to_owned())
        .collect();
    for check in [
        "init data",
        "manifest",
        "nonce",
        "key",
        "evidence",
        "devices",
        "signature",
    ] {
        assert!(
            checks.iter().any(|seen| seen == check),
            "{check}: {checks:?}"
        );
    }
}

#[tokio::test]
async fn evidence_for_another_challenge_is_refused() {
    let folder = Folder::new();
    let broker = folder.start();
    let guest = Guest::new(&broker.url());
    let (_, nonce) = guest.challenge().await;
    // By the same genuine machine, a moment before.
    let (fresh, other) = guest.challenge().await;
    let mut replayed = guest.attestation(&nonce);
    for said in [&nonce, &other] {
        replayed["runtime-data"]["nonce"] = json!(said);
        let body = replayed.to_string();
        let (status, ..) = answer(guest.post("attest", Some(&fresh), body).await).await;
        assert_eq!(status, 401);
    }
    let checks: Vec<Value> = folder.events("not-attested");
    let checks: Vec<&Value> = checks.iter().map(|line| &line["reason"]["check"]).collect();
    assert_eq!(checks, ["nonce", "REPORT_DATA"]);
}

#[tokio::test]
async fn paths_bodies_and_tokens_that_are_none_are_refused() {
    let folder = Folder::new();
    let broker = folder.start();
    let (url, client) = (broker.url(), client());
    for (path, status, variant) in [
        ("kbs/v0/nothing", 404, "PluginNotFound"),
        ("kbs/v0/resource-policy", 404, "PluginNotFound"),
        ("kbs/v0/resource/a/b/c", 401, "TokenNotFound"),
        ("elsewhere", 404, ""),
    ] {
        let (seen, name, _) =
            answer(client.get(format!("{url}/{path}")).send().await.unwrap()).await;
        assert_eq!((seen, &*name), (status, variant), "{path}");
    }
    let long = client
        .post(format!("{url}/kbs/v0/attest"))
        .body("x".repeat(2 * 1024 * 1024 + 1));
    assert_eq!(
        long.send().await.unwrap().status(),
        StatusCode::PAYLOAD_TOO_LARGE
    );
    for token in ["x", "a.b.c", "eyJhbGciOiJub25lIn0.eyJqdGkiOiIwIn0."] {
        let request = client.get(format!("{url}/kbs/v0/resource/a/b/c"));
        let request = request.header("authorization", format!("Bearer {token}"));
        let (status, variant, _) = answer(request.send().await.unwrap()).await;
        assert_eq!((status, &*variant), (401, "TokenVerifierError"), "{token}");
    }
    let health = client.get(format!("{url}/healthz")).send().await.unwrap();
    assert_eq!(health.status(), StatusCode::OK);
}

/// An order nobody signed runs in no guest of ours; a broker believes none either.
#[tokio::test]
async fn an_order_that_its_customer_did_not_sign_is_refused() {
    let folder = Folder::new();
    folder.grant("score", "unlimited");
    let broker = folder.start();
    let mut event = order(&Keys::generate()).event().clone();
    event.sig = "11".repeat(64);
    let forged = job::Order::from_event(event, |_| true).unwrap();
    let guest = Guest::of(&broker.url(), &manifest_of(forged, terms(), 1));
    let (cookie, nonce) = guest.challenge().await;
    let body = guest.attestation(&nonce).to_string();
    let (status, ..) = answer(guest.post("attest", Some(&cookie), body).await).await;
    assert_eq!(status, 401);
    assert_eq!(
        folder.events("not-attested")[0]["reason"]["check"],
        "manifest"
    );
    assert_eq!(
        Guest::new(&broker.url()).fetch(RESOURCE).await.as_deref(),
        Some(crate::broker::SECRET)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thousands_of_hostile_requests_are_forgotten_and_the_honest_one_is_served() {
    const CALLERS: usize = 8;
    const EACH: usize = 1_000;
    let folder = Folder::new();
    folder.grant("score", "unlimited");
    let broker = folder.start();
    assert!(Guest::new(&broker.url()).fetch(RESOURCE).await.is_some());
    let before = broker.resident();
    let callers = (0..CALLERS).map(|_| {
        let url = broker.url();
        tokio::spawn(async move {
            let client = client();
            let genuine = Guest::new(&url).attestation("AAAA").to_string();
            for number in 0..EACH {
                let cookie = format!("kbs-session-id={:032x}", number * 7_919);
                let request = match number % 4 {
                    // Sessions that are never answered.
                    0 => client
                        .post(format!("{url}/kbs/v0/auth"))
                        .body(r#"{"version":"0.4.0","tee":"snp"}"#),
                    1 => client
                        .post(format!("{url}/kbs/v0/attest"))
                        .header("cookie", cookie)
                        .body(genuine.clone()),
                    2 => client
                        .get(format!("{url}/kbs/v0/resource/{RESOURCE}"))
                        .header("cookie", cookie),
                    _ => client
                        .post(format!("{url}/kbs/v0/resource/cdvm/a/b"))
                        .body("x".repeat(10_000)),
                };
                let expected = if number % 4 == 0 {
                    StatusCode::OK
                } else {
                    StatusCode::UNAUTHORIZED
                };
                assert_eq!(request.send().await.unwrap().status(), expected);
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    // What connections hold while they last, and no more with each request.
    let grown = broker.resident().saturating_sub(before);
    assert!(grown < 24_000_000, "{grown} bytes more");
    assert!(Guest::new(&broker.url()).fetch(RESOURCE).await.is_some());
    assert_eq!(folder.events("released").len(), 2);
}
