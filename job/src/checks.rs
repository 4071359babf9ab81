//! Checks as they are made, one after the other, and what it means when one fails:
//! for who accepts a machine and for who recognises one.

use core::fmt::Display;

use evidence::{Check, Evidence, Expected, Timestamp, Verified, verify};

use crate::{Size, Trust};

/// A machine that is not what it should be.
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

/// Checks in the order they were made.
#[derive(Default)]
pub(crate) struct Ledger(Vec<Check>);

impl Ledger {
    /// What holds.
    pub(crate) fn pass(&mut self, name: &'static str, expected: impl Display, seen: impl Display) {
        self.0
            .push(Check::new(name, expected.to_string(), seen.to_string()));
    }

    /// The end: what does not hold, and everything before it.
    pub(crate) fn refuse(
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
    pub(crate) fn same<T: PartialEq + Display>(
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
    pub(crate) fn equal<T: PartialEq + Display>(
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

    /// The evidence itself, and behind it every check so far.
    pub(crate) fn verify(
        self,
        evidence: &Evidence,
        expected: &Expected,
        trust: &Trust,
        size: Size,
        now: Timestamp,
    ) -> Result<(Verified, Vec<Check>), Refusal> {
        let mut checks = self.0;
        match verify(evidence, expected, now) {
            Ok(verified) => {
                checks.extend_from_slice(verified.checks());
                trust.name_guest(&mut checks, size, now);
                Ok((verified, checks))
            }
            Err(rejection) => {
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
}

/// What a refusal means and what to do about it.
pub type Explanation = (&'static str, &'static str);

pub(crate) const OTHER_JOB: Explanation = (
    "this is not an answer to your order",
    "order again; if it happens again, choose another provider",
);
pub(crate) const OTHER_TERMS: Explanation = (
    "the machine would run something else than the offer says",
    "ask the provider, or choose an offer whose workload you know",
);
pub(crate) const OVER: Explanation = (
    "the job is over at the time it is judged",
    "order again with a later expiration; of a job that ran, judge the evidence as of its day (cdvm verify --at)",
);
pub(crate) const POLICY: Explanation = (
    "the machine obeys rules this program does not know",
    "use a newer release, or add the policy to your trust file after reading it",
);
pub(crate) const AGENT: Explanation = (
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
