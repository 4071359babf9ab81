//! The operator's secrets of one job, and what its role may not do.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::broker::{Broker, Folder, RESOURCE, now};
use crate::guest::{Guest, client};

/// TEST VECTOR: an Ed25519 key made with `openssl genpkey -algorithm ed25519`.
const KEY: &str = include_str!("administrator.pem");
const PUBLIC: &str = include_str!("administrator.pub.pem");

fn administrators() -> String {
    format!(
        "[[identity_providers]]\nissuer = \"operator\"\naudience = \"kbs\"\npublic_key = '''\n{PUBLIC}'''\n\
         [[acls]]\nrole = \"jobs\"\nallowed_endpoints = \"^/kbs/v0/resource/cdvm/.+$\"\n"
    )
}

fn token(change: impl FnOnce(&mut Value)) -> String {
    let mut claims =
        json!({"iss": "operator", "aud": "kbs", "role": "jobs", "iat": now(), "exp": now() + 60});
    change(&mut claims);
    let key = EncodingKey::from_ed_pem(KEY.as_bytes()).unwrap();
    encode(&Header::new(Algorithm::EdDSA), &claims, &key).unwrap()
}

fn start(folder: &Folder) -> Broker {
    std::fs::write(folder.path("admin.toml"), administrators()).unwrap();
    folder.start_with(&[
        "--insecure-http-on-loopback",
        "--admin-file",
        &folder.text("admin.toml"),
    ])
}

async fn call(
    broker: &Broker,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: &str,
) -> (u16, String) {
    let url = format!("{}/kbs/v0/resource/{path}", broker.url());
    let mut request = client().request(method, url).body(body.to_owned());
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default();
    let variant = body["type"]
        .as_str()
        .unwrap_or_default()
        .rsplit('/')
        .next()
        .unwrap();
    (status, variant.to_owned())
}

#[tokio::test]
async fn a_secret_of_one_job_goes_to_its_machine_and_is_gone_when_deleted() {
    let folder = Folder::new();
    let broker = start(&folder);
    let (guest, other) = (Guest::new(&broker.url()), Guest::new(&broker.url()));
    let path = format!("cdvm/{}/own", guest.host_data);
    let token = token(|_| {});
    assert_eq!(guest.fetch(&path).await, None);
    assert_eq!(
        call(&broker, Method::POST, &path, Some(&token), "of this job")
            .await
            .0,
        200
    );
    assert_eq!(other.fetch(&path).await, None);
    assert_eq!(guest.fetch(&path).await.as_deref(), Some("of this job"));
    // Put there again, as after a restart of the broker: the same machine.
    assert_eq!(
        call(&broker, Method::POST, &path, Some(&token), "of this job")
            .await
            .0,
        200
    );
    assert_eq!(guest.fetch(&path).await.as_deref(), Some("of this job"));
    // A name the terms do not ask for.
    let unasked = format!("cdvm/{}/another", guest.host_data);
    assert_eq!(
        call(&broker, Method::POST, &unasked, Some(&token), "x")
            .await
            .0,
        200
    );
    assert_eq!(guest.fetch(&unasked).await, None);
    assert_eq!(
        call(&broker, Method::DELETE, &path, Some(&token), "")
            .await
            .0,
        200
    );
    assert_eq!(guest.fetch(&path).await, None);
    let gone = call(&broker, Method::DELETE, &path, Some(&token), "").await;
    assert_eq!(gone, (401, "PluginInternalError".to_owned()));
}

#[tokio::test]
async fn a_role_writes_where_its_rule_says_and_reads_nothing() {
    let folder = Folder::new();
    folder.grant("score", "unlimited");
    let broker = start(&folder);
    let good = token(|_| {});
    let denied = (401, "AdminAuthInitialization".to_owned());
    for path in [RESOURCE, "cdvm2/a/b", "acme/cdvm/x"] {
        for method in [Method::POST, Method::DELETE] {
            assert_eq!(
                call(&broker, method, path, Some(&good), "mine").await,
                denied,
                "{path}"
            );
        }
    }
    // Ways to write one path as another.
    for path in [
        "cdvm/../acme/models/score-1",
        "cdvm%2Fa%2Fb",
        "cdvm/a/b%2F..%2Fc",
        "acme/models/score-1?/cdvm/a/b",
        "cdvm//a/b",
    ] {
        let (status, _) = call(&broker, Method::POST, path, Some(&good), "mine").await;
        assert!(status == 401 || path == "cdvm%2Fa%2Fb", "{path}: {status}");
    }
    let read = call(&broker, Method::GET, RESOURCE, Some(&good), "").await;
    assert_eq!(read, (401, "TokenVerifierError".to_owned()));
    assert_eq!(
        Guest::new(&broker.url()).fetch(RESOURCE).await.as_deref(),
        Some(crate::broker::SECRET)
    );
    // Tokens that are none.
    let path = format!("cdvm/{}/own", "ab".repeat(32));
    for wrong in [
        token(|c| c["exp"] = json!(now() - 3600)),
        token(|c| c["iss"] = json!("another")),
        token(|c| c["aud"] = json!("another")),
        token(|c| c["role"] = json!("admin")),
        token(|c| {
            c.as_object_mut().unwrap().remove("exp");
        }),
        token(|c| {
            c.as_object_mut().unwrap().remove("aud");
        }),
        token(|c| {
            c.as_object_mut().unwrap().remove("role");
        }),
        token(|c| c["nbf"] = json!(now() + 3600)),
        format!("{}x", token(|_| {})),
        encode(
            &Header::new(Algorithm::HS256),
            &json!({"iss": "operator", "aud": "kbs", "role": "jobs", "exp": now() + 60}),
            &EncodingKey::from_secret(PUBLIC.as_bytes()),
        )
        .unwrap(),
    ] {
        assert_eq!(
            call(&broker, Method::POST, &path, Some(&wrong), "x").await,
            denied
        );
    }
    assert_eq!(call(&broker, Method::POST, &path, None, "x").await, denied);
    // Too long is said as Trustee says it.
    let long = "x".repeat(2 * 1024 * 1024 + 1);
    assert_eq!(
        call(&broker, Method::POST, &path, Some(&good), &long)
            .await
            .0,
        413
    );
    assert_eq!(
        call(&broker, Method::POST, &path, Some(&good), "x").await.0,
        StatusCode::OK.as_u16()
    );
}

#[tokio::test]
async fn without_administrators_nobody_writes() {
    let folder = Folder::new();
    let broker = folder.start();
    let path = format!("cdvm/{}/own", "ab".repeat(32));
    let denied = (401, "AdminAuthInitialization".to_owned());
    assert_eq!(
        call(&broker, Method::POST, &path, Some(&token(|_| {})), "x").await,
        denied
    );
    assert_eq!(
        call(&broker, Method::DELETE, &path, Some(&token(|_| {})), "").await,
        denied
    );
}
