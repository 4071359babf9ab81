//! Receiving: the one message that starts the job, its data, and the secrets the
//! terms name. What does not fit is refused with a reason the customer can use.

use dvm::input::Start;
use dvm::payload::Payload;
use job::{AgentExit, Digest, Manifest, Terms};
use relay::Blobs;
use zeroize::Zeroizing;

use crate::channel::Channel;
use crate::clock;
use crate::guest::Guest;
use crate::stop::Stop;

/// Everything a workload is given.
pub(crate) struct Material {
    /// `/cdvm/job/input/0`, …
    pub(crate) inputs: Vec<Zeroizing<Vec<u8>>>,
    /// `/cdvm/job/params/NAME`.
    pub(crate) params: Vec<(String, Vec<String>)>,
    /// `/cdvm/job/secrets/NAME`.
    pub(crate) secrets: Vec<(String, Zeroizing<Vec<u8>>)>,
    /// Which input it is, for acceptance and result.
    pub(crate) digest: Digest,
}

/// Waits for the starting message and fetches what it names.
pub(crate) async fn receive(
    manifest: &Manifest,
    channel: &mut Channel,
    blobs: &Blobs,
) -> Result<Material, Stop> {
    let terms = manifest.terms();
    let deadline = clock::now()
        .plus(terms.input.wait_seconds)
        .min(manifest.deployment().not_after);
    let start = tokio::time::timeout(clock::until(deadline), start(channel))
        .await
        .map_err(|_| Stop::new(AgentExit::NoInput, "no input came in time"))??;
    let params = params(manifest, &start).map_err(bad_input)?;
    let inputs = inputs(terms, &start, blobs).await.map_err(bad_input)?;
    Ok(Material {
        inputs,
        params,
        secrets: Vec::new(),
        digest: start.digest(),
    })
}

fn bad_input(text: String) -> Stop {
    Stop::new(AgentExit::BadInput, text)
}

/// The first message by the customer that means to start the job.
async fn start(channel: &mut Channel) -> Result<Start, Stop> {
    loop {
        let rumor = channel.next_from_customer().await;
        if rumor.kind != channel.order().kind() {
            continue;
        }
        return Start::from_rumor(&rumor, channel.order())
            .map_err(|error| bad_input(format!("the starting message cannot be read: {error}")));
    }
}

/// Parameters of order and starting message together, as the terms want them.
fn params(manifest: &Manifest, start: &Start) -> Result<Vec<(String, Vec<String>)>, String> {
    // Those of the order were checked when the manifest was made.
    let mut params = manifest.order().params().to_vec();
    let known = &manifest.terms().params;
    for (name, values) in &start.params {
        let param = known.iter().find(|param| param.name == *name);
        let fits = param.is_some_and(|param| {
            param.values.is_empty() || values.iter().all(|value| param.values.contains(value))
        });
        if !fits {
            return Err(format!(
                "the parameter {name:?} is not one the service takes"
            ));
        }
        params.push((name.clone(), values.clone()));
    }
    let given = |name: &String| params.iter().any(|(seen, _)| seen == name);
    let missing = known
        .iter()
        .find(|param| param.required && !given(&param.name));
    match missing {
        Some(param) => Err(format!("the parameter {:?} is required", param.name)),
        None => Ok(params),
    }
}

async fn inputs(
    terms: &Terms,
    start: &Start,
    blobs: &Blobs,
) -> Result<Vec<Zeroizing<Vec<u8>>>, String> {
    let most = terms.input.max_bytes;
    let total: u64 = start.inputs.iter().map(Payload::len).sum();
    if total > most {
        return Err(format!(
            "the input has {total} bytes, and this job takes {most}"
        ));
    }
    let mut inputs = Vec::new();
    for input in &start.inputs {
        inputs.push(match input {
            Payload::Inline(data) => data.clone(),
            Payload::Blob(blob) => {
                // A customer may not make this guest call arbitrary servers.
                let known = |url: &String| {
                    let mut servers = terms.blob_servers.iter();
                    servers.any(|server| relay::lies_on(url, server))
                };
                if !blob.urls.iter().all(known) {
                    return Err("the input lies on a server the offer does not name".to_owned());
                }
                let fetched = blobs.fetch(blob, most).await;
                fetched.map_err(|error| format!("the input could not be fetched: {error}"))?
            }
        });
    }
    Ok(inputs)
}

/// Secrets of the terms, from the broker the init data name: only this attested
/// guest gets them.
pub(crate) async fn secrets(
    manifest: &Manifest,
    host_data: Digest,
    guest: &Guest,
) -> Result<Vec<(String, Zeroizing<Vec<u8>>)>, Stop> {
    let mut secrets = Vec::new();
    for secret in &manifest.terms().secrets {
        let refused = || {
            let text = format!("the broker refused the secret {:?}", secret.name);
            Stop::new(AgentExit::SecretRefused, text)
        };
        let value = guest
            .resource(&secret.path(host_data))
            .await
            .ok_or_else(refused)?;
        secrets.push((secret.name.clone(), value));
    }
    Ok(secrets)
}
