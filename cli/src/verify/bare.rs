//! A report alone, without order and offer: what any machine's evidence must say
//! by the trust file. What it is bound to, the customer gives or leaves open by
//! the word `any`, and then every form of the verdict says so.

use std::path::Path;

use anyhow::{Context as _, Result};
use evidence::{Evidence, RootClass};
use job::{Digest, Size, Timestamp, Trust};

use super::input::{self, Bare};
use super::later::conclude;
use crate::args;
use crate::clock;
use crate::collateral::{Effort, Shown, judged};
use crate::context::Context;
use crate::exit::Problem;
use crate::explain::Subject;
use crate::news::News;
use crate::verdict::{Finding, Mark, Verdict};

/// What a field of the report is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted<const N: usize> {
    Exactly([u8; N]),
    /// By choice: the word was typed.
    Any,
}

/// Verifies a report by itself.
pub(super) async fn verify(
    context: &Context<'_>,
    trust: &Trust,
    path: &Path,
    binding: args::Binding,
    at: Option<Timestamp>,
) -> Result<Subject> {
    let args::Binding {
        host_data,
        report_data,
        vcpus,
    } = binding;
    let host_data: Wanted<32> = Wanted::host_data(host_data.as_deref())?;
    let report_data: Wanted<64> = Wanted::report_data(report_data.as_deref())?;
    let size = vcpus.map_or(Size::Any, Size::Exactly);
    let Bare {
        report,
        certificate,
    } = input::bare(path)?;
    let now = at.unwrap_or_else(clock::now);
    let parsed = evidence::Report::parse(&report).context("failed to read the report")?;
    let bound = Bound {
        host_data: host_data.or_seen(parsed.host_data()),
        report_data: report_data.or_seen(parsed.report_data()),
        size,
    };
    let shown = Shown {
        report: &report,
        certificate: &certificate,
    };
    let judge = |certificate: &[u8], trust: &Trust| {
        let mut verdict = judge(&report, certificate, trust, bound, now);
        host_data.name_choice(&mut verdict, "HOST_DATA");
        report_data.name_choice(&mut verdict, "REPORT_DATA");
        (verdict, ())
    };
    let (verdict, (), _) = judged(context, shown, trust, now, Effort::Fetch, judge).await;
    let subject = Subject::Machine {
        bound_to_job: host_data != Wanted::Any,
        bound_to_key: report_data != Wanted::Any,
    };
    let loose: Vec<&'static str> = [
        (host_data == Wanted::Any).then_some("HOST_DATA"),
        (report_data == Wanted::Any).then_some("REPORT_DATA"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let unbound = (!loose.is_empty()).then_some(News::Unbound { fields: loose });
    conclude(
        context,
        verdict,
        at,
        "Nothing was sent",
        path,
        subject,
        unbound,
    )
}

/// What a report is bound to.
#[derive(Clone, Copy, Debug)]
struct Bound {
    host_data: [u8; 32],
    report_data: [u8; 64],
    size: Size,
}

fn judge(
    report: &[u8],
    certificate: &[u8],
    trust: &Trust,
    bound: Bound,
    now: Timestamp,
) -> Verdict {
    let Bound {
        host_data,
        report_data,
        size,
    } = bound;
    let host_data = Digest::from_bytes(host_data);
    let expected = trust.expected_of_machine(size, host_data, report_data, now);
    let evidence = Evidence {
        report: report.to_vec(),
        certificate: certificate.to_vec(),
    };
    match evidence::verify(&evidence, &expected, now) {
        Ok(verified) => {
            let mut checks = verified.checks().to_vec();
            let measurement = verified.claims().measurement;
            let guest = checks.iter_mut().find(|check| check.name == "guest image");
            if let (Some(name), Some(check)) = (trust.guest_name(&measurement), guest) {
                check.seen = format!("{name} ({})", check.seen).into();
            }
            Verdict {
                key: None,
                mark: Mark::of(verified.claims().class == RootClass::Simulated),
                checks,
                finding: Finding::Accepted,
            }
        }
        Err(rejection) => Verdict {
            key: None,
            mark: Mark::of(trust.accepts_simulated()),
            checks: rejection.checks,
            finding: Finding::Refused {
                meaning: "the evidence does not prove what your trust file asks for".to_owned(),
                advice: "do not use this machine until somebody explains it".to_owned(),
                source: String::new(),
            },
        },
    }
}

impl<const N: usize> Wanted<N> {
    fn or_seen(self, seen: [u8; N]) -> [u8; N] {
        match self {
            Self::Exactly(value) => value,
            Self::Any => seen,
        }
    }

    /// A check that compared a value with itself says that it compared nothing.
    fn name_choice(self, verdict: &mut Verdict, name: &str) {
        if self != Self::Any {
            return;
        }
        let mut checks = verdict.checks.iter_mut();
        if let Some(check) = checks.find(|check| check.name == name) {
            check.expected = "any, by choice".into();
        }
    }
}

impl Wanted<32> {
    fn host_data(typed: Option<&str>) -> Result<Self, Problem> {
        let next =
            "write --host-data HEX (64 digits: SHA-256 of the init data), or --host-data any";
        match typed {
            Some("any") => Some(Self::Any),
            Some(text) => digits(text).map(Self::Exactly),
            None => None,
        }
        .ok_or_else(|| Problem::usage("what HOST_DATA has to be is not said", next))
    }
}

impl Wanted<64> {
    /// The guest puts the 64 characters of a digest there (docs/protocol.md, 5):
    /// as many digits are these characters, twice as many are bytes.
    fn report_data(typed: Option<&str>) -> Result<Self, Problem> {
        let next = "write --report-data HEX (64 digits: the digest, or 128: the bytes), or \
                    --report-data any";
        let characters = |text: &str| {
            let digest = digits::<32>(text)?;
            hex::encode(digest).into_bytes().try_into().ok()
        };
        match typed {
            Some("any") => Some(Self::Any),
            Some(text) => characters(text).or_else(|| digits(text)).map(Self::Exactly),
            None => None,
        }
        .ok_or_else(|| Problem::usage("what REPORT_DATA has to be is not said", next))
    }
}

fn digits<const N: usize>(text: &str) -> Option<[u8; N]> {
    hex::decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::Wanted;

    #[test]
    fn what_a_report_is_bound_to_is_said_and_never_assumed() {
        for wrong in [None, Some(""), Some("all"), Some("ab"), Some("zz")] {
            assert_eq!(Wanted::host_data(wrong).unwrap_err().exit.code(), 2);
            assert_eq!(Wanted::report_data(wrong).unwrap_err().exit.code(), 2);
        }
        assert_eq!(Wanted::host_data(Some("any")).unwrap(), Wanted::Any);
        let text = "ab".repeat(32);
        let host_data = Wanted::host_data(Some(&text)).unwrap();
        assert_eq!(host_data, Wanted::Exactly([0xab; 32]));
        let characters: [u8; 64] = text.clone().into_bytes().try_into().unwrap();
        let report_data = Wanted::report_data(Some(&text)).unwrap();
        assert_eq!(report_data, Wanted::Exactly(characters));
        let bytes = Wanted::report_data(Some(&text.repeat(2))).unwrap();
        assert_eq!(bytes, Wanted::Exactly([0xab; 64]));
    }
}
