//! The manifest is the job: everything the guest enforces is a function of it.

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::order::{Event, Order, OrderError, Subject};
use crate::{Digest, ImageRef, Terms, Timestamp, binding};

/// Longest manifest: it travels in an environment value, in the init data and,
/// as base64, in one line of the policy.
pub const MAX_MANIFEST: usize = 16 * 1024;

/// The version this crate writes and reads.
const VERSION: u64 = 1;

/// Facts of deployment the provider decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deployment {
    /// Which pod for this job, from 1.
    pub attempt: Attempt,
    /// The job is over at this time, whatever its state.
    pub not_after: Timestamp,
    /// Image of the agent.
    pub agent: ImageRef,
}

/// Number of a pod for a job, 1 to 1000.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Attempt(u32);

impl Attempt {
    /// The first one.
    pub const FIRST: Self = Self(1);

    /// Most attempts of one job: each is a virtual machine.
    const MAX: u32 = 1000;

    /// The one after this, unless this was the last one.
    pub const fn next(self) -> Option<Self> {
        if self.0 < Self::MAX {
            Some(Self(self.0 + 1))
        } else {
            None
        }
    }

    /// As a number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Attempt {
    type Error = AttemptError;

    fn try_from(number: u32) -> Result<Self, AttemptError> {
        if (1..=Self::MAX).contains(&number) {
            Ok(Self(number))
        } else {
            Err(AttemptError(number))
        }
    }
}

impl From<Attempt> for u32 {
    fn from(attempt: Attempt) -> Self {
        attempt.0
    }
}

impl core::fmt::Display for Attempt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A number that is no attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("attempt {0} is not from 1 to 1000")]
pub struct AttemptError(u32);

/// A manifest that makes sense, with its canonical bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    order: Order,
    terms: Terms,
    deployment: Deployment,
    policy: Digest,
    bytes: Vec<u8>,
}

/// Why there is no manifest; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not the canonical JSON of a manifest.
    #[error("failed to read the manifest")]
    Form(#[source] CanonicalError),
    /// Another version.
    #[error("the manifest has version {0}, and this program knows version {VERSION}")]
    Version(u64),
    /// The order in it is none.
    #[error("failed to read the order in the manifest")]
    Order(#[source] OrderError),
    /// Too long.
    #[error(
        "the job's manifest has {0} bytes and may have {MAX_MANIFEST}: shorten the order's parameters or the service's terms"
    )]
    TooLong(usize),
    /// The order carries terms, and these are others.
    #[error("the terms are not those of the order's own workload")]
    OtherTerms,
    /// Ends after the order does.
    #[error("the job would end at {not_after}, after its order expires at {expiration}")]
    Expiration {
        /// End of the job.
        not_after: Timestamp,
        /// End of the order.
        expiration: Timestamp,
    },
    /// A parameter the terms do not know, or with a value they do not accept.
    #[error("the order's parameter {name:?} is not one the service takes; it takes {accepted}")]
    Param {
        /// Its name.
        name: String,
        /// What the service takes.
        accepted: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    version: u64,
    policy: Digest,
    order: Event,
    terms: Terms,
    deployment: Deployment,
}

impl Manifest {
    /// The manifest of a job under this version's policy.
    ///
    /// # Errors
    /// When the order does not fit the terms or the deployment, or when the
    /// whole is too long.
    pub fn new(order: Order, terms: Terms, deployment: Deployment) -> Result<Self, ManifestError> {
        Self::with_policy(order, terms, deployment, binding::policy_digest())
    }

    fn with_policy(
        order: Order,
        terms: Terms,
        deployment: Deployment,
        policy: Digest,
    ) -> Result<Self, ManifestError> {
        require_terms(&order, &terms)?;
        if deployment.not_after > order.expiration() {
            return Err(ManifestError::Expiration {
                not_after: deployment.not_after,
                expiration: order.expiration(),
            });
        }
        let form = Form {
            version: VERSION,
            policy,
            order: order.event().clone(),
            terms,
            deployment,
        };
        let bytes = canonical::to_vec(&form).map_err(ManifestError::Form)?;
        if bytes.len() > MAX_MANIFEST {
            return Err(ManifestError::TooLong(bytes.len()));
        }
        let Form {
            version: _,
            policy,
            order: _,
            terms,
            deployment,
        } = form;
        Ok(Self {
            order,
            terms,
            deployment,
            policy,
            bytes,
        })
    }

    /// Reads a manifest; `verify` says whether the order's id and signature fit.
    ///
    /// # Errors
    /// When `bytes` are not exactly what [`Manifest::new`] would write, but for
    /// the policy's digest, which may be another version's.
    pub fn parse(bytes: &[u8], verify: impl FnOnce(&Event) -> bool) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST {
            return Err(ManifestError::TooLong(bytes.len()));
        }
        let Form {
            version,
            policy,
            order,
            terms,
            deployment,
        } = canonical::from_slice(bytes).map_err(ManifestError::Form)?;
        if version != VERSION {
            return Err(ManifestError::Version(version));
        }
        let order = Order::from_event(order, verify).map_err(ManifestError::Order)?;
        Self::with_policy(order, terms, deployment, policy)
    }

    /// Its canonical bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// SHA-256 of its bytes.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.bytes)
    }

    /// The customer's order.
    pub const fn order(&self) -> &Order {
        &self.order
    }

    /// The terms of the offer it names.
    pub const fn terms(&self) -> &Terms {
        &self.terms
    }

    /// What the provider decided.
    pub const fn deployment(&self) -> &Deployment {
        &self.deployment
    }

    /// SHA-256 of the fixed policy text it was made under.
    pub const fn policy(&self) -> Digest {
        self.policy
    }
}

fn require_terms(order: &Order, terms: &Terms) -> Result<(), ManifestError> {
    if let Subject::Workload(own) = order.subject()
        && **own != *terms
    {
        return Err(ManifestError::OtherTerms);
    }
    for (name, values) in order.params() {
        let known = terms.params.iter().find(|param| param.name == *name);
        let fits = known.is_some_and(|param| {
            param.values.is_empty() || values.iter().all(|value| param.values.contains(value))
        });
        if !fits {
            return Err(ManifestError::Param {
                name: name.clone(),
                accepted: describe_params(terms),
            });
        }
    }
    Ok(())
}

/// `delimiter (one of "," ";"), min-count`, or `no parameters`.
fn describe_params(terms: &Terms) -> String {
    let described: Vec<String> = terms
        .params
        .iter()
        .map(|param| match param.values.as_slice() {
            [] => param.name.clone(),
            values => format!("{} (one of {values:?})", param.name),
        })
        .collect();
    if described.is_empty() {
        return "no parameters".to_owned();
    }
    described.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{Manifest, ManifestError};
    use crate::{Attempt, examples};

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let manifest = examples::manifest();
        assert_eq!(
            Manifest::parse(manifest.bytes(), |_| true).unwrap(),
            manifest
        );
    }

    #[test]
    fn an_order_with_another_signature_is_refused() {
        let refused = Manifest::parse(examples::manifest().bytes(), |_| false);
        assert!(matches!(refused, Err(ManifestError::Order(_))));
    }

    #[test]
    fn every_changed_byte_is_refused_or_is_another_manifest() {
        let manifest = examples::manifest();
        for at in 0..manifest.bytes().len() {
            let mut bytes = manifest.bytes().to_vec();
            bytes[at] ^= 1;
            if let Ok(other) = Manifest::parse(&bytes, |_| true) {
                assert_ne!(other.digest(), manifest.digest(), "byte {at}");
            }
        }
    }

    #[test]
    fn a_job_ends_before_its_order_does() {
        let mut deployment = examples::deployment();
        deployment.not_after = examples::order().expiration().plus(1);
        let refused = Manifest::new(examples::order(), examples::terms(), deployment);
        assert!(matches!(refused, Err(ManifestError::Expiration { .. })));
    }

    #[test]
    fn an_unknown_parameter_or_value_is_refused_with_what_is_accepted() {
        for params in [[["param", "speed", "9"]], [["param", "delimiter", "|"]]] {
            let order = examples::order_with(&params);
            let refused = Manifest::new(order, examples::terms(), examples::deployment());
            let text = refused.unwrap_err().to_string();
            assert!(text.contains("delimiter (one of"), "{text}");
        }
    }

    #[test]
    fn attempts_are_counted_from_one_to_a_thousand() {
        assert!(Attempt::try_from(0).is_err() && Attempt::try_from(1001).is_err());
        assert_eq!(Attempt::FIRST.next().unwrap().get(), 2);
        assert_eq!(Attempt::try_from(1000).unwrap().next(), None);
    }
}
