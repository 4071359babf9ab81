//! The admin API's client against a stand-in: what it sends, and what it makes of each
//! answer.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::any;
use job::{Digest, WaitingFor};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use reqwest::Method;
use zeroize::Zeroizing;

use super::{Broker, BrokerError, NOTHING};
use crate::settings::BrokerSettings;

/// TEST VECTOR: an Ed25519 key made with `openssl genpkey -algorithm ed25519`.
const PUBLIC: &[u8] = include_bytes!("test-key.pub.pem");

/// What a stand-in has, was asked for, and answers instead.
#[derive(Default)]
struct Seen {
    held: BTreeMap<String, Vec<u8>>,
    calls: Vec<(Method, String)>,
    claims: Vec<serde_json::Value>,
    instead: Option<(u16, &'static str)>,
}

type Shared = Arc<Mutex<Seen>>;

async fn answer(
    State(seen): State<Shared>,
    method: Method,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let mut seen = seen.lock().unwrap();
    seen.calls.push((method.clone(), path.clone()));
    let token = headers["authorization"]
        .to_str()
        .unwrap()
        .strip_prefix("Bearer ")
        .unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["kbs"]);
    validation.set_issuer(&["cdvm-operator"]);
    let key = DecodingKey::from_ed_pem(PUBLIC).unwrap();
    let claims = decode::<serde_json::Value>(token, &key, &validation)
        .unwrap()
        .claims;
    seen.claims.push(claims);
    if let Some((status, text)) = seen.instead {
        return (StatusCode::from_u16(status).unwrap(), text.to_owned());
    }
    let absent = "{\"type\":\"https://github.com/confidential-containers/kbs/errors/PluginInternalError\",\"detail\":\"x\"}";
    match method {
        Method::POST => drop(seen.held.insert(path, body.to_vec())),
        _ if seen.held.remove(&path).is_none() => {
            return (StatusCode::UNAUTHORIZED, absent.to_owned());
        }
        _ => {}
    }
    (StatusCode::OK, String::new())
}

fn key() -> PathBuf {
    PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/execute/broker/test-key.pem"
    ))
}

fn settings(url: String) -> BrokerSettings {
    BrokerSettings {
        url,
        certificate: None,
        admin_key: key(),
        issuer: "cdvm-operator".to_owned(),
        audience: "kbs".to_owned(),
        role: "cdvm-jobs".to_owned(),
    }
}

async fn stand_in() -> (Broker, Shared) {
    relay::install_crypto_provider();
    let seen = Shared::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new()
        .route("/kbs/v0/resource/{*path}", any(answer))
        .with_state(seen.clone());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (Broker::new(settings(url)).unwrap(), seen)
}

fn host_data() -> Digest {
    Digest::of(b"init data")
}

fn secret(text: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.as_bytes().to_vec())
}

#[tokio::test]
async fn a_secret_is_put_where_the_guest_asks_and_certainly_taken_out() {
    let (broker, seen) = stand_in().await;
    broker.put(host_data(), "own", secret("s")).await.unwrap();
    let path = format!("cdvm/{}/own", host_data());
    assert_eq!(seen.lock().unwrap().held[&path], b"s");
    // Also what is not there: it is put there as nothing, and removed.
    let names = ["own".to_owned(), "never-put".to_owned()];
    broker.remove(host_data(), &names).await.unwrap();
    broker.remove(host_data(), &names).await.unwrap();
    let seen = seen.lock().unwrap();
    assert!(seen.held.is_empty());
    assert!(!NOTHING.is_empty());
    let claims = &seen.claims[0];
    assert_eq!(
        (
            &claims["role"],
            claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap()
        ),
        (&"cdvm-jobs".into(), 60)
    );
}

#[tokio::test]
async fn whatever_else_it_answers_is_no_success_and_says_what_it_is() {
    let (broker, seen) = stand_in().await;
    let denied = "{\"type\":\"https://github.com/confidential-containers/kbs/errors/AdminAuthInitialization\",\"detail\":\"marker\"}";
    for (status, text, says) in [
        (401, denied, "401 Unauthorized AdminAuthInitialization"),
        (413, "payload reached size limit", "413 Payload Too Large"),
        (500, "", "500 Internal Server Error"),
        (302, "", "302 Found"),
        (404, "<html>garbage marker", "404 Not Found"),
    ] {
        seen.lock().unwrap().instead = Some((status, text));
        let error = broker
            .put(host_data(), "own", secret("s"))
            .await
            .unwrap_err();
        let wait = error.wait();
        assert_eq!(wait.what, WaitingFor::Broker);
        assert!(wait.text.contains(says), "{}", wait.text);
        assert!(!wait.text.contains("marker"), "{}", wait.text);
        assert!(
            broker
                .remove(host_data(), &["own".to_owned()])
                .await
                .is_err()
        );
    }
}

#[tokio::test]
async fn one_that_is_away_or_a_key_that_is_none_is_said_to_be_so() {
    relay::install_crypto_provider();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let broker = Broker::new(settings(url.clone())).unwrap();
    let error = broker
        .put(host_data(), "own", secret("s"))
        .await
        .unwrap_err();
    assert!(matches!(error, BrokerError::Away(_)), "{error}");
    for wrong in [
        "/nonexistent",
        concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"),
    ] {
        let settings = BrokerSettings {
            admin_key: wrong.into(),
            ..settings(url.clone())
        };
        assert!(Broker::new(settings).is_err(), "{wrong}");
    }
}
