//! Intel's collateral for a quote in a file that was given.

use std::path::Path;

use anyhow::Result;
use collateral::intel;
use collateral::item::Item;
use collateral::told::{From, Used};
use evidence::tdx::{COLLATERAL_MAX, Collateral};
use job::Timestamp;
use serde::Deserialize;

use crate::context::Context;
use crate::files;
use crate::news::News;
use crate::verify::input::readable;

/// Longest file of collateral we read; `evidence::tdx::Collateral` says the same.
const MAX_COLLATERAL: u64 = COLLATERAL_MAX as u64;

/// The collateral in a file, and a word about the age of each part.
///
/// # Errors
/// When the file is none.
pub(super) fn given(context: &Context<'_>, path: &Path, now: Timestamp) -> Result<Collateral> {
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
