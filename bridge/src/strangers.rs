//! What is answered to those who speak to the provider as to any other: a plain
//! NIP-90 request, an encrypted one, a direct message. Nothing is run for them;
//! they are told what to do.

use dvm::feedback::{Feedback, Status};
use dvm::keys::{naddr, npub};
use dvm::{Rumor, Unsigned, kind};
use job::{JobId, OrderError, PublicKey, Service, Timestamp};

/// Services named in an answer: it is a line for people.
const NAMED: usize = 3;

/// What somebody sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A NIP-90 request with its data in the clear.
    Plainly,
    /// One whose parameters are encrypted to the provider.
    Encrypted,
    /// A direct message.
    Personally,
}

/// Whether tags are those of a NIP-90 request of the ordinary sort, or those of
/// an order that has a fault.
pub(crate) fn asked(tags: &[Vec<String>]) -> Option<Asked> {
    let has = |name: &str| {
        tags.iter()
            .any(|tag| tag.first().is_some_and(|t| t == name))
    };
    if has("offer") || has("workload") || has("challenge") {
        None
    } else if has("encrypted") {
        Some(Asked::Encrypted)
    } else {
        Some(Asked::Plainly)
    }
}

/// What to do instead; `request_kind` chooses the services that are named.
pub(crate) fn advice(asked: Asked, request_kind: Option<u16>, services: &[Service]) -> String {
    let what = match asked {
        Asked::Plainly => {
            "this provider runs jobs in confidential machines and takes no data in a request, \
             because everybody could read them; nothing was run"
        }
        Asked::Encrypted => {
            "this provider runs jobs in confidential machines and opens no encrypted request, \
             because it is not meant to read your data; nothing was run"
        }
        Asked::Personally => {
            "nobody reads messages here: this is a provider of jobs in confidential machines"
        }
    };
    let fits = |service: &&Service| request_kind.is_none_or(|kind| kind == service.offer.kind);
    let offers = services.iter().filter(fits).map(|service| &service.offer);
    let mut names: Vec<String> = offers
        .map(|offer| {
            let address = naddr(kind::OFFER, offer.provider, &offer.service);
            format!("{} (nostr:{address})", offer.service)
        })
        .collect();
    names.sort();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    let provider = services.first().map(|service| service.offer.provider);
    let Some(provider) = provider.filter(|_| !names.is_empty()) else {
        return format!("{what}. It offers nothing at the moment");
    };
    format!(
        "{what}. To order, use the program cdvm: `cdvm offers --provider {}`, then `cdvm run \
         SERVICE --input FILE --output FILE`, which sends data sealed to a machine it verified. \
         Offered: {}",
        npub(provider),
        names.join(", ")
    )
}

/// What is told about an order with a fault.
pub(crate) fn fault(error: &OrderError) -> String {
    let mut text = format!("Rejected/BadOrder: {error}");
    if let Some(source) = std::error::Error::source(error) {
        text = format!("{text}: {source}");
    }
    text
}

/// The error (kind 7000) about a message, dated by it: told twice, it is the same.
pub(crate) fn error(
    text: String,
    message: JobId,
    author: PublicKey,
    written: Timestamp,
) -> Unsigned {
    Feedback::new(Status::Error, text).to_unsigned(message, author, written)
}

/// The answer to a direct message (NIP-17, kind 14), dated by it.
pub(crate) fn reply(text: String, to: &Rumor) -> Unsigned {
    Unsigned {
        kind: kind::CHAT,
        created_at: Timestamp::from_secs(to.created_at),
        tags: vec![
            vec!["p".to_owned(), to.pubkey.to_string()],
            vec!["e".to_owned(), to.id.to_string()],
        ],
        content: text,
    }
}

/// The relays a request wants its answers on (NIP-90: one tag, many values).
pub(crate) fn wanted_relays(tags: &[Vec<String>]) -> Vec<String> {
    let relays = tags.iter().find_map(|tag| match tag.split_first() {
        Some((name, urls)) if name == "relays" => Some(urls.to_vec()),
        _ => None,
    });
    relays.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Asked, advice, asked, wanted_relays};

    fn tags(tags: &[&[&str]]) -> Vec<Vec<String>> {
        let texts = |tag: &&[&str]| tag.iter().map(ToString::to_string).collect();
        tags.iter().map(texts).collect()
    }

    #[test]
    fn requests_of_the_ordinary_sort_are_told_from_orders_with_a_fault() {
        let plain = tags(&[&["i", "x", "text"], &["p", "04"]]);
        assert_eq!(asked(&plain), Some(Asked::Plainly));
        let encrypted = tags(&[&["encrypted"], &["p", "04"]]);
        assert_eq!(asked(&encrypted), Some(Asked::Encrypted));
        let faulty = tags(&[&["offer", "x"], &["i", "x", "text"]]);
        assert_eq!(asked(&faulty), None);
    }

    #[test]
    fn an_answer_says_that_nothing_is_offered() {
        let text = advice(Asked::Plainly, Some(5999), &[]);
        assert!(text.ends_with("It offers nothing at the moment"), "{text}");
    }

    #[test]
    fn relays_of_a_request_are_those_of_its_first_tag() {
        let named = tags(&[&["relays", "wss://a", "wss://b"], &["relays", "wss://c"]]);
        assert_eq!(wanted_relays(&named), ["wss://a", "wss://b"]);
        assert!(wanted_relays(&[]).is_empty());
    }
}
