//! `devrelay ADDRESS`: a relay (7777), a blob server (3000) and a list of what
//! the relay holds (7778, `GET /events?p=KEY`), for the demo and for a laptop.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use e2e::blossom::DevBlossom;
use e2e::relay::DevRelay;
use job::{Event, PublicKey};

/// Ports: what relays and Blossom servers are often found on, and one beside.
const RELAY: u16 = 7777;
const LIST: u16 = 7778;
const BLOBS: u16 = 3000;

#[derive(serde::Deserialize)]
struct Asked {
    p: Option<PublicKey>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    ::relay::install_crypto_provider();
    let address: IpAddr = std::env::args()
        .nth(1)
        .context("usage: devrelay ADDRESS")?
        .parse()
        .context("ADDRESS is not an IP address")?;
    let relay = Arc::new(DevRelay::start(address, RELAY).await?);
    let blobs = DevBlossom::start(address, BLOBS).await?;
    println!(
        "relay {}  blobs {}  list http://{address}:{LIST}/events",
        relay.url(),
        blobs.url()
    );
    let router = Router::new().route("/events", get(list)).with_state(relay);
    let listener = tokio::net::TcpListener::bind(SocketAddr::new(address, LIST)).await?;
    axum::serve(listener, router).await?;
    Ok(())
}

async fn list(State(relay): State<Arc<DevRelay>>, Query(asked): Query<Asked>) -> Json<Vec<Event>> {
    Json(match asked.p {
        Some(reader) => relay.events_to(reader).await,
        None => relay.events().await,
    })
}
