//! A blob server for development, in this process: Blossom's upload and download
//! (BUD-01, BUD-02) with the authorization of BUD-11, in memory.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, put};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use job::Digest;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Largest blob it takes.
const MAX_BLOB: usize = 256 * 1024 * 1024;

type Blobs = Arc<Mutex<HashMap<String, Bytes>>>;

/// A running blob server; it ends when this is dropped.
pub struct DevBlossom {
    url: String,
    blobs: Blobs,
    task: JoinHandle<()>,
}

impl DevBlossom {
    /// Starts a server on an address; port 0 takes a free one.
    pub async fn start(address: IpAddr, port: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::new(address, port))
            .await
            .context("failed to start the blob server")?;
        let url = format!("http://{}", listener.local_addr()?);
        let blobs = Blobs::default();
        let router = Router::new()
            .route("/upload", put(upload))
            .route("/{sha256}", get(download))
            .layer(DefaultBodyLimit::max(MAX_BLOB))
            .with_state(blobs.clone());
        let task = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { url, blobs, task })
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every blob it holds.
    pub fn blobs(&self) -> Vec<Bytes> {
        lock(&self.blobs).values().cloned().collect()
    }
}

impl Drop for DevBlossom {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn upload(State(blobs): State<Blobs>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let digest = Digest::of(&body).to_string();
    if !authorized(&headers, &digest) {
        return StatusCode::UNAUTHORIZED;
    }
    lock(&blobs).insert(digest, body);
    StatusCode::CREATED
}

async fn download(
    State(blobs): State<Blobs>,
    Path(sha256): Path<String>,
) -> Result<Bytes, StatusCode> {
    lock(&blobs)
        .get(&sha256)
        .cloned()
        .ok_or(StatusCode::NOT_FOUND)
}

/// Whether the header carries a signed event for exactly this upload.
fn authorized(headers: &HeaderMap, digest: &str) -> bool {
    let event = headers
        .get("Authorization")
        .and_then(|value| value.to_str().ok()?.strip_prefix("Nostr "))
        .and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .and_then(|json| dvm::parse_event(&String::from_utf8(json).ok()?).ok());
    let Some(event) = event else { return false };
    let tag = |name: &str| {
        let mut tags = event.tags.iter();
        tags.find_map(|tag| match tag.as_slice() {
            [first, value] if first == name => Some(value.as_str()),
            _ => None,
        })
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_secs());
    let expires = tag("expiration").and_then(|text| text.parse::<u64>().ok());
    event.kind == dvm::kind::BLOB_AUTH
        && tag("t") == Some("upload")
        && tag("x") == Some(digest)
        && tag("server").is_some()
        && expires.is_some_and(|expires| expires > now)
}

fn lock(blobs: &Blobs) -> std::sync::MutexGuard<'_, HashMap<String, Bytes>> {
    blobs.lock().unwrap_or_else(PoisonError::into_inner)
}
