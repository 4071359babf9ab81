//! A quote of Intel TDX alone: what any machine's quote must say by the trust
//! file, held against it with Intel's collateral. Intel's root is compiled in;
//! no simulated one takes its place.

mod expected;
mod given;

use std::path::Path;

use anyhow::{Context as _, Result};
use collateral::quote;
use collateral::source::Effort;
use collateral::told::Missing;
use evidence::RootClass;
use evidence::tdx::{self, ConfigId, Evidence, Quote, Reason, Rejection, Root, Verified};
use job::{Check, TdxRules, Timestamp, Trust};

use super::Conclusion;
use super::binding::{Wanted, bind_runtime_data, digits, unbound};
use super::input::{NotRead, Quoted};
use super::later::conclude;
use crate::args;
use crate::clock;
use crate::context::Context;
use crate::exit::Problem;
use crate::explain::{Subject, Tee};
use crate::news::News;
use crate::verdict::{Finding, Mark, Verdict};
use expected::{Image, expected, images};

/// Verifies a quote by itself.
pub(super) async fn verify(
    context: &Context<'_>,
    trust: &Trust,
    path: &Path,
    quoted: Quoted,
    binding: args::Binding,
    given: Option<&Path>,
    at: Option<Timestamp>,
) -> Result<Conclusion> {
    let args::Binding {
        host_data,
        report_data,
        vcpus,
    } = binding;
    if vcpus.is_some() {
        let what = "--vcpus is about SEV-SNP: no measurement of TDX is of a number of vCPUs";
        return Err(Problem::usage(what, "leave it out").into());
    }
    let config_id = Wanted::config_id(host_data.as_deref())?;
    let report_data = Wanted::report_data(report_data.as_deref(), "REPORTDATA")?;
    let Quoted {
        quote: bytes,
        beside,
    } = quoted;
    let quote = Quote::parse(&bytes)
        .map_err(|error| NotRead::new(format!("not a quote of TDX: {error}")).problem(path))?;
    for text in &beside.unread {
        let text = (*text).to_owned();
        context.teller.tell(&News::Warning { text });
    }
    let now = at.unwrap_or_else(clock::now);
    let bound = Bound {
        config_id: ConfigId::of_sha384(config_id.or_seen(quote.mr_config_id())),
        report_data: report_data.or_seen(quote.report_data()),
    };
    let mut verdict = match trust.tdx(now) {
        None => without_rules(now),
        Some(rules) => match collateral(context, trust, &quote, rules, given, now).await? {
            Err(missing) => without_collateral(context, missing),
            Ok(collateral) => {
                let evidence = Evidence {
                    quote: bytes,
                    collateral,
                };
                judge(&evidence, &quote, trust, rules, bound, now)?
            }
        },
    };
    config_id.name_choice(&mut verdict, "MRCONFIGID");
    report_data.name_choice(&mut verdict, "REPORTDATA");
    let seen = quote.report_data();
    bind_runtime_data(&mut verdict, "REPORTDATA", &seen, beside.runtime_data);
    let (job, key) = (config_id.is_compared(), report_data.is_compared());
    let subject = Subject::Machine {
        tee: Tee::Tdx,
        bound_to_job: job,
        bound_to_key: key,
    };
    let unbound = unbound([("MRCONFIGID", job), ("REPORTDATA", key)]);
    Ok(conclude(context, verdict, at, subject, unbound))
}

/// Intel's collateral for a quote's platform: the file that was given, and else what
/// is kept and fetched; or what of it is not to be had.
async fn collateral(
    context: &Context<'_>,
    trust: &Trust,
    quote: &Quote,
    rules: &TdxRules,
    given: Option<&Path>,
    now: Timestamp,
) -> Result<Result<tdx::Collateral, Missing>> {
    if let Some(path) = given {
        return given::given(context, path, now).map(Ok);
    }
    let Some(platform) = quote.platform() else {
        return Ok(Err(Missing {
            item: None,
            why: "the quote's certificates name no platform of Intel's".to_owned(),
            next: "do not use this machine until somebody explains it".to_owned(),
        }));
    };
    let max_age = rules.collateral_max_age_secs;
    Ok(quote::brought(
        context.fetcher(Effort::Fetch, now),
        trust,
        platform,
        max_age,
    )
    .await)
}

/// What a quote is bound to.
#[derive(Clone, Copy, Debug)]
struct Bound {
    config_id: ConfigId,
    report_data: [u8; 64],
}

/// The verdict by the guest that passes; else by the one that got furthest.
fn judge(
    evidence: &Evidence,
    quote: &Quote,
    trust: &Trust,
    rules: &TdxRules,
    bound: Bound,
    now: Timestamp,
) -> Result<Verdict> {
    let root = Root::intel().context("failed to read Intel's root")?;
    let mut furthest: Option<(Rejection, Image<'_>)> = None;
    for image in images(trust.tdx_guests(now), quote.mr_td()) {
        let expected = expected(root.clone(), rules, &image, bound);
        match tdx::verify(evidence, &expected, now) {
            Ok(verified) => return Ok(accepted(&verified, &image)),
            Err(refused) => {
                let before = furthest.as_ref().map_or(0, |(best, _)| best.checks.len());
                if refused.checks.len() > before {
                    furthest = Some((refused, image));
                }
            }
        }
    }
    let (refused, image) = furthest.context("failed to hold the quote against any guest")?;
    Ok(refusal(refused, &image))
}

fn accepted(verified: &Verified, image: &Image<'_>) -> Verdict {
    Verdict {
        key: None,
        mark: Mark::of(verified.claims().class == RootClass::Simulated),
        checks: named(verified.checks().to_vec(), image),
        finding: Finding::Accepted,
    }
}

fn refusal(refused: Rejection, image: &Image<'_>) -> Verdict {
    let Rejection { reason, checks } = refused;
    let about_collateral = matches!(
        reason,
        Reason::CollateralUnreadable
            | Reason::CollateralKind
            | Reason::CollateralTime
            | Reason::CollateralAge
            | Reason::SignerChain
            | Reason::SignerRevoked
            | Reason::RootListSignature
            | Reason::PckListSignature
            | Reason::TcbInfoSignature
            | Reason::QeIdentitySignature
            | Reason::CollateralPlatform
            | Reason::EvaluationNumber
    );
    let finding = if about_collateral {
        Finding::refused(
            "with this collateral nothing is known about the machine",
            "bring Intel's collateral for this platform, made shortly before this day: --collateral FILE",
        )
    } else {
        Finding::refused(
            "the evidence does not prove what your trust file asks for",
            "do not use this machine until somebody explains it",
        )
    };
    Verdict {
        key: None,
        mark: Mark::Hardware,
        checks: named(checks, image),
        finding,
    }
}

/// The guest's name beside its MRTD, where that fits.
fn named(mut checks: Vec<Check>, image: &Image<'_>) -> Vec<Check> {
    let check = checks.iter_mut().find(|check| check.name == "MRTD");
    if let (Some(name), Some(check)) = (image.name, check) {
        check.seen = format!("{name} ({})", check.seen).into();
    }
    checks
}

fn without_rules(now: Timestamp) -> Verdict {
    let wanted = format!("[tdx], accepted on {now}");
    not_judged(
        Check::new("trust file", wanted, "none"),
        "your trust file does not accept TDX",
        "if you want to, say in [tdx] what you accept (docs/trust.md)",
    )
}

fn without_collateral(context: &Context<'_>, missing: Missing) -> Verdict {
    let Missing { item, why, next } = missing.clone();
    context.teller.tell(&News::Missing(Box::new(missing)));
    let wanted = item.map_or_else(
        || "Intel's for its platform".to_owned(),
        |item| item.to_string(),
    );
    not_judged(
        Check::new("collateral", wanted, why),
        "without Intel's collateral nothing is known about the machine",
        &next,
    )
}

/// Refused before the evidence was looked at.
fn not_judged(check: Check, meaning: &str, advice: &str) -> Verdict {
    Verdict {
        key: None,
        mark: Mark::Hardware,
        checks: vec![check],
        finding: Finding::refused(meaning, advice),
    }
}

impl Wanted<48> {
    fn config_id(typed: Option<&str>) -> Result<Self, Problem> {
        let next = "write --host-data HEX (the digest of the init data, 64 digits of SHA-256 or 96 \
                    of SHA-384), or --host-data any";
        let of_sha256 = |text: &str| digits(text).map(ConfigId::of_sha256);
        let of_sha384 = |text: &str| digits(text).map(ConfigId::of_sha384);
        let exactly = |id: ConfigId| Self::Exactly(id.bytes());
        match typed {
            Some("any") => Some(Self::Any),
            Some(text) => of_sha256(text).or_else(|| of_sha384(text)).map(exactly),
            None => None,
        }
        .ok_or_else(|| Problem::usage("what MRCONFIGID has to be is not said", next))
    }
}

#[cfg(test)]
mod tests;
