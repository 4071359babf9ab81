//! The whole story in the guest: open, prove, receive, work, seal, send.

use dvm::feedback::{Feedback, GuestNote, Status};
use job::{AgentExit, Manifest};
use relay::{Blobs, Plain};
use tokio::signal::unix::{SignalKind, signal};

use crate::channel::Channel;
use crate::deliver::deliver;
use crate::guest::Guest;
use crate::open::open;
use crate::prove::{Proof, prove};
use crate::receive::{receive, secrets};
use crate::stop::Stop;
use crate::work::work;

/// Runs the job of `environment` to its end.
pub(crate) async fn run(environment: Option<String>) -> AgentExit {
    let Some(manifest) = open(environment) else {
        return AgentExit::BadManifest;
    };
    let Ok(guest) = Guest::new() else {
        return AgentExit::Defect;
    };
    let proof = match prove(&manifest, &guest).await {
        Ok(proof) => proof,
        Err(exit) => return exit,
    };
    let Some(mut channel) = Channel::connect(proof.keys.clone(), manifest.order().clone()).await
    else {
        return AgentExit::Undeliverable;
    };
    let stop = tokio::select! {
        stop = live(&manifest, &guest, &proof, &mut channel) => stop,
        () = told_to_stop() => Stop::new(AgentExit::Stopped, "the provider stopped the machine"),
    };
    if !stop.text.is_empty() {
        channel.tell_error(&stop.text).await;
    }
    channel.note(GuestNote::Ended(stop.exit.code())).await;
    stop.exit
}

/// From the first word to the last.
async fn live(manifest: &Manifest, guest: &Guest, proof: &Proof, channel: &mut Channel) -> Stop {
    let Ok(blobs) = Blobs::new(Plain::Allowed) else {
        return Stop::new(AgentExit::Defect, "no HTTP in this guest");
    };
    let attested = tokio::time::timeout(
        crate::clock::until(manifest.deployment().not_after),
        channel.attest(&proof.attestation),
    );
    if attested.await.is_err() {
        return Stop::new(AgentExit::Undeliverable, "");
    }
    channel.note(GuestNote::Attested).await;

    let mut material = match receive(manifest, channel, &blobs).await {
        Ok(material) => material,
        Err(stop) => return stop,
    };
    let digest = material.digest;
    let mut accepted = Feedback::new(Status::Processing, "input accepted");
    accepted.input = Some(digest);
    tokio::join!(
        channel.tell(&accepted),
        channel.note(GuestNote::InputAccepted),
    );
    material.secrets = match secrets(manifest, proof.host_data, guest).await {
        Ok(secrets) => secrets,
        Err(stop) => return stop,
    };

    match work(manifest.terms(), material, channel).await {
        Ok(done) => {
            deliver(
                manifest,
                channel,
                &blobs,
                done.output,
                digest,
                done.partials,
            )
            .await
        }
        Err(stop) => stop,
    }
}

/// SIGTERM: the pod is being deleted.
async fn told_to_stop() {
    match signal(SignalKind::terminate()) {
        Ok(mut signals) => {
            signals.recv().await;
        }
        // Without the handler SIGTERM ends the process at once, which is as good.
        Err(_) => std::future::pending().await,
    }
}
