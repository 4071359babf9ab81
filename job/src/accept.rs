//! The customer's decision: is this machine the one that was ordered? All of
//! `docs/protocol.md`, 5, as one list of checks; the operator and the tests ask
//! the same function.

use core::fmt::Display;

use evidence::{Check, Evidence, RootClass, Timestamp, Verified, verify};

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

/// A machine that is not what was ordered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .checks.last().map_or_else(String::new, ToString::to_string))]
pub struct Refusal {
    /// Every check in order; the last one failed.
    pub checks: Vec<Check>,
    /// What it means.
    pub meaning: &'static str,
    /// What to do.
    pub advice: &'static str,
}

impl Refusal {
    /// Name of the check that failed.
    pub fn check(&self) -> &str {
        self.checks.last().map_or("", |check| &check.name)
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
    match verify(&evidence, &expected, now) {
        Ok(verified) => {
            let mut checks = ledger.0;
            checks.extend_from_slice(verified.checks());
            trust.name_guest(&mut checks, size, now);
            Ok(Accepted {
                key: attestation.author,
                manifest,
                verified,
                checks,
            })
        }
        Err(rejection) => {
            let mut checks = ledger.0;
            let (meaning, advice) = explain(rejection.checks.last());
            checks.extend(rejection.checks);
            trust.name_guest(&mut checks, size, now);
            Err(Refusal {
                checks,
                meaning,
                advice,
            })
        }
    }
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

fn require_deployment(
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
    let wanted = format!("after {now}, at the latest {expiration}");
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

#[derive(Default)]
struct Ledger(Vec<Check>);

impl Ledger {
    fn pass(&mut self, name: &'static str, expected: impl Display, seen: impl Display) {
        self.0
            .push(Check::new(name, expected.to_string(), seen.to_string()));
    }

    fn refuse(
        &mut self,
        name: &'static str,
        expected: impl Display,
        seen: impl Display,
        (meaning, advice): Explanation,
    ) -> Refusal {
        let mut checks = core::mem::take(&mut self.0);
        checks.push(Check::new(name, expected.to_string(), seen.to_string()));
        Refusal {
            checks,
            meaning,
            advice,
        }
    }

    /// Who, what, for whom.
    fn same<T: PartialEq + Display>(
        &mut self,
        name: &'static str,
        expected: T,
        seen: T,
    ) -> Result<(), Refusal> {
        if expected != seen {
            return Err(self.refuse(name, expected, seen, OTHER_JOB));
        }
        self.pass(name, expected, seen);
        Ok(())
    }

    /// What the offer promised.
    fn equal<T: PartialEq + Display>(
        &mut self,
        name: &'static str,
        expected: T,
        seen: T,
    ) -> Result<(), Refusal> {
        if expected != seen {
            return Err(self.refuse(name, expected, seen, OTHER_TERMS));
        }
        self.pass(name, expected, seen);
        Ok(())
    }
}

/// What a refusal means and what to do about it.
pub type Explanation = (&'static str, &'static str);

const OTHER_JOB: Explanation = (
    "this is not an answer to your order",
    "order again; if it happens again, choose another provider",
);
const OTHER_TERMS: Explanation = (
    "the machine would run something else than the offer says",
    "ask the provider, or choose an offer whose workload you know",
);
const OVER: Explanation = (
    "the job was over before it began",
    "order again with a later expiration",
);
const POLICY: Explanation = (
    "the machine obeys rules this program does not know",
    "use a newer release, or add the policy to your trust file after reading it",
);
const AGENT: Explanation = (
    "the machine runs an agent nobody vouched for to you",
    "add the agent's image to your trust file after checking where it comes from",
);

/// The signature holds, and what it covers has no meaning here: no forgery, and
/// nothing that the provider did.
pub const NEWER_FIRMWARE: Explanation = (
    "genuine, and signed by firmware that is newer than this program: it says what this program does not know",
    "update this program; until there is a newer one, read what the vendor says of these bits, and name those you \
     accept in your trust file ([snp] unknown_bits)",
);
/// Before a signature can be checked, there must be a root to check it under.
pub const UNKNOWN_PROCESSOR: Explanation = (
    "this program has no root for such a processor: nothing of the evidence could be verified",
    "update this program, or choose a machine with a processor it knows",
);

/// What a refusal of the evidence itself means, by the name of its check.
fn explain(failed: Option<&Check>) -> Explanation {
    match failed.map_or("", |check| &*check.name) {
        "HOST_DATA" => (
            "the machine was started with another job or other rules than this manifest says",
            "do not use this provider until they explain it",
        ),
        "REPORT_DATA" => (
            "the evidence was made for another key, order or challenge",
            "do not use this provider until they explain it",
        ),
        "newer firmware" => NEWER_FIRMWARE,
        "processor" => UNKNOWN_PROCESSOR,
        "mitigations" => (
            "the machine lacks a mitigation that your trust file demands, or had it not when the guest was started",
            "ask the provider to update firmware and host, and to start the guest again",
        ),
        "vendor chain" | "signing key" => (
            "no root you trust vouches for this machine",
            "do not use this provider unless you know this root",
        ),
        "signing key's validity"
        | "signing key's product"
        | "signing key's kind"
        | "signing key's chip"
        | "signing key's TCB"
        | "signature"
        | "signature algorithm" => (
            "the evidence is not genuine, or was put together from different machines",
            "do not use this provider until they explain it",
        ),
        "guest image" => (
            "no guest release you trust, of this size, was started",
            "compute the release's measurement and add it to your trust file",
        ),
        "TCB floor" => (
            "you have not said which firmware is new enough",
            "add a [[tcb_floors]] entry for this processor to your trust file",
        ),
        "reported TCB" | "committed TCB" | "launch TCB" | "current TCB" => (
            "the machine's firmware is too old, or can be rolled back",
            "ask the provider to update it",
        ),
        "revocation list" => (
            "nobody knows whether the vendor revoked these keys",
            "add a fresh [[revocation_lists]] entry to your trust file",
        ),
        "not revoked" => ("the vendor revoked these keys", "do not use this provider"),
        "debug" | "migration" | "privilege level" => (
            "the provider could look into this machine",
            "do not use this provider until they explain it",
        ),
        _ => (
            "the evidence does not prove what it should",
            "do not use this provider until they explain it",
        ),
    }
}

#[cfg(test)]
mod tests;
