//! A report of SEV-SNP alone, without order and offer: what any machine's
//! evidence must say by the trust file.

use anyhow::{Context as _, Result};
use collateral::item::Signer;
use collateral::source::Effort;
use collateral::supply::Shown;
use evidence::{Evidence, Reason, RootClass};
use job::{Digest, NEWER_FIRMWARE, Size, Timestamp, Trust, UNKNOWN_PROCESSOR};

use super::Conclusion;
use super::binding::{Wanted, bind_runtime_data, unbound};
use super::bring::judged;
use super::input::Bare;
use super::later::conclude;
use crate::args;
use crate::clock;
use crate::context::Context;
use crate::explain::{Subject, Tee};
use crate::news::News;
use crate::verdict::{Finding, Mark, Verdict};

/// Verifies a report by itself.
pub(super) async fn verify(
    context: &Context<'_>,
    trust: &Trust,
    shown: &Bare,
    binding: args::Binding,
    at: Option<Timestamp>,
) -> Result<Conclusion> {
    let args::Binding {
        host_data,
        report_data,
        vcpus,
    } = binding;
    let host_data: Wanted<32> = Wanted::host_data(host_data.as_deref())?;
    let report_data: Wanted<64> = Wanted::report_data(report_data.as_deref(), "REPORT_DATA")?;
    let size = vcpus.map_or(Size::Any, Size::Exactly);
    let Bare {
        report,
        certificate,
        beside,
    } = shown;
    for text in &beside.unread {
        let text = (*text).to_owned();
        context.teller.tell(&News::Warning { text });
    }
    let now = at.unwrap_or_else(clock::now);
    let parsed = evidence::Report::parse(report).context("failed to read the report")?;
    let seen = parsed.report_data();
    let bound = Bound {
        host_data: host_data.or_seen(parsed.host_data()),
        report_data: report_data.or_seen(seen),
        size,
    };
    let shown = Shown {
        report,
        certificate,
    };
    let judge = |certificate: &[u8], trust: &Trust| {
        let mut verdict = judge(report, certificate, trust, bound, now);
        host_data.name_choice(&mut verdict, "HOST_DATA");
        report_data.name_choice(&mut verdict, "REPORT_DATA");
        bind_runtime_data(&mut verdict, "REPORT_DATA", &seen, beside.runtime_data);
        (verdict, ())
    };
    let (verdict, (), _) = judged(context, shown, trust, now, Effort::Fetch, judge).await;
    let (job, key) = (host_data.is_compared(), report_data.is_compared());
    let subject = Subject::Machine {
        tee: Tee::SevSnp(Signer::of(&parsed)),
        bound_to_job: job,
        bound_to_key: key,
    };
    let unbound = unbound([("HOST_DATA", job), ("REPORT_DATA", key)]);
    Ok(conclude(context, verdict, at, subject, unbound))
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
            trust.name_guest(&mut checks, size, now);
            Verdict {
                key: None,
                mark: Mark::of(verified.claims().class == RootClass::Simulated),
                checks,
                finding: Finding::Accepted,
            }
        }
        Err(mut rejection) => {
            trust.name_guest(&mut rejection.checks, size, now);
            Verdict {
                key: None,
                mark: Mark::of_refused(report, &rejection.checks, trust),
                finding: finding(rejection.reason),
                checks: rejection.checks,
            }
        }
    }
}

/// What a refusal means. That this program is too old is nobody's fault.
fn finding(reason: Reason) -> Finding {
    let (meaning, advice) = if reason == Reason::NewerFirmware {
        NEWER_FIRMWARE
    } else if reason == Reason::Generation {
        UNKNOWN_PROCESSOR
    } else {
        (
            "the evidence does not prove what your trust file asks for",
            "do not use this machine until somebody explains it",
        )
    };
    Finding::refused(meaning, advice)
}
