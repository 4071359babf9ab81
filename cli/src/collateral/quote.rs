//! Intel's collateral for a quote: its four parts, each as it is kept while it is
//! good, and else fetched; or all of them in a file that was given. The quote is
//! judged with all of them, once.

use std::path::Path;

use anyhow::Result;
use evidence::tdx::{COLLATERAL_MAX, Collateral, Platform};
use job::{Timestamp, Trust};
use serde::Deserialize;

use super::fetch::Fetcher;
use super::intel::{self, Intels};
use super::item::Item;
use super::{Effort, From, Missing, Used};
use crate::context::Context;
use crate::files;
use crate::news::News;
use crate::verify::input::readable;

/// Longest file of collateral we read; `evidence::tdx::Collateral` says the same.
const MAX_COLLATERAL: u64 = COLLATERAL_MAX as u64;

/// The collateral for this platform. A part that is kept is good as long as it is
/// not replaced and at most `max_age_secs` old; the root's list, made once a year,
/// as long as it is not replaced.
///
/// # Errors
/// What is not to be had.
pub(crate) async fn collateral(
    context: &Context<'_>,
    trust: &Trust,
    platform: Platform,
    max_age_secs: u64,
    now: Timestamp,
) -> Result<Collateral, Missing> {
    let fetcher = Fetcher {
        teller: context.teller,
        collateral: &context.collateral,
        effort: Effort::Fetch,
        now,
    };
    brought(fetcher, trust, platform, max_age_secs).await
}

/// The collateral in a file, and a word about the age of each part.
///
/// # Errors
/// When the file is none.
pub(crate) fn given(context: &Context<'_>, path: &Path, now: Timestamp) -> Result<Collateral> {
    let (collateral, issuers) = readable(path, || {
        let text = files::read(path, MAX_COLLATERAL)?;
        let collateral = Collateral::from_json(&text)?;
        let Issuers {
            pck_crl_issuer_chain,
        } = serde_json::from_slice(&text)?;
        Ok((collateral, pck_crl_issuer_chain))
    })?;
    let parts = intel::dated(&collateral, &issuers, now);
    let undated = parts.iter().filter(|part| part.is_none()).count();
    let from = From::Bundle(path.to_owned());
    for (part, made_at) in parts.into_iter().flatten() {
        let used = Used::new(Item::Intel(part), from.clone(), Some(made_at), now);
        context.teller.tell(&News::Collateral(Box::new(used)));
    }
    if undated > 0 {
        context.teller.tell(&News::IntelUndated { undated, from });
    }
    Ok(collateral)
}

/// What the verifier of quotes does not need: a quote brings these itself.
#[derive(Deserialize)]
struct Issuers {
    pck_crl_issuer_chain: String,
}

pub(super) async fn brought(
    fetcher: Fetcher<'_>,
    trust: &Trust,
    platform: Platform,
    max_age_secs: u64,
) -> Result<Collateral, Missing> {
    let now = fetcher.now;
    let mut parts = [const { Vec::new() }; 4];
    for (part, bytes) in parts_of(platform).into_iter().zip(&mut parts) {
        let good = |bytes: &[u8]| {
            part.verify(bytes, now).is_ok_and(|claims| {
                let young = now.since(claims.made_at) <= max_age_secs;
                now < claims.replaced_at && (young || part == Intels::RootCaCrl)
            })
        };
        let item = Item::Intel(part);
        let brought = fetcher.bring(&item, trust, good).await?;
        fetcher.tell(item, brought.from, brought.made_at);
        *bytes = brought.bytes;
    }
    let [tcb_info, qe_identity, root_ca_crl, pck_crl] = &parts;
    intel::collateral([tcb_info, qe_identity, root_ca_crl, pck_crl]).map_err(|error| Missing {
        item: None,
        why: error.to_string(),
        next: "try again later".to_owned(),
    })
}

/// What is needed for a platform's quotes: TCB info, identity, the root's list, the
/// list of its authority.
pub(super) const fn parts_of(platform: Platform) -> [Intels; 4] {
    [
        Intels::TcbInfo(platform.fmspc),
        Intels::QeIdentity,
        Intels::RootCaCrl,
        Intels::PckCrl(platform.authority),
    ]
}
