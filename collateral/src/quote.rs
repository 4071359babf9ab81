//! Intel's collateral for a quote: its four parts, each as it is kept while it is
//! good, and else fetched; or all of them in a file that was given. The quote is
//! judged with all of them, once.

use evidence::tdx::{Collateral, Platform};
use job::Trust;

use crate::fetch::Fetcher;
use crate::intel::{self, Intels};
use crate::item::Item;
use crate::told::{Listen, Missing};

/// The collateral for this platform. A part that is kept is good as long as it is
/// not replaced and at most `max_age_secs` old; the root's list, made once a year,
/// as long as it is not replaced.
///
/// # Errors
/// What is not to be had.
pub async fn brought<L: Listen>(
    fetcher: Fetcher<'_, L>,
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
pub(crate) const fn parts_of(platform: Platform) -> [Intels; 4] {
    [
        Intels::TcbInfo(platform.fmspc),
        Intels::QeIdentity,
        Intels::RootCaCrl,
        Intels::PckCrl(platform.authority),
    ]
}
