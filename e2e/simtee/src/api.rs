//! The guest components' HTTP API on 127.0.0.1:8006 (api-server-rest v0.21):
//! evidence, resources, info, with the real one's status codes and texts.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Path, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::json;
use tokio::net::TcpListener;

use crate::cdh;
use crate::guest::Guest;

/// Serves until the process ends.
pub(crate) async fn serve(listener: TcpListener, guest: Arc<Guest>) {
    let router = Router::new()
        .route("/aa/evidence", get(evidence))
        .route("/aa/token", get(token))
        .route("/cdh/resource/{repository}/{kind}/{tag}", get(resource))
        .route("/info", get(info))
        .fallback(|| async { (StatusCode::NOT_FOUND, "URL NOT FOUND") })
        .layer(from_fn(loopback_only))
        .with_state(guest);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    // The listener is loopback's own; it ends with the process.
    drop(axum::serve(listener, service).await);
}

async fn loopback_only(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if !peer.ip().is_loopback() {
        return StatusCode::FORBIDDEN.into_response();
    }
    next.run(request).await
}

#[derive(Deserialize)]
struct EvidenceQuery {
    runtime_data: Option<String>,
    encoding: Option<String>,
}

async fn evidence(State(guest): State<Arc<Guest>>, Query(query): Query<EvidenceQuery>) -> Response {
    if !guest.attestation_enabled() {
        return (StatusCode::NOT_FOUND, "Attestation Feature Not Enabled").into_response();
    }
    let Some(text) = query.runtime_data else {
        return (StatusCode::BAD_REQUEST, "missing runtime_data").into_response();
    };
    let data = match query.encoding.as_deref() {
        None => text.into_bytes(),
        Some("base64") => match URL_SAFE_NO_PAD.decode(text) {
            Ok(data) => data,
            Err(_) => return (StatusCode::BAD_REQUEST, "bad base64").into_response(),
        },
        Some(_) => return (StatusCode::BAD_REQUEST, "bad encoding").into_response(),
    };
    // The firmware takes 64 bytes: longer is an error, shorter is padded.
    let mut padded = [0; 64];
    match padded.get_mut(..data.len()) {
        Some(start) => start.copy_from_slice(&data),
        None => return failure("[AA] [ERROR]: Get evidence failed"),
    }
    match guest.evidence(padded) {
        Ok(evidence) => (StatusCode::OK, evidence.to_string()).into_response(),
        Err(_) => failure("[AA] [ERROR]: Get evidence failed"),
    }
}

/// No key broker is configured in this guest: every token fails.
async fn token(State(guest): State<Arc<Guest>>) -> Response {
    if !guest.attestation_enabled() {
        return (StatusCode::NOT_FOUND, "Attestation Feature Not Enabled").into_response();
    }
    failure("[AA] [ERROR]: Get token failed")
}

/// A resource of the broker. One that is not there, or not released: they look alike.
async fn resource(
    State(guest): State<Arc<Guest>>,
    Path((repository, kind, tag)): Path<(String, String, String)>,
) -> Response {
    match cdh::fetch(&guest, &format!("{repository}/{kind}/{tag}")).await {
        Ok(secret) => (StatusCode::OK, secret).into_response(),
        Err(error) => {
            // Of a real guest nobody sees this either, but its own log.
            let _ = writeln!(std::io::stderr(), "simtee: {error:#}");
            failure("[CDH] [ERROR]: Get Resource failed")
        }
    }
}

async fn info(State(guest): State<Arc<Guest>>) -> Response {
    let all = guest.attestation_enabled();
    let mut info = json!({
        "version": "simulated",
        "feature": if all { "all" } else { "resource" },
    });
    if let (true, Some(fields)) = (all, info.as_object_mut()) {
        fields.insert("tee".to_owned(), "snp".into());
    }
    (StatusCode::OK, info.to_string()).into_response()
}

fn failure(text: &'static str) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
}
