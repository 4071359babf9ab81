//! The decision of `job::accept` as a value that people and files can take.
//! Pure: nothing is decided here.

use std::path::Path;

use job::{Accepted, Attestation, Timestamp, Trust, accept};

use crate::exit::{Exit, Problem};
use crate::state::{Ordered, Stage};
use crate::verdict::{Finding, Mark, Verdict};

/// The verdict about a machine, as a value; [`Accepted`] comes with it or not.
pub(crate) fn judge(
    attestation: &Attestation,
    ordered: Ordered<'_>,
    trust: &Trust,
    now: Timestamp,
) -> (Verdict, Option<Accepted>) {
    let Ordered {
        order,
        offer,
        offered_at,
    } = ordered;
    match accept(attestation, order, offer, trust, now) {
        Ok(accepted) => {
            let verdict = Verdict {
                key: Some(accepted.key()),
                mark: Mark::of(accepted.is_simulated()),
                checks: accepted.checks().to_vec(),
                finding: Finding::Accepted,
            };
            (verdict, Some(accepted))
        }
        Err(refusal) => {
            let of_offer = refusal.check().starts_with("workload") || refusal.check() == "terms";
            let date = offered_at.to_string();
            let day = date.split('T').next().unwrap_or_default();
            let source = format!("offer {:?}, signed by the provider on {day}", offer.service);
            let verdict = Verdict {
                key: Some(attestation.author),
                mark: Mark::of_refused(&attestation.report, &refusal.checks, trust),
                checks: refusal.checks,
                finding: Finding::Refused {
                    meaning: refusal.meaning.to_owned(),
                    advice: refusal.advice.to_owned(),
                    source: if of_offer { source } else { String::new() },
                },
            };
            (verdict, None)
        }
    }
}

/// What a refusal means for the data of a job.
pub(crate) const fn not_sent(stage: Stage) -> &'static str {
    match stage {
        Stage::Ordered | Stage::Committed => "Your data was not sent",
        Stage::Started | Stage::Saved => "Nothing more was sent",
    }
}

/// The problem a refusal is; nothing for an accepted machine. `kept` is where its
/// evidence was kept, unless it is of a file that was given.
pub(crate) fn problem(verdict: &Verdict, meaning: &str, kept: Option<&Path>) -> Option<Problem> {
    let Finding::Refused {
        meaning: why,
        advice,
        source: _,
    } = &verdict.finding
    else {
        return None;
    };
    let what = format!("{}{why}", verdict.mark.prefix());
    let next = match kept {
        Some(path) => format!("{advice}. Evidence kept in {}", path.display()),
        None => advice.clone(),
    };
    Some(Problem::new(Exit::Refused, what, meaning, next))
}
