//! The broker: what a guest, and an administrator, may have of it. HTTP is `server`.

use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context as _;
use job::{Simulated, Timestamp, Trust};
use zeroize::Zeroizing;

use crate::admin::{Admin, Denied};
use crate::gate::Gate;
use crate::grant::{Limit, Limits};
use crate::grants::{Grants, What};
use crate::guest::{Guest, NotAttested, attest};
use crate::jwe::{self, Jwe};
use crate::ledger::{Ledger, LedgerError};
use crate::log::{Event, Who, Why};
use crate::metrics::Metrics;
use crate::rcar::{Attestation, Request, VERSION};
use crate::resource::Resource;
use crate::session::{SessionId, Sessions};
use crate::store::{self, Answer, Ask};
use crate::token::Tokens;
use crate::vault::Vault;

/// What time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Everything a broker is made of.
pub struct Broker {
    pub(crate) clock: Clock,
    pub(crate) metrics: Metrics,
    trust: RwLock<Arc<Trust>>,
    sessions: Sessions,
    tokens: Tokens,
    grants: Grants,
    ledger: Ledger,
    vault: Vault,
    admin: Admin,
    gate: Gate,
}

/// What was refused, and how a KBS says so.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The handshake's first half.
    #[error("RCAR handshake Auth failed: {0}")]
    Auth(String),
    /// Its second half. Why, the owner reads.
    #[error("RCAR handshake Attest failed")]
    Attest,
    /// Neither session nor token.
    #[error("Attestation Token not found")]
    NoToken,
    /// A token of somebody else's, or that is over.
    #[error("Token Verifier error")]
    Token,
    /// A secret that is not granted, or is not there: both look alike.
    #[error("Access denied by policy")]
    Denied,
    /// No administrator, or not of this.
    #[error("admin access denied: {0}")]
    Admin(Denied),
    /// A name of no secret, a secret that is not there for an administrator, or a state
    /// that cannot be written.
    #[error("Plugin internal error: {0}")]
    Internal(String),
}

impl From<LedgerError> for Refused {
    fn from(error: LedgerError) -> Self {
        Self::Internal(error.to_string())
    }
}

/// How a guest shows who it is.
#[derive(Clone, Copy, Debug)]
pub enum Shown<'a> {
    /// The session's cookie.
    Cookie(&'a str),
    /// The token.
    Bearer(&'a str),
}

/// What a broker is made from.
pub struct Parts {
    /// The time.
    pub clock: Clock,
    /// What is trusted.
    pub trust: Trust,
    /// The folder of grants.
    pub grants: Grants,
    /// The state.
    pub ledger: Ledger,
    /// The master key.
    pub vault: Vault,
    /// Administrators.
    pub admin: Admin,
}

impl Broker {
    /// A broker; its grants are read.
    ///
    /// # Errors
    /// When there is no randomness, or the state cannot be written.
    pub async fn start(parts: Parts, version: &str) -> anyhow::Result<Self> {
        let Parts {
            clock,
            trust,
            grants,
            ledger,
            vault,
            admin,
        } = parts;
        let now = clock();
        let started = Event::Started {
            version: version.to_owned(),
            simulated: trust.accepts_simulated(),
        };
        let written = ledger.write(move |state| store::append(state, &started, now.as_secs()));
        written.await.context("failed to begin the log")?;
        let broker = Self {
            metrics: Metrics::new(),
            trust: RwLock::new(Arc::new(trust)),
            sessions: Sessions::new().ok().context("there is no randomness")?,
            tokens: Tokens::new()?,
            gate: Gate::new(now),
            clock,
            grants,
            ledger,
            vault,
            admin,
        };
        broker.refresh_grants().await?;
        Ok(broker)
    }

    /// Reads grants that changed, and says so in the log.
    ///
    /// # Errors
    /// When the folder cannot be read, or the log not be written.
    pub async fn refresh_grants(&self) -> anyhow::Result<()> {
        for change in self.grants.refresh()? {
            let owner = change.owner;
            let (grants, digest) = match change.what {
                What::Read(count, digest) => (count as u64, digest.to_string()),
                What::Gone => (0, String::new()),
                What::Refused(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(
                        owner,
                        error,
                        "the grants make no sense: what counted before counts still"
                    );
                    self.metrics.bad_grants.inc();
                    continue;
                }
            };
            tracing::info!(owner, grants, "the grants were read");
            let event = Event::Grants {
                owner,
                grants,
                digest,
            };
            self.note(event).await?;
        }
        let count = i64::try_from(self.grants.count()).unwrap_or(i64::MAX);
        self.metrics.grants.set(count);
        Ok(())
    }

    /// Forgets secrets of single jobs that no job can need any more: an order lives for a
    /// week at most (`docs/protocol.md`, 2), and operators put them there again each minute.
    ///
    /// # Errors
    /// When the state cannot be written.
    pub async fn sweep(&self) -> Result<usize, LedgerError> {
        let now = (self.clock)();
        let before = now.minus(LONGEST_JOB_SECS).as_secs();
        let sweep = self
            .ledger
            .write(move |state| store::sweep(state, before, now.as_secs()));
        sweep.await
    }

    /// Trusts what this file says from now on.
    ///
    /// # Errors
    /// When it makes no sense: then what was trusted is trusted still.
    pub fn set_trust(&self, text: &str, simulated: Simulated) -> anyhow::Result<()> {
        let trust = Trust::parse(text, simulated)?;
        *self.trust.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(trust);
        Ok(())
    }

    async fn note(&self, event: Event) -> Result<(), LedgerError> {
        let now = (self.clock)().as_secs();
        let write = self
            .ledger
            .write(move |state| store::append(state, &event, now));
        write.await
    }

    /// A challenge for a guest: its session and its nonce.
    pub(crate) fn challenge(&self, request: &Request) -> Result<(SessionId, String), Refused> {
        if request.version != VERSION {
            let seen: String = request.version.chars().take(32).collect();
            let text = format!(
                "KBS Client Protocol Version Mismatch: expect ={VERSION} while the request is {seen}"
            );
            return Err(Refused::Auth(text));
        }
        if request.tee != "snp" {
            let text = "this broker verifies evidence of snp alone".to_owned();
            return Err(Refused::Auth(text));
        }
        let opened = self.sessions.open((self.clock)());
        opened.map_err(|_| Refused::Auth("there is no randomness".to_owned()))
    }

    /// The token of a guest whose evidence holds.
    pub(crate) async fn attest(
        &self,
        session: SessionId,
        attestation: &Attestation<'_>,
    ) -> Result<String, Refused> {
        let now = (self.clock)();
        let issue = || self.tokens.issue(session, now).map_err(|_| Refused::Attest);
        if self.sessions.guest(session, now).is_some() {
            return issue();
        }
        let nonce = self
            .sessions
            .challenge(session, now)
            .ok_or(Refused::Attest)?;
        let trust = self
            .trust
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match attest("snp", &nonce, attestation, &trust, now) {
            Ok(guest) => {
                self.metrics.attested.inc();
                self.sessions.attest(session, guest);
                issue()
            }
            Err(error) => {
                self.metrics.not_attested.inc();
                self.refuse_evidence(&error, now).await;
                Err(Refused::Attest)
            }
        }
    }

    async fn refuse_evidence(&self, error: &NotAttested, now: Timestamp) {
        let reason = Why::of("", &error.check());
        tracing::warn!(%reason, "evidence refused");
        let event = Event::NotAttested { reason };
        self.note_refusals(now, vec![event]).await;
    }

    async fn note_refusals(&self, now: Timestamp, mut events: Vec<Event>) {
        let Some(unlogged) = self.gate.pass(now) else {
            return;
        };
        if unlogged > 0 {
            events.insert(0, Event::Unlogged { refusals: unlogged });
        }
        let write = self.ledger.write(move |state| {
            for event in &events {
                store::append(state, event, now.as_secs())?;
            }
            Ok(())
        });
        if let Err(error) = write.await {
            tracing::error!(%error, "a refusal is not in the log");
        }
    }

    /// Who asks, if they were attested and their session is not over.
    pub(crate) fn guest(&self, shown: &[Shown<'_>]) -> Result<Arc<Guest>, Refused> {
        let now = (self.clock)();
        let mut last = Refused::NoToken;
        for shown in shown {
            let session = match shown {
                Shown::Cookie(id) => SessionId::parse(id),
                Shown::Bearer(token) => {
                    last = Refused::Token;
                    self.tokens.read(token)
                }
            };
            if let Some(guest) = session.and_then(|session| self.sessions.guest(session, now)) {
                return Ok(guest);
            }
        }
        Err(last)
    }

    /// A secret, sealed to the guest that may have it.
    pub(crate) async fn release(&self, guest: &Guest, path: &str) -> Result<Jwe, Refused> {
        let now = (self.clock)();
        let resource: Resource = path.parse().map_err(|_| Refused::Denied)?;
        let ask = self.ask(guest, &resource, now);
        let who = ask.guest.clone();
        let counted = self
            .ledger
            .write(move |state| store::release(state, ask, now.as_secs()));
        match counted.await? {
            Answer::Released(sealed) => {
                self.metrics.released.inc();
                let secret = self.vault.unseal(resource.as_str(), &sealed).ok_or_else(|| {
                    tracing::error!(%resource, "the secret does not open under the master key: it was changed at rest");
                    Refused::Denied
                })?;
                jwe::seal(&guest.key, &secret).map_err(|_| Refused::Denied)
            }
            Answer::Refused(reasons) => {
                self.metrics.refused.inc();
                for reason in &reasons {
                    tracing::warn!(%resource, order = who.order, %reason, "secret refused");
                }
                let event = Event::Refused {
                    resource: resource.to_string(),
                    reasons,
                    guest: who,
                };
                self.note_refusals(now, vec![event]).await;
                Err(Refused::Denied)
            }
        }
    }

    /// By what this guest may have it, as far as that is not counted.
    fn ask(&self, guest: &Guest, resource: &Resource, now: Timestamp) -> Ask {
        let mut ask = Ask {
            resource: resource.to_string(),
            permits: Vec::new(),
            refused: Vec::new(),
            guest: Who::of(guest),
        };
        if resource.is_of_a_job() {
            let secrets = &guest.manifest.terms().secrets;
            let is_own = secrets.iter().any(|secret| {
                secret.is_of_job() && secret.path(guest.host_data) == resource.as_str()
            });
            if is_own {
                // It is there for this one attempt, and goes to one machine.
                ask.permits.push((resource.to_string(), UNLIMITED));
            } else {
                let why = Why::new("", "secret", "one of this guest's own", resource.as_str());
                ask.refused.push(why);
            }
            return ask;
        }
        let grants = self.grants.of(resource);
        if grants.is_empty() {
            ask.refused
                .push(Why::new("", "grant", "one for this secret", "none"));
        }
        for grant in grants {
            match grant.allows(guest, now) {
                Ok(()) => ask.permits.push((grant.id.clone(), grant.limits)),
                Err(check) => ask.refused.push(Why::of(&grant.id, &check)),
            }
        }
        ask
    }

    /// Puts a secret there, for an administrator.
    pub(crate) async fn write(
        &self,
        header: Option<&str>,
        path: &str,
        secret: Zeroizing<Vec<u8>>,
    ) -> Result<(), Refused> {
        let (resource, role) = self.administrate(header, path)?;
        let sealed = self.vault.seal(resource.as_str(), &secret);
        let sealed = sealed.map_err(|error| Refused::Internal(error.to_string()))?;
        let now = (self.clock)().as_secs();
        let name = resource.to_string();
        let write = self
            .ledger
            .write(move |state| store::write(state, &name, &sealed, &role, now));
        write.await?;
        self.metrics.written.inc();
        Ok(())
    }

    /// Removes a secret, for an administrator.
    pub(crate) async fn delete(&self, header: Option<&str>, path: &str) -> Result<(), Refused> {
        let (resource, role) = self.administrate(header, path)?;
        let now = (self.clock)().as_secs();
        let name = resource.to_string();
        let delete = self
            .ledger
            .write(move |state| store::delete(state, &name, &role, now));
        if delete.await? {
            self.metrics.deleted.inc();
            Ok(())
        } else {
            Err(Refused::Internal(format!("there is no {resource}")))
        }
    }

    fn administrate(
        &self,
        header: Option<&str>,
        path: &str,
    ) -> Result<(Resource, String), Refused> {
        // A path that is none has no rule; it is said only to who may write at all.
        let resource: Resource = path
            .parse()
            .map_err(|_| Refused::Internal("illegal ResourceDesc format.".to_owned()))?;
        let role = self
            .admin
            .require(header, &resource)
            .map_err(Refused::Admin)?;
        Ok((resource, role))
    }
}

/// A day more than an order can live.
const LONGEST_JOB_SECS: u64 = 8 * 86_400;

/// Secrets of one job are bound to a machine, not counted.
const UNLIMITED: Limits = Limits {
    runs: Limit::Unlimited,
    runs_per_customer: Limit::Unlimited,
    runs_per_day: Limit::Unlimited,
};
