//! `cdvm offers`, and finding the one offer that is ordered. What relays hold is
//! verified when it is read; which offer is meant is a pure choice.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use job::{Event, JobId, Offer, OfferId, PublicKey, Timestamp};
use relay::{Filter, Relays};

use crate::args;
use crate::context::Context;
use crate::exit::{Exit, Problem};
use crate::news::{News, Offered, people};
use crate::text::{cut, short_key};

/// Wait for the slowest relay: long enough for a connection across the world.
const FETCH_WAIT: Duration = Duration::from_secs(5);

/// An offer as its provider signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// What it says.
    pub(crate) offer: Offer,
    /// The signed event, to be kept.
    pub(crate) event: Event,
}

/// Which offer is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Exactly this one, or the current one of this name.
    pub(crate) what: What,
    /// By this provider only.
    pub(crate) provider: Option<PublicKey>,
}

/// How an offer is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Any.
    Any,
    /// The service's name.
    Service(String),
    /// The offer's id.
    Id(OfferId),
}

impl Wanted {
    /// Takes a service's name or an offer's id, and `npub1…` or hex.
    pub(crate) fn parse(what: Option<&str>, provider: Option<&str>) -> Result<Self> {
        let what = match what {
            None => What::Any,
            // 64 hex digits are an id: no sensible name looks like that.
            Some(text) => match text.to_ascii_lowercase().parse() {
                Ok(id) => What::Id(id),
                Err(_) => What::Service(text.to_owned()),
            },
        };
        let provider = provider.map(|text| {
            dvm::keys::parse_public_key(text).map_err(|error| {
                let next = "copy the provider's npub from `cdvm offers`";
                Problem::usage(format!("--provider {text:?}: {error}"), next)
            })
        });
        Ok(Self {
            what,
            provider: provider.transpose()?,
        })
    }

    fn filter(&self) -> Filter {
        let (identifiers, ids) = match &self.what {
            What::Any => (Vec::new(), Vec::new()),
            What::Service(name) => (vec![name.clone()], Vec::new()),
            What::Id(id) => (Vec::new(), vec![JobId::from_bytes(*id.as_bytes())]),
        };
        Filter {
            kinds: vec![dvm::kind::OFFER],
            authors: self.provider.into_iter().collect(),
            identifiers,
            ids,
            ..Filter::default()
        }
    }
}

/// Lists offers.
pub(crate) async fn offers(context: &Context<'_>, args: &args::Offers) -> Result<()> {
    let wanted = Wanted::parse(args.service.as_deref(), args.provider.as_deref())?;
    let found = fetch(context, &wanted).await?;
    if found.is_empty() {
        return Err(none(&wanted).into());
    }
    context.teller.line(&people::offers::heading());
    for Found { offer, event } in found {
        let created_at = Timestamp::from_secs(event.created_at);
        context
            .teller
            .tell(&News::Offered(Box::new(Offered { offer, created_at })));
    }
    Ok(())
}

/// Finds the one offer that is meant.
pub(crate) async fn find(context: &Context<'_>, wanted: &Wanted) -> Result<Found> {
    let found = fetch(context, wanted).await?;
    Ok(choose(found, wanted)?)
}

async fn fetch(context: &Context<'_>, wanted: &Wanted) -> Result<Vec<Found>> {
    let relays = Relays::connect(context.settings.relays()?, context.settings.plain).await?;
    let events = relays.fetch(&wanted.filter(), FETCH_WAIT).await;
    relays.close().await;
    Ok(current(events))
}

/// The newest offer of each service of each provider, by name. The events'
/// signatures were verified when they were read.
fn current(events: Vec<Event>) -> Vec<Found> {
    let mut newest: BTreeMap<(String, PublicKey), Found> = BTreeMap::new();
    for event in events {
        // Other people's kinds of service have the same event kind.
        let Ok(offer) = dvm::offer::parse_offer(&event) else {
            continue;
        };
        // Of two written in one second the lower id counts (NIP-01).
        let rank = |event: &Event| (event.created_at, std::cmp::Reverse(event.id));
        let name = (offer.service.clone(), offer.provider);
        match newest.get(&name) {
            Some(seen) if rank(&seen.event) >= rank(&event) => {}
            Some(_) | None => {
                newest.insert(name, Found { offer, event });
            }
        }
    }
    newest.into_values().collect()
}

fn choose(mut found: Vec<Found>, wanted: &Wanted) -> Result<Found, Problem> {
    let Some(last) = found.pop() else {
        return Err(none(wanted));
    };
    if found.is_empty() {
        return Ok(last);
    }
    found.push(last);
    let list: Vec<String> = found.iter().map(|found| describe(&found.offer)).collect();
    let what = format!("{} providers offer this:\n{}", found.len(), list.join("\n"));
    Err(Problem::usage(what, "choose one with --provider NPUB"))
}

fn describe(offer: &Offer) -> String {
    let npub = dvm::keys::npub(offer.provider);
    format!(
        "{npub}  {}",
        cut(&offer.content.about.replace('\n', " "), 60)
    )
}

fn none(wanted: &Wanted) -> Problem {
    let what = match &wanted.what {
        What::Any => "no offer was found".to_owned(),
        What::Service(name) => format!("no offer named {name:?} was found"),
        What::Id(id) => format!("no offer with the id {id} was found"),
    };
    let by = wanted
        .provider
        .map_or_else(String::new, |key| format!(" by {}", short_key(key)));
    let meaning = "These relays do not hold it, or did not answer";
    let next = "see what there is: cdvm offers; or name the provider's relay with --relay";
    Problem::new(Exit::Failed, format!("{what}{by}"), meaning, next)
}

#[cfg(test)]
mod tests {
    use dvm::Keys;
    use job::{Event, Timestamp};

    use super::{Wanted, What, choose, current};

    fn offer(keys: &Keys, service: &str, about: &str, at: u64) -> Event {
        let terms = serde_json::json!({
            "workload": {
                "image": format!("registry.example/{service}@sha256:{}", "91".repeat(32)),
                "imageEnv": [], "argv": ["/run"], "env": [],
            },
            "params": [], "input": {"maxBytes": 1, "waitSeconds": 1, "chat": false},
            "output": {"from": "stdout", "maxBytes": 1}, "network": {"allow": []},
            "secrets": [], "resources": {"vcpus": 2, "memoryMiB": 3072},
            "timeoutSeconds": 1, "blobServers": [], "kbs": null,
        });
        let content = job::OfferContent {
            name: service.to_owned(),
            about: about.to_owned(),
            cdvm: serde_json::from_value(terms).unwrap(),
        };
        let shown = dvm::offer::Shown::default();
        let at = Timestamp::from_secs(at);
        dvm::offer::sign_offer(keys, service, 5999, &content, &shown, at)
    }

    fn wanted(service: &str) -> Wanted {
        Wanted::parse(Some(service), None).unwrap()
    }

    #[test]
    fn the_newest_offer_of_each_provider_counts() {
        let (one, other) = (Keys::generate(), Keys::generate());
        let old = offer(&one, "analyse", "old", 10);
        let new = offer(&one, "analyse", "new", 11);
        let same_second = offer(&one, "analyse", "twin", 11);
        let others = offer(&other, "analyse", "other", 5);
        let mut noise = old.clone();
        noise.content = "{}".to_owned();
        let found = current(vec![new.clone(), old, others, noise, same_second.clone()]);
        assert_eq!(found.len(), 2);
        let winner = if new.id < same_second.id {
            new
        } else {
            same_second
        };
        assert!(found.iter().any(|found| found.event == winner));
    }

    #[test]
    fn a_name_that_several_providers_use_is_not_guessed() {
        let (one, other) = (Keys::generate(), Keys::generate());
        let events = [&one, &other].map(|keys| offer(keys, "analyse", "x", 10));
        let problem = choose(current(events.to_vec()), &wanted("analyse")).unwrap_err();
        for keys in [&one, &other] {
            assert!(problem.what.contains(&dvm::keys::npub(keys.public_key())));
        }
        let [first, _] = events;
        assert!(choose(current(vec![first]), &wanted("analyse")).is_ok());
        assert!(choose(Vec::new(), &wanted("analyse")).is_err());
    }

    #[test]
    fn what_is_wanted_is_a_name_or_an_id() {
        assert_eq!(wanted("analyse").what, What::Service("analyse".to_owned()));
        assert!(matches!(wanted(&"0f".repeat(32)).what, What::Id(_)));
        assert!(matches!(wanted(&"0F".repeat(32)).what, What::Id(_)));
        assert!(matches!(wanted(&"0f".repeat(31)).what, What::Service(_)));
        let keys = Keys::generate();
        let npub = dvm::keys::npub(keys.public_key());
        for text in [npub, keys.public_key().to_string()] {
            let wanted = Wanted::parse(None, Some(&text)).unwrap();
            assert_eq!(wanted.provider, Some(keys.public_key()));
        }
        assert!(Wanted::parse(None, Some("npub1nobody")).is_err());
    }
}
