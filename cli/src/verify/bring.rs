//! A judgement with what the evidence did not bring, as a verdict for people.

use collateral::source::Effort;
use collateral::subject::Subject;
use collateral::supply::{self, Judged, Judgement, Shown};
use job::{Timestamp, Trust};

use crate::context::Context;
use crate::verdict::{Finding, Verdict};

/// Judges, with what the evidence did not bring if that is all that is missing:
/// the last judgement, and the certificate it was made with. A refusal for want of
/// collateral says how to get it.
pub(super) async fn judged<T>(
    context: &Context<'_>,
    shown: Shown<'_>,
    trust: &Trust,
    now: Timestamp,
    effort: Effort,
    judge: impl Fn(&[u8], &Trust) -> (Verdict, T),
) -> (Verdict, T, Vec<u8>) {
    let judge = |certificate: &[u8], trust: &Trust| {
        let (verdict, result) = judge(certificate, trust);
        let refused = matches!(verdict.finding, Finding::Refused { .. });
        let checks = verdict.checks.clone();
        Judgement::new(&checks, refused, (verdict, result))
    };
    let fetcher = context.fetcher(effort, now);
    let subject = Subject::of_hardware(shown.report, trust);
    let judged = supply::judged(fetcher, subject, shown, trust, judge).await;
    let Judged {
        result: (mut verdict, result),
        certificate,
        missing,
    } = judged;
    if let (Effort::Fetch, Some(missing), Finding::Refused { advice, .. }) =
        (effort, missing, &mut verdict.finding)
    {
        *advice = missing.next;
    }
    (verdict, result, certificate)
}
