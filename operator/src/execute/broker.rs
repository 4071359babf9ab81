//! The port to the key broker, for secrets of single jobs: the only caller of its admin
//! API (Trustee v0.21, `kbs/src/api_server.rs`, and ours). Owners' secrets do not pass
//! here: guests ask for them themselves.
//!
//! What is there is derived from the jobs' records; what this process knows besides is
//! only what it saw itself: after a restart everything is done once more, which changes
//! nothing.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use job::{Digest, JobSecrets, Timestamp, Wait, WaitingFor};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt as _};
use reqwest::{Certificate, Client, Method, StatusCode, redirect};
use serde_json::json;
use zeroize::Zeroizing;

use crate::clock::now;
use crate::context::Context;
use crate::pod_state::bounded;
use crate::settings::BrokerSettings;

/// Longest wait for one answer. A job waits with it, and is told.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Life of a token: one call, and clocks that differ.
const TOKEN_SECS: u64 = 60;

/// How often the same secrets are put there again, at most.
const AGAIN_SECS: u64 = 55;

/// Attempts remembered. Above that all are forgotten, and some calls made once more.
const MOST: usize = 4096;

/// What is put in a secret's place before it is removed: a broker that says "not there"
/// and one that fails answer alike, and the removal of what is certainly there does not.
const NOTHING: &[u8] = b"revoked";

/// A broker, and how to speak to it.
#[derive(Clone)]
pub(crate) struct Broker(Arc<Inner>);

struct Inner {
    client: Client,
    settings: BrokerSettings,
    /// When secrets were put there last, by the attempt's HOST_DATA.
    put: Mutex<HashMap<Digest, Timestamp>>,
    /// Attempts whose secrets were taken out.
    revoked: Mutex<HashSet<Digest>>,
}

/// Why the broker did not do it. The provider reads it; no secret is in it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BrokerError {
    /// There is none.
    #[error("no key broker is configured for this operator (chart value broker.url)")]
    NotConfigured,
    /// The service does not say where the secret is.
    #[error("the service's jobSecrets do not say where the secret {0:?} is")]
    NotNamed(String),
    /// The Kubernetes Secret, or its key, is not there.
    #[error("the secret {0:?} cannot be read: {1}")]
    NotThere(String, String),
    /// The key that signs tokens.
    #[error("failed to sign a token for the key broker: {0}")]
    Key(String),
    /// It does not answer.
    #[error("the key broker cannot be reached: {0}")]
    Away(String),
    /// It answers no.
    #[error("the key broker answered {0} {1}")]
    Refused(StatusCode, String),
}

impl BrokerError {
    /// What a job waits for then.
    pub(crate) fn wait(&self) -> Wait {
        Wait {
            what: WaitingFor::Broker,
            text: self.to_string(),
        }
    }
}

impl Broker {
    /// A broker by these settings.
    ///
    /// # Errors
    /// When its certificate or its key is none.
    pub(crate) fn new(settings: BrokerSettings) -> anyhow::Result<Self> {
        let builder = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy()
            .timeout(TIMEOUT);
        let builder = match &settings.certificate {
            None => builder
                .tls_backend_preconfigured(relay::client_config().context("failed to set up TLS")?),
            Some(path) => {
                let pem = std::fs::read(path)
                    .with_context(|| format!("failed to read {}", path.display()))?;
                let roots = Certificate::from_pem_bundle(&pem);
                builder.tls_certs_only(
                    roots.with_context(|| format!("{} holds no certificate", path.display()))?,
                )
            }
        };
        let client = builder
            .build()
            .context("failed to set up HTTP for the key broker")?;
        let broker = Self(Arc::new(Inner {
            client,
            settings,
            put: Mutex::default(),
            revoked: Mutex::default(),
        }));
        broker
            .token()
            .context("failed to use the key broker's admin key")?;
        Ok(broker)
    }

    /// Whether this process took an attempt's secrets out.
    pub(crate) fn has_revoked(&self, host_data: Digest) -> bool {
        self.revoked().contains(&host_data)
    }

    fn revoked(&self) -> MutexGuard<'_, HashSet<Digest>> {
        // A poisoned lock holds a set that is whole.
        self.0
            .revoked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn put_at(&self) -> MutexGuard<'_, HashMap<Digest, Timestamp>> {
        self.0.put.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fresh token. The key is read each time, as it may have been changed.
    fn token(&self) -> Result<Zeroizing<String>, BrokerError> {
        let BrokerSettings {
            admin_key,
            issuer,
            audience,
            role,
            ..
        } = &self.0.settings;
        let failed = |error: String| BrokerError::Key(error);
        let read = std::fs::read(admin_key);
        let pem = Zeroizing::new(
            read.map_err(|error| failed(format!("{}: {error}", admin_key.display())))?,
        );
        let (algorithm, key) = EncodingKey::from_ed_pem(&pem)
            .map(|key| (Algorithm::EdDSA, key))
            .or_else(|_| EncodingKey::from_ec_pem(&pem).map(|key| (Algorithm::ES256, key)))
            .map_err(|_| {
                failed(format!(
                    "{} holds no private key of Ed25519 or P-256 (PKCS #8, PEM)",
                    admin_key.display()
                ))
            })?;
        let at = now();
        let claims = json!({
            "iss": issuer, "aud": audience, "role": role,
            "iat": at.as_secs(), "exp": at.plus(TOKEN_SECS).as_secs(),
        });
        let token = encode(&Header::new(algorithm), &claims, &key);
        token
            .map(Zeroizing::new)
            .map_err(|error| failed(error.to_string()))
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Zeroizing<Vec<u8>>,
    ) -> Result<(), BrokerError> {
        let away = |error: reqwest::Error| {
            let mut text = error.without_url().to_string();
            if text.is_empty() {
                "no answer".clone_into(&mut text);
            }
            BrokerError::Away(bounded(&text))
        };
        let url = format!("{}/kbs/v0/resource/{path}", self.0.settings.url);
        let request = self
            .0
            .client
            .request(method, url)
            .bearer_auth(&*self.token()?);
        let answer = request.body(body.to_vec()).send().await.map_err(away)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        Err(BrokerError::Refused(status, variant(answer).await))
    }

    async fn put(
        &self,
        host_data: Digest,
        name: &str,
        secret: Zeroizing<Vec<u8>>,
    ) -> Result<(), BrokerError> {
        self.call(Method::POST, &path(host_data, name), secret)
            .await
    }

    async fn remove(&self, host_data: Digest, names: &[String]) -> Result<(), BrokerError> {
        for name in names {
            self.put(host_data, name, Zeroizing::new(NOTHING.to_vec()))
                .await?;
            self.call(Method::DELETE, &path(host_data, name), Zeroizing::default())
                .await?;
        }
        Ok(())
    }
}

/// Where the guest with this HOST_DATA asks for it (`docs/protocol.md`, 10).
fn path(host_data: Digest, name: &str) -> String {
    format!("cdvm/{host_data}/{name}")
}

/// The name of what a KBS says went wrong, and no other word of it.
async fn variant(mut answer: reqwest::Response) -> String {
    // An error is short; nothing longer is read.
    let Ok(Some(chunk)) = answer.chunk().await else {
        return String::new();
    };
    let body: serde_json::Value = serde_json::from_slice(&chunk).unwrap_or_default();
    let kind = body
        .get("type")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    let name = kind.rsplit('/').next().unwrap_or_default();
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .take(64)
        .collect()
}

/// Puts an attempt's own secrets into the broker.
///
/// # Errors
/// When one of them is not there after that: its machine must not start.
pub(crate) async fn grant(context: &Context, secrets: &JobSecrets) -> Result<(), BrokerError> {
    let broker = context.broker.as_ref().ok_or(BrokerError::NotConfigured)?;
    let values = values(context, secrets).await?;
    for (name, value) in values {
        broker.put(secrets.host_data, &name, value).await?;
    }
    let mut put = broker.put_at();
    if put.len() >= MOST {
        put.clear();
    }
    put.insert(secrets.host_data, now());
    Ok(())
}

/// Puts them there again, beside the rounds, unless that was done a moment ago.
pub(crate) async fn grant_again(context: &Context, secrets: &JobSecrets) {
    let Some(broker) = context.broker.clone() else {
        return;
    };
    let (at, host_data) = (now(), secrets.host_data);
    let before = broker.put_at().insert(host_data, at);
    if before.is_some_and(|before| at.since(before) < AGAIN_SECS) {
        // Its time runs from when it was really done.
        broker
            .put_at()
            .extend(before.map(|before| (host_data, before)));
        return;
    }
    let values = match values(context, secrets).await {
        Ok(values) => values,
        Err(error) => {
            tracing::warn!(%error, "secrets were not put into the key broker again");
            return;
        }
    };
    tokio::spawn(async move {
        let names: Vec<String> = values.iter().map(|(name, _)| name.clone()).collect();
        for (name, value) in values {
            if let Err(error) = broker.put(host_data, &name, value).await {
                tracing::warn!(%error, "a secret was not put into the key broker again");
            }
        }
        // Its job may have ended meanwhile: nothing is left behind.
        if broker.has_revoked(host_data)
            && let Err(error) = broker.remove(host_data, &names).await
        {
            tracing::error!(%error, %host_data, "secrets of a job that is over may be left in the key broker");
        }
    });
}

/// Takes an attempt's own secrets out.
///
/// # Errors
/// When that is not certain.
pub(crate) async fn revoke(context: &Context, secrets: &JobSecrets) -> Result<(), BrokerError> {
    let broker = context.broker.as_ref().ok_or(BrokerError::NotConfigured)?;
    {
        let mut revoked = broker.revoked();
        if revoked.len() >= MOST {
            revoked.clear();
        }
        revoked.insert(secrets.host_data);
    }
    let done = broker.remove(secrets.host_data, &secrets.names).await;
    if done.is_err() {
        broker.revoked().remove(&secrets.host_data);
    }
    broker.put_at().remove(&secrets.host_data);
    done
}

/// The secrets' values, from where the service says they are.
async fn values(
    context: &Context,
    secrets: &JobSecrets,
) -> Result<Vec<(String, Zeroizing<Vec<u8>>)>, BrokerError> {
    let services = context.services.state();
    let service = services
        .iter()
        .find(|service| service.name_any() == secrets.service);
    let mut values = Vec::with_capacity(secrets.names.len());
    for name in &secrets.names {
        let named = service.and_then(|service| service.spec.job_secret(name));
        let place = named.ok_or_else(|| BrokerError::NotNamed(name.clone()))?;
        let api: Api<Secret> = Api::namespaced(context.client.clone(), &context.settings.namespace);
        let not_there = |why: String| BrokerError::NotThere(name.clone(), why);
        let secret = api.get(&place.name).await.map_err(|error| match error {
            kube::Error::Api(status) if status.code == 404 => {
                not_there(format!("there is no Secret {:?}", place.name))
            }
            kube::Error::Api(status) if status.code == 403 => not_there(format!(
                "this operator may not read the Secret {:?}: name it in the chart's broker.jobSecretNames",
                place.name
            )),
            error => not_there(bounded(&error.to_string())),
        })?;
        let mut data = secret.data.unwrap_or_default();
        let value = data.remove(&place.key).map(|value| Zeroizing::new(value.0));
        let value = value.ok_or_else(|| {
            not_there(format!(
                "the Secret {:?} has no key {:?}",
                place.name, place.key
            ))
        })?;
        values.push((name.clone(), value));
    }
    Ok(values)
}

#[cfg(test)]
mod tests;
