//! Delivering: the result, sealed to the customer, sent again until the customer
//! says that it arrived.

use std::time::Duration;

use dvm::outcome::{Outcome, Received};
use dvm::payload::Payload;
use dvm::seal::MAX_RUMOR;
use job::{AgentExit, Digest, Manifest, Timestamp};
use relay::Blobs;
use zeroize::Zeroizing;

use crate::channel::Channel;
use crate::clock;
use crate::stop::Stop;

/// Wait before the result is sent again: same message, fresh wrap.
const RESEND: Duration = Duration::from_secs(5);

/// With a quorum's word that it has the result, this much longer for the
/// customer's.
const ACKNOWLEDGE: Duration = Duration::from_mins(1);

/// Sends the result until it was received or the job is over.
pub(crate) async fn deliver(
    manifest: &Manifest,
    channel: &mut Channel,
    blobs: &Blobs,
    data: Zeroizing<Vec<u8>>,
    input: Digest,
    partials: u64,
) -> Stop {
    let order = channel.order().clone();
    let digest = Digest::of(&data);
    let mut outcome = Outcome {
        payload: Payload::Inline(data),
        input,
        partials,
    };
    if outcome
        .to_rumor(&order, channel.key(), clock::now())
        .json_len()
        > MAX_RUMOR
    {
        outcome.payload = match store(manifest, blobs, outcome.payload).await {
            Ok(payload) => payload,
            Err(text) => return Stop::new(AgentExit::Undeliverable, text),
        };
    }
    let rumor = outcome.to_rumor(&order, channel.key(), clock::now());
    let not_after = manifest.deployment().not_after;
    let mut accepted: Option<Timestamp> = None;
    loop {
        if channel.to_customer(&rumor).await && accepted.is_none() {
            accepted = Some(clock::now());
        }
        let wait = RESEND.min(clock::until(not_after));
        match tokio::time::timeout(wait, received(channel, digest)).await {
            Ok(()) => return Stop::new(AgentExit::Received, ""),
            Err(_)
                if accepted.is_some_and(|at| clock::now().since(at) >= ACKNOWLEDGE.as_secs()) =>
            {
                return Stop::new(AgentExit::Unacknowledged, "");
            }
            Err(_) if clock::now() >= not_after => {
                let (exit, text) = if accepted.is_some() {
                    (AgentExit::Unacknowledged, "")
                } else {
                    let text = "no quorum of relays took the result";
                    (AgentExit::Undeliverable, text)
                };
                return Stop::new(exit, text);
            }
            Err(_) => {}
        }
    }
}

/// A result too large for a message becomes a blob.
async fn store(manifest: &Manifest, blobs: &Blobs, payload: Payload) -> Result<Payload, String> {
    let Payload::Inline(data) = payload else {
        return Ok(payload);
    };
    let servers = &manifest.terms().blob_servers;
    match blobs.store(&data, servers, clock::now()).await {
        Ok(blob) => Ok(Payload::Blob(blob)),
        Err(error) => Err(format!("the result could not be stored: {error}")),
    }
}

/// Waits for the customer's word that this result arrived.
async fn received(channel: &mut Channel, output: Digest) {
    loop {
        let rumor = channel.next_from_customer().await;
        let receipt = Received::from_rumor(&rumor, channel.order());
        if receipt.is_ok_and(|receipt| receipt.output == output) {
            return;
        }
    }
}
