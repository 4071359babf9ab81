//! A blob server, as far as these stories need one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, put};

type Store = Arc<Mutex<BTreeMap<String, Bytes>>>;

/// Starts a server; its URL, and what it stores.
pub(crate) async fn serve() -> (String, Store) {
    let store = Store::default();
    let router = Router::new()
        .route("/upload", put(upload))
        .route("/{hash}", get(download))
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::clone(&store));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, store)
}

async fn upload(State(store): State<Store>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let authorization = headers
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    if !authorization.is_some_and(|value| value.starts_with("Nostr ")) {
        return StatusCode::UNAUTHORIZED;
    }
    let hash = job::Digest::of(&body).to_string();
    store.lock().unwrap().insert(hash, body);
    StatusCode::OK
}

async fn download(
    State(store): State<Store>,
    Path(hash): Path<String>,
) -> Result<Bytes, StatusCode> {
    store
        .lock()
        .unwrap()
        .get(&hash)
        .cloned()
        .ok_or(StatusCode::NOT_FOUND)
}
