//! The broker over HTTP, with the paths, statuses and texts of Trustee v0.21
//! (`kbs/src/api_server.rs`, `error.rs`): 404 for a path that is none, 401 for all else.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use zeroize::Zeroizing;

use crate::broker::{Broker, Refused, Shown};
use crate::rcar::{Attestation, Challenge, ErrorInformation, MAX_BODY, Request, Token};
use crate::session::{COOKIE, LIFETIME_SECS, SessionId};

/// Where Trustee's errors are named.
const ERRORS: &str = "https://github.com/confidential-containers/kbs/errors";

/// All paths.
pub fn router(broker: Arc<Broker>) -> Router {
    Router::new()
        .route("/kbs/v0/auth", post(auth))
        .route("/kbs/v0/attest", post(attest))
        .route(
            "/kbs/v0/resource/{*path}",
            get(read).post(write).delete(delete),
        )
        .route("/healthz", get(|| async { StatusCode::OK }))
        .route("/metrics", get(metrics))
        .fallback(nowhere)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(broker)
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let variant = match &self {
            Self::Auth(_) | Self::Attest => "AttestationError",
            Self::NoToken => "TokenNotFound",
            Self::Token => "TokenVerifierError",
            Self::Denied => "PolicyDeny",
            Self::Admin(_) => "AdminAuthInitialization",
            Self::Internal(_) => "PluginInternalError",
        };
        let detail = match &self {
            Self::Auth(_) | Self::Attest => format!("Attestation error: {self}"),
            _ => self.to_string(),
        };
        error(StatusCode::UNAUTHORIZED, variant, detail)
    }
}

fn error(status: StatusCode, variant: &str, detail: String) -> Response {
    let body = ErrorInformation {
        error_type: format!("{ERRORS}/{variant}"),
        detail,
    };
    let body = serde_json::to_string(&body).unwrap_or_default();
    (status, body).into_response()
}

fn json(value: &impl serde::Serialize) -> Response {
    let body = serde_json::to_string(value).unwrap_or_default();
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

fn cookie(session: SessionId) -> [(header::HeaderName, String); 1] {
    let value = format!("{COOKIE}={session}; Max-Age={LIFETIME_SECS}");
    [(header::SET_COOKIE, value)]
}

async fn auth(State(broker): State<Arc<Broker>>, body: Bytes) -> Result<Response, Refused> {
    let request: Request = serde_json::from_slice(&body)
        .map_err(|_| Refused::Auth("deserialize Request".to_owned()))?;
    let (session, nonce) = broker.challenge(&request)?;
    broker.metrics.challenges.inc();
    let challenge = Challenge {
        nonce,
        extra_params: "",
    };
    Ok((cookie(session), json(&challenge)).into_response())
}

async fn attest(
    State(broker): State<Arc<Broker>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let session = session_cookie(&headers)
        .and_then(SessionId::parse)
        .ok_or(Refused::Attest)?;
    let attestation: Attestation<'_> =
        serde_json::from_slice(&body).map_err(|_| Refused::Attest)?;
    let token = broker.attest(session, &attestation).await?;
    Ok((cookie(session), json(&Token { token })).into_response())
}

async fn read(
    State(broker): State<Arc<Broker>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let mut shown = Vec::with_capacity(2);
    shown.extend(session_cookie(&headers).map(Shown::Cookie));
    shown.extend(bearer(&headers).map(Shown::Bearer));
    let guest = broker.guest(&shown)?;
    let sealed = broker.release(&guest, &path).await?;
    Ok(json(&sealed))
}

async fn write(
    State(broker): State<Arc<Broker>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let secret = Zeroizing::new(body.to_vec());
    broker.write(authorization(&headers), &path, secret).await?;
    Ok(StatusCode::OK.into_response())
}

async fn delete(
    State(broker): State<Arc<Broker>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    broker.delete(authorization(&headers), &path).await?;
    Ok(StatusCode::OK.into_response())
}

async fn metrics(State(broker): State<Arc<Broker>>) -> String {
    broker.metrics.text()
}

async fn nowhere(uri: axum::http::Uri) -> Response {
    match uri.path().strip_prefix("/kbs/v0/") {
        Some(rest) => {
            let name: String = rest
                .split('/')
                .next()
                .unwrap_or_default()
                .chars()
                .take(64)
                .collect();
            let detail = format!("Plugin {name} not found");
            error(StatusCode::NOT_FOUND, "PluginNotFound", detail)
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn authorization(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = authorization(headers)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The session among all cookies (RFC 6265, 5.4).
fn session_cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}
