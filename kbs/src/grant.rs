//! A grant: which guest may have a secret. Data, and a decision over it; how often is
//! counted elsewhere (`ledger`).

mod explain;
mod file;

use std::sync::Arc;

use job::{
    Check, Digest, ImageRef, Manifest, OutputFrom, Param, PublicKey, Timestamp, Workload, canonical,
};

pub use explain::{explain, render};
pub use file::{GrantError, parse};

use crate::guest::Guest;
use crate::resource::Resource;

/// A guest that runs this may have that. No field is optional: whoever accepts
/// anything wrote `any`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// `owner/name`: what is counted and revoked.
    pub id: String,
    /// The secret.
    pub resource: Resource,
    /// Under which name the terms must ask for it.
    pub secret: String,
    /// Images of the agent, each of which the owner trusts to run the workload alone.
    /// Lists are shared by grants that say the same.
    pub agents: Arc<[ImageRef]>,
    /// SHA-256 of policy texts the owner trusts to let no host look in.
    pub policies: Arc<[Digest]>,
    /// The program, whole: an image alone would let a customer order it with a command
    /// line that prints the secret.
    pub workload: Program,
    /// The parameters the terms offer.
    pub params: Params,
    /// Most bytes of input the terms may allow.
    pub input_max_bytes: u64,
    /// Where the result is taken from.
    pub output_from: OutputFrom,
    /// Most bytes of a result the terms may allow.
    pub output_max_bytes: u64,
    /// Whose orders.
    pub customers: Customers,
    /// From when.
    pub not_before: Timestamp,
    /// Until when; `None` is written `never`.
    pub not_after: Option<Timestamp>,
    /// How often.
    pub limits: Limits,
}

/// Which program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// Written out.
    Whole(Arc<Workload>),
    /// SHA-256 of its canonical JSON.
    Digest(Digest),
}

/// Which parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Params {
    /// Whatever the terms offer. A decision, made by name.
    Any,
    /// Exactly these.
    Exactly(Arc<[Param]>),
}

/// Whose orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Customers {
    /// Anybody's. A decision, made by name.
    Any,
    /// Those of these keys.
    These(Arc<[PublicKey]>),
}

/// How often a grant may be used. A run is an attempt of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// In all.
    pub runs: Limit,
    /// For each customer.
    pub runs_per_customer: Limit,
    /// On each day, in UTC.
    pub runs_per_day: Limit,
}

/// A number, or none by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// At most so many.
    AtMost(u64),
    /// As many as are asked for. A decision, made by name.
    Unlimited,
}

impl Limit {
    /// Whether one more fits behind `used`.
    pub const fn has_room(self, used: u64) -> bool {
        match self {
            Self::AtMost(most) => used < most,
            Self::Unlimited => true,
        }
    }
}

impl core::fmt::Display for Limit {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::AtMost(most) => write!(f, "{most}"),
            Self::Unlimited => f.write_str("unlimited"),
        }
    }
}

/// SHA-256 of a workload's canonical JSON, as grants may name it.
pub fn workload_digest(workload: &Workload) -> Option<Digest> {
    let bytes = canonical::to_vec(workload).ok()?;
    Some(Digest::of(&bytes))
}

impl Grant {
    /// Whether `guest` may have the secret at `now`, if it was not used up.
    ///
    /// # Errors
    /// The first check that fails, for the owner to read.
    pub fn allows(&self, guest: &Guest, now: Timestamp) -> Result<(), Check> {
        self.allows_job(&guest.manifest)?;
        match &self.customers {
            Customers::Any => {}
            Customers::These(keys) => {
                let key = guest.customer();
                let wanted = || {
                    keys.iter()
                        .map(|&key| dvm::keys::npub(key))
                        .collect::<Vec<_>>()
                };
                require(
                    keys.contains(&key),
                    "customer",
                    || wanted().join(" or "),
                    || dvm::keys::npub(key),
                )?;
            }
        }
        require(
            self.not_before <= now,
            "not before",
            || self.not_before.to_string(),
            || now.to_string(),
        )?;
        if let Some(end) = self.not_after {
            require(
                now <= end,
                "not after",
                || end.to_string(),
                || now.to_string(),
            )?;
        }
        Ok(())
    }

    /// Whether a job with this manifest is the one that is meant.
    fn allows_job(&self, manifest: &Manifest) -> Result<(), Check> {
        let terms = manifest.terms();
        let path = format!("kbs:///{}", self.resource);
        let asked = terms
            .secrets
            .iter()
            .any(|secret| secret.name == self.secret && secret.resource == path);
        require(
            asked,
            "secret",
            || format!("{} at {path} in the terms", self.secret),
            || {
                let all: Vec<String> = terms
                    .secrets
                    .iter()
                    .map(|secret| format!("{} at {}", secret.name, secret.resource))
                    .collect();
                all.join(", ")
            },
        )?;
        let agent = &manifest.deployment().agent;
        require(
            self.agents.contains(agent),
            "agent",
            || join(&self.agents),
            || agent.to_string(),
        )?;
        let policy = manifest.policy();
        require(
            self.policies.contains(&policy),
            "policy",
            || join(&self.policies),
            || policy.to_string(),
        )?;
        let seen = &terms.workload;
        match &self.workload {
            Program::Whole(workload) => require_workload(workload, seen)?,
            Program::Digest(digest) => {
                let seen = workload_digest(seen);
                require(
                    seen == Some(*digest),
                    "workload",
                    || digest.to_string(),
                    || seen.map(|digest| digest.to_string()).unwrap_or_default(),
                )?;
            }
        }
        match &self.params {
            Params::Any => {}
            Params::Exactly(params) => {
                let (wanted, seen) = (|| format!("{params:?}"), || format!("{:?}", terms.params));
                require(**params == *terms.params, "parameters", wanted, seen)?;
            }
        }
        // Version 1 of terms allows no network; a version that does is not this one.
        let network = &terms.network.allow;
        require(
            network.is_empty(),
            "network",
            || "none".to_owned(),
            || join(network),
        )?;
        let (input, most) = (terms.input.max_bytes, self.input_max_bytes);
        require(
            input <= most,
            "input",
            || format!("at most {most} bytes"),
            || input.to_string(),
        )?;
        let from = terms.output.from;
        let wanted = || format!("{:?}", self.output_from);
        require(from == self.output_from, "output", wanted, || {
            format!("{from:?}")
        })?;
        let (output, most) = (terms.output.max_bytes, self.output_max_bytes);
        require(
            output <= most,
            "output size",
            || format!("at most {most} bytes"),
            || output.to_string(),
        )
    }
}

/// Part by part, so that the owner reads which one differs.
fn require_workload(wanted: &Workload, seen: &Workload) -> Result<(), Check> {
    let Workload {
        image,
        image_env,
        argv,
        env,
    } = wanted;
    require(
        *image == seen.image,
        "workload image",
        || image.to_string(),
        || seen.image.to_string(),
    )?;
    require(
        *argv == seen.argv,
        "workload command",
        || format!("{argv:?}"),
        || format!("{:?}", seen.argv),
    )?;
    require(
        *env == seen.env,
        "workload environment",
        || format!("{env:?}"),
        || format!("{:?}", seen.env),
    )?;
    let wanted = || format!("{image_env:?}");
    require(
        *image_env == seen.image_env,
        "workload image's ENV",
        wanted,
        || format!("{:?}", seen.image_env),
    )
}

fn require(
    holds: bool,
    name: &'static str,
    expected: impl FnOnce() -> String,
    seen: impl FnOnce() -> String,
) -> Result<(), Check> {
    if holds {
        Ok(())
    } else {
        Err(Check::new(name, expected(), seen()))
    }
}

fn join<T: ToString>(all: &[T]) -> String {
    let all: Vec<String> = all.iter().map(ToString::to_string).collect();
    all.join(" or ")
}

#[cfg(test)]
mod tests;
