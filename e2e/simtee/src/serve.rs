//! The guest half: first process of a sandbox, in the pod's network namespace. It
//! answers the host's requests and serves the guest components' API. It ends when the
//! sandbox ends.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, UnixListener, UnixStream};

use crate::api;
use crate::guest::Guest;

/// Runs the guest until the sandbox ends.
pub(crate) fn run() -> Result<()> {
    let launch = std::fs::read_to_string("/state/launch.json")
        .context("failed to read what this machine was launched with")?;
    let launch = serde_json::from_str(&launch)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to start the runtime")?;
    match Guest::boot(launch, Path::new("/machine")) {
        Ok(guest) => runtime.block_on(serve(Arc::new(guest))),
        // A machine that does not boot answers nothing: its sandbox fails.
        Err(error) => {
            std::fs::write("/state/failure", format!("{error:#}"))?;
            Err(error)
        }
    }
}

async fn serve(guest: Arc<Guest>) -> Result<()> {
    let api = TcpListener::bind("127.0.0.1:8006")
        .await
        .context("failed to serve the guest's API")?;
    tokio::spawn(api::serve(api, guest.clone()));
    let path = Path::new("/state/guest.sock");
    let socket = UnixListener::bind(path).context("failed to open the guest's socket")?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    loop {
        let (stream, _) = socket.accept().await?;
        let guest = guest.clone();
        tokio::spawn(async move {
            if let Err(error) = answer(stream, &guest).await {
                let _ = writeln!(std::io::stderr(), "simtee: {error:#}");
            }
        });
    }
}

async fn answer(stream: UnixStream, guest: &Guest) -> Result<()> {
    let (read, mut write) = stream.into_split();
    let mut line = String::new();
    BufReader::new(read).read_line(&mut line).await?;
    let request: Value = serde_json::from_str(&line)?;
    let name = request
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let body = request.get("body").unwrap_or(&Value::Null);
    let answer = match guest.decide(name, body) {
        Ok(()) => json!({}),
        Err(error) => json!({"refused": format!("{error:#}")}),
    };
    write.write_all(format!("{answer}\n").as_bytes()).await?;
    Ok(())
}
