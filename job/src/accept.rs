//! The customer's decision: is this machine the one that was ordered? All of
//! `docs/protocol.md`, 5, as one list of checks; the operator and the tests ask
//! the same function.

use evidence::{Check, Evidence, RootClass, Timestamp, Verified};

use crate::checks::{AGENT, Ledger, OTHER_JOB, OTHER_TERMS, OVER, POLICY, Refusal};
use crate::order::Subject;
use crate::{
    Attestation, Manifest, Offer, Order, PublicKey, Size, Terms, Trust, init_data, report_data,
};

/// A machine that is exactly what was ordered.
#[derive(Clone, Debug)]
pub struct Accepted {
    key: PublicKey,
    manifest: Manifest,
    verified: Verified,
    checks: Vec<Check>,
}

impl Accepted {
    /// A: the one key whose seals count from now on.
    pub const fn key(&self) -> PublicKey {
        self.key
    }

    /// The job as the guest enforces it.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What the hardware said.
    pub const fn verified(&self) -> &Verified {
        &self.verified
    }

    /// Every check, in order; all passed.
    pub fn checks(&self) -> &[Check] {
        &self.checks
    }

    /// Whether it was a simulated machine: then nothing is confidential.
    pub fn is_simulated(&self) -> bool {
        self.verified.claims().class == RootClass::Simulated
    }
}

/// Decides whether `attestation` is by a machine that runs `order` under `offer`
/// and nothing else, by everything in `trust`, at `now`.
///
/// # Errors
/// A [`Refusal`] that names the first check that failed.
pub fn accept(
    attestation: &Attestation,
    order: &Order,
    offer: &Offer,
    trust: &Trust,
    now: Timestamp,
) -> Result<Accepted, Refusal> {
    let mut ledger = Ledger::default();
    ledger.same("recipient", order.customer(), attestation.recipient)?;
    ledger.same("answers this order", order.id(), attestation.job)?;

    // The manifest: everything in it is the customer's own, or trusted by name.
    let manifest = require_manifest(&mut ledger, attestation, order)?;
    require_terms(&mut ledger, &manifest, order, offer)?;
    require_deployment(&mut ledger, &manifest, order, trust, now)?;

    // The evidence: this key, on this machine, started with this manifest.
    let Ok(init_data) = init_data(&manifest) else {
        // The policy was just accepted by digest, but only ours can be rebuilt.
        let seen = manifest.policy();
        return Err(ledger.refuse("init data", "a policy this program has", seen, POLICY));
    };
    let bound = report_data(
        attestation.author,
        order.id(),
        order.customer(),
        order.provider(),
        order.challenge(),
        manifest.digest(),
    );
    let expected = trust.expected(&manifest, init_data.digest(), bound, now);
    let evidence = Evidence {
        report: attestation.report.clone(),
        certificate: attestation.certificate.clone(),
    };
    let size = Size::Exactly(manifest.terms().resources.vcpus);
    let (verified, checks) = ledger.verify(&evidence, &expected, trust, size, now)?;
    Ok(Accepted {
        key: attestation.author,
        manifest,
        verified,
        checks,
    })
}

fn require_manifest(
    ledger: &mut Ledger,
    attestation: &Attestation,
    order: &Order,
) -> Result<Manifest, Refusal> {
    // Whose order it is follows next; its signature needs no second check then.
    let manifest = match Manifest::parse(&attestation.manifest, |_| true) {
        Ok(manifest) => manifest,
        Err(error) => {
            let mut seen = error.to_string();
            if let Some(source) = core::error::Error::source(&error) {
                seen = format!("{seen}: {source}");
            }
            return Err(ledger.refuse("manifest", "the canonical form", seen, OTHER_JOB));
        }
    };
    let digest = manifest.digest();
    ledger.pass(
        "manifest",
        "the canonical form",
        format!("SHA-256 {digest}"),
    );
    let name = "order";
    if manifest.order().event() != order.event() {
        let seen = manifest.order().id();
        return Err(ledger.refuse(name, order.id(), seen, OTHER_JOB));
    }
    ledger.pass(name, order.id(), manifest.order().id());
    Ok(manifest)
}

fn require_terms(
    ledger: &mut Ledger,
    manifest: &Manifest,
    order: &Order,
    offer: &Offer,
) -> Result<(), Refusal> {
    let own = match order.subject() {
        Subject::Offer(id) => {
            ledger.same("offer", *id, offer.id)?;
            ledger.same("provider", order.provider(), offer.provider)?;
            &offer.content.cdvm
        }
        Subject::Workload(terms) => &**terms,
    };
    let seen = manifest.terms();
    let (a, b) = (&own.workload, &seen.workload);
    ledger.equal("workload image", &a.image, &b.image)?;
    ledger.equal("workload command", debug(&a.argv), debug(&b.argv))?;
    ledger.equal("workload environment", debug(&a.env), debug(&b.env))?;
    ledger.equal(
        "workload image's ENV",
        debug(&a.image_env),
        debug(&b.image_env),
    )?;
    let other = differing_field(own, seen);
    if let Some(field) = other {
        let wanted = "those of the offer";
        return Err(ledger.refuse("terms", wanted, format!("another {field}"), OTHER_TERMS));
    }
    ledger.pass("terms", "those of the offer", "the same");
    Ok(())
}

/// What the provider decided: a job that is not over, under rules and by an agent that
/// are trusted.
pub(crate) fn require_deployment(
    ledger: &mut Ledger,
    manifest: &Manifest,
    order: &Order,
    trust: &Trust,
    now: Timestamp,
) -> Result<(), Refusal> {
    let deployment = manifest.deployment();
    // Its number and its end within the order's were checked when it was read.
    ledger.pass("attempt", "1 to 1000", deployment.attempt);
    let expiration = order.expiration();
    let wanted = format!("in the future (it is {now}), at the latest {expiration}");
    if deployment.not_after <= now {
        return Err(ledger.refuse("ends", wanted, deployment.not_after, OVER));
    }
    ledger.pass("ends", wanted, deployment.not_after);

    let policy = manifest.policy();
    let wanted = "one of the trust file's policies";
    if !trust.accepts_policy(policy, now) {
        return Err(ledger.refuse("policy", wanted, policy, POLICY));
    }
    ledger.pass("policy", wanted, policy);

    let wanted = "one of the trust file's agents";
    match trust.agent_name(&deployment.agent, now) {
        Some(name) => ledger.pass("agent", wanted, format!("{name} ({})", deployment.agent)),
        None => return Err(ledger.refuse("agent", wanted, &deployment.agent, AGENT)),
    }
    Ok(())
}

/// The first top-level field in which two terms differ.
fn differing_field(a: &Terms, b: &Terms) -> Option<String> {
    if a == b {
        return None;
    }
    let fields = |terms: &Terms| match serde_json::to_value(terms) {
        Ok(serde_json::Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (a, b) = (fields(a), fields(b));
    let name = a.keys().find(|name| a.get(*name) != b.get(*name));
    Some(name.cloned().unwrap_or_default())
}

fn debug(value: &impl core::fmt::Debug) -> String {
    format!("{value:?}")
}

#[cfg(test)]
pub(crate) mod tests;
