//! The guest's confidential data hub and attestation agent, as far as they speak to a key
//! broker: a token by RCAR 0.4.0, then the resource, as the guest components v0.21 do
//! (`attestation-agent/kbs_protocol`): a token is asked for up to five times, a resource
//! three times, each time after a 401 with a new token.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::{Certificate, Client, Response, StatusCode, redirect};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha384};

use crate::guest::Guest;
use crate::jwe::{Jwe, TeeKey};

/// Handshakes for one token, and the pause between two.
const HANDSHAKES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// Tries to fetch one resource.
const FETCHES: u32 = 3;

/// Longest wait for one answer; the API in front has 50 s for everything.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longest answer: a secret of 2 MiB in base64, twice.
const MAX_ANSWER: usize = 6 * 1024 * 1024;

/// A key broker, as init data name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broker {
    /// Where it is.
    pub(crate) url: String,
    /// The one certificate it may have, PEM; without it, those of the web.
    pub(crate) certificate: Option<String>,
}

/// `cdh.toml`, as far as it names a broker.
#[derive(Deserialize)]
struct Hub {
    kbc: Option<Kbc>,
}

#[derive(Deserialize)]
struct Kbc {
    name: String,
    url: Option<String>,
    kbs_cert: Option<String>,
}

/// `aa.toml`, likewise.
#[derive(Deserialize)]
struct Agent {
    token_configs: Option<Tokens>,
}

#[derive(Deserialize)]
struct Tokens {
    kbs: Option<Kbs>,
}

#[derive(Deserialize)]
struct Kbs {
    url: String,
    cert: Option<String>,
}

impl Broker {
    /// The broker of both configurations. The hub takes its tokens from the agent, so
    /// that two brokers are none.
    pub(crate) fn of(agent: Option<&str>, hub: Option<&str>) -> Result<Option<Self>> {
        let (Some(agent), Some(hub)) = (agent, hub) else {
            return Ok(None);
        };
        let agent: Agent = toml::from_str(agent).context("failed to read aa.toml")?;
        let hub: Hub = toml::from_str(hub).context("failed to read cdh.toml")?;
        let agent = agent.token_configs.and_then(|tokens| tokens.kbs);
        let hub = hub.kbc.filter(|kbc| kbc.name == "cc_kbc");
        let (Some(agent), Some(hub)) = (agent, hub) else {
            return Ok(None);
        };
        ensure!(
            Some(&agent.url) == hub.url.as_ref() && agent.cert == hub.kbs_cert,
            "aa.toml and cdh.toml name two brokers"
        );
        Ok(Some(Self {
            url: agent.url,
            certificate: agent.cert,
        }))
    }

    fn client(&self) -> Result<Client> {
        let builder = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(TIMEOUT);
        let builder = match &self.certificate {
            None => builder,
            Some(pem) => builder.tls_certs_only(Certificate::from_pem_bundle(pem.as_bytes())?),
        };
        builder.build().context("failed to make a client")
    }
}

/// A resource, `repository/type/tag`, opened.
pub(crate) async fn fetch(guest: &Guest, path: &str) -> Result<Vec<u8>> {
    let broker = guest.broker().context("the init data name no broker")?;
    let client = broker.client()?;
    let url = format!("{}/kbs/v0/resource/{path}", broker.url);
    for _ in 0..FETCHES {
        let (token, key) = token(guest, broker, &client).await?;
        let answer = client.get(&url).bearer_auth(token).send().await?;
        match answer.status() {
            StatusCode::OK => {
                let sealed: Jwe = serde_json::from_slice(&body(answer).await?)?;
                return key.open(&sealed);
            }
            StatusCode::UNAUTHORIZED => {}
            status => bail!("the broker answered {status}"),
        }
    }
    bail!("the broker refused the resource")
}

async fn token(guest: &Guest, broker: &Broker, client: &Client) -> Result<(String, TeeKey)> {
    let mut last = None;
    for attempt in 0..HANDSHAKES {
        if attempt > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        match handshake(guest, broker, client).await {
            Ok(done) => return Ok(done),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| anyhow::anyhow!("no handshake was tried")))
}

async fn handshake(guest: &Guest, broker: &Broker, client: &Client) -> Result<(String, TeeKey)> {
    #[derive(Deserialize)]
    struct Challenge {
        nonce: String,
    }
    #[derive(Deserialize)]
    struct Answer {
        token: String,
    }
    let request = json!({"version": "0.4.0", "tee": "snp", "extra-params":
        {"supported-hash-algorithms": ["sha256", "sha384", "sha512", "sm3"]}});
    let answer = post(
        client,
        &format!("{}/kbs/v0/auth", broker.url),
        None,
        &request,
    )
    .await?;
    let cookie = cookie(&answer);
    let challenge: Challenge = serde_json::from_slice(&body(answer).await?)?;
    let key = TeeKey::new(&random()?)?;
    let attestation = attestation(guest, &challenge.nonce, &key)?;
    let url = format!("{}/kbs/v0/attest", broker.url);
    let answer = post(client, &url, cookie.as_deref(), &attestation).await?;
    let answer: Answer = serde_json::from_slice(&body(answer).await?)?;
    Ok((answer.token, key))
}

/// What a guest says of itself for this nonce, and has signed.
fn attestation(guest: &Guest, nonce: &str, key: &TeeKey) -> Result<Value> {
    let public = key.public();
    // Texts alone, in an object whose names are sorted: its canonical form (RFC 8785).
    let bound = job::canonical::to_vec(
        &json!({"additional-evidence": "", "nonce": nonce, "tee-pubkey": public}),
    )?;
    let mut report_data = [0; 64];
    for (to, from) in report_data.iter_mut().zip(Sha384::digest(bound)) {
        *to = from;
    }
    Ok(json!({
        "init-data": {"format": "toml", "body": guest.init_data()},
        "runtime-data": {"nonce": nonce, "tee-pubkey": public},
        "tee-evidence": {"primary_evidence": guest.evidence(report_data)?, "additional_evidence": ""},
    }))
}

async fn post(client: &Client, url: &str, cookie: Option<&str>, body: &Value) -> Result<Response> {
    let mut request = client
        .post(url)
        .header("content-type", "application/json")
        .body(body.to_string());
    if let Some(cookie) = cookie {
        request = request.header("cookie", cookie);
    }
    let answer = request.send().await?;
    ensure!(
        answer.status() == StatusCode::OK,
        "the broker answered {}",
        answer.status()
    );
    Ok(answer)
}

/// `name=value` of the first cookie that is set.
fn cookie(answer: &Response) -> Option<String> {
    let set = answer.headers().get("set-cookie")?.to_str().ok()?;
    set.split(';').next().map(str::to_owned)
}

async fn body(mut answer: Response) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        ensure!(body.len() <= MAX_ANSWER, "the broker's answer is too long");
    }
    Ok(body)
}

/// Random bytes.
pub(crate) fn random() -> Result<[u8; 32]> {
    use std::io::Read as _;
    let mut bytes = [0; 32];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.context("there is no randomness")?;
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed test stops at once")]
mod tests {
    use super::Broker;

    const AGENT: &str = "[token_configs.kbs]\nurl = \"https://a\"\ncert = \"PEM\"\n";
    const HUB: &str =
        "[kbc]\nname = \"cc_kbc\"\nurl = \"https://a\"\nkbs_cert = \"PEM\"\n[image]\n";

    #[test]
    fn a_broker_is_named_by_both_configurations_or_by_none() {
        let broker = Broker::of(Some(AGENT), Some(HUB)).unwrap().unwrap();
        assert_eq!(
            (&*broker.url, broker.certificate.as_deref()),
            ("https://a", Some("PEM"))
        );
        for (agent, hub) in [
            (None, Some(HUB)),
            (Some(AGENT), None),
            (Some(""), Some(HUB)),
            (Some(AGENT), Some("[image]\n")),
            (Some(AGENT), Some(&*HUB.replace("cc_kbc", "offline_fs_kbc"))),
        ] {
            assert_eq!(Broker::of(agent, hub).unwrap(), None);
        }
        for hub in [
            HUB.replace("https://a", "https://b"),
            HUB.replace("PEM", "other"),
        ] {
            assert!(Broker::of(Some(AGENT), Some(&hub)).is_err());
        }
        assert!(Broker::of(Some("="), Some(HUB)).is_err());
    }
}
