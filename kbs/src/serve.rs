//! Running the broker: what it listens on, what it reads again, and how it ends.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use job::{Timestamp, Trust};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

use crate::args::{Place, Serve};
use crate::tls;
use kbs::admin::Admin;
use kbs::broker::{Broker, Parts};
use kbs::grants::Grants;
use kbs::ledger::Ledger;
use kbs::server::router;

/// Most connections at a time; more wait in the kernel's queue.
const CONNECTIONS: usize = 256;

/// Longest wait for a TLS handshake, and for the headers of a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often grants and trust are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Each so many looks, half an hour, what no job can need any more is forgotten.
const SWEEP: u32 = 900;

/// Runs until told to stop.
pub(crate) async fn serve(place: &Place, serve: Serve) -> Result<()> {
    let plain = serve.transport.insecure_http_on_loopback;
    if plain && !serve.listen.ip().is_loopback() {
        bail!(
            "plain HTTP is for loopback alone, and {} is not: use TLS",
            serve.listen
        );
    }
    let mut state = place.open()?;
    let lock = place.lock()?;
    place.require_newest(&state)?;
    let vault = place.vault(&mut state)?;
    let text = read_trust(&serve)?;
    let trust = Trust::parse(&text, serve.simulated())
        .with_context(|| format!("failed to read {}", serve.trust_file.display()))?;
    let admin = match &serve.admin_file {
        None => Admin::nobody(),
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("failed to read {}", path.display()))?;
            Admin::parse(&text).with_context(|| format!("failed to use {}", path.display()))?
        }
    };
    let tls = tls::acceptor(&serve.transport, &place.state)?;
    let broker = Broker::start(
        Parts {
            clock: Arc::new(now),
            trust,
            grants: Grants::new(place.grants.clone()),
            ledger: Ledger::start(state, place.head())?,
            vault,
            admin,
        },
        env!("CARGO_PKG_VERSION"),
    );
    let broker = Arc::new(broker.await?);
    let listener = TcpListener::bind(serve.listen)
        .await
        .with_context(|| format!("failed to listen on {}", serve.listen))?;
    tracing::info!(address = %listener.local_addr()?, tls = tls.is_some(), "the broker listens");
    if serve.accept_simulated_evidence_nothing_is_confidential {
        tracing::warn!("SIMULATED evidence is accepted: nothing is confidential");
    }
    tokio::select! {
        () = accept(listener, tls, router(broker.clone())) => {}
        () = look(&broker, &serve, text) => {}
        () = told_to_stop() => tracing::info!("told to stop"),
    }
    drop(lock);
    Ok(())
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, router: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, for one: others go on.
                tracing::warn!(%error, "failed to take a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (tls, router) = (tls.clone(), router.clone());
        tokio::spawn(async move {
            connection(stream, tls, router).await;
            drop(place);
        });
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, router: Router) {
    // A request is small; its answer should not wait for more.
    let _ = stream.set_nodelay(true);
    match tls {
        None => speak(stream, router).await,
        Some(tls) => {
            if let Ok(Ok(stream)) = tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
                speak(stream, router).await;
            }
        }
    }
}

async fn speak(stream: impl AsyncRead + AsyncWrite + Unpin, router: Router) {
    let spoken = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    // What the other side breaks is its own.
    let _ = spoken.await;
}

/// Looks again at what may change while it runs.
async fn look(broker: &Broker, serve: &Serve, mut trust: String) {
    let mut said = String::new();
    for look in 0_u32.. {
        tokio::time::sleep(LOOK).await;
        if look.is_multiple_of(SWEEP)
            && let Err(error) = broker.sweep().await
        {
            say(
                &mut said,
                &format!("old secrets of jobs were not forgotten: {error}"),
            );
        }
        if let Err(error) = broker.refresh_grants().await {
            say(
                &mut said,
                &format!("{error:#}: what counted before counts still"),
            );
        }
        match read_trust(serve) {
            Ok(text) if text == trust => {}
            Ok(text) => match broker.set_trust(&text, serve.simulated()) {
                Ok(()) => {
                    tracing::info!("the trust file was read");
                    trust = text;
                }
                Err(error) => say(
                    &mut said,
                    &format!("{error:#}: what was trusted is trusted still"),
                ),
            },
            Err(error) => say(
                &mut said,
                &format!("{error:#}: what was trusted is trusted still"),
            ),
        }
    }
}

/// Each trouble once.
fn say(said: &mut String, text: &str) {
    if said != text {
        tracing::error!("{text}");
        text.clone_into(said);
    }
}

fn read_trust(serve: &Serve) -> Result<String> {
    let path = &serve.trust_file;
    std::fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))
}

/// The broker's clock.
pub(crate) fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::from_secs(since.map_or(0, |since| since.as_secs()))
}

async fn told_to_stop() {
    let wait = |kind| async move {
        match signal(kind) {
            Ok(mut signals) => {
                signals.recv().await;
            }
            // Without the handler the signal ends the process at once.
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        () = wait(SignalKind::terminate()) => {}
        () = wait(SignalKind::interrupt()) => {}
    }
}
