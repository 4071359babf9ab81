//! Offers (kind 31990, NIP-89): one event per service, whose id orders name.

use std::collections::BTreeMap;

use job::{Event, Offer, OfferContent, OfferId, Terms, Timestamp};
use serde::Serialize;

use crate::event::{self, Unsigned};
use crate::tags::{MessageError, parsed, tag, text};
use crate::{Keys, kind, sign};

/// Longest offer content: terms must fit a manifest.
const MAX_CONTENT: usize = 16 * 1024;

/// Topics of every offer, so that it is found among others (`t`, NIP-90).
const TOPICS: [&str; 2] = ["confidential-computing", "sev-snp"];

/// What only other clients show. `cdvm` reads none of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shown<'s> {
    /// URL of a picture.
    pub picture: Option<&'s str>,
    /// Topics, beside those of every offer.
    pub topics: &'s [String],
}

/// The content as it is published: [`OfferContent`], and the fields that clients of
/// NIP-89 and NIP-90 read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Published<'c> {
    name: &'c str,
    about: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    picture: Option<&'c str>,
    /// The same, as clients of data vending machines call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'c str>,
    /// Whether the provider opens encrypted requests: never, so nobody sends one.
    encryption_supported: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    nip90_params: Option<BTreeMap<&'c str, PublishedParam<'c>>>,
    cdvm: &'c Terms,
}

#[derive(Serialize)]
struct PublishedParam<'c> {
    required: bool,
    values: &'c [String],
}

/// Signs the offer of a service. The same service at the same recorded time gives
/// the same event id.
pub fn sign_offer(
    provider: &Keys,
    service: &str,
    request_kind: u16,
    content: &OfferContent,
    shown: &Shown<'_>,
    recorded: Timestamp,
) -> Event {
    let mut tags = vec![
        tag(["d", service]),
        tag(["k", &request_kind.to_string()]),
        // For clients that show tags, and those that know no such event (NIP-31).
        tag(["name", &content.name]),
        tag(["about", &content.about]),
        tag(["alt", &format!("Confidential service: {}", content.about)]),
    ];
    let topics = shown.topics.iter().map(String::as_str);
    for topic in TOPICS.into_iter().chain(topics) {
        tags.push(tag(["t", topic]));
    }
    let unsigned = Unsigned {
        kind: kind::OFFER,
        created_at: recorded,
        tags,
        content: published(content, shown),
    };
    sign(provider, unsigned)
}

/// The content's text. Parameters are left out of what others read when that would
/// make the offer too long for those who read the terms.
fn published(content: &OfferContent, shown: &Shown<'_>) -> String {
    let OfferContent { name, about, cdvm } = content;
    let params = cdvm.params.iter().map(|param| {
        let shown = PublishedParam {
            required: param.required,
            values: &param.values,
        };
        (param.name.as_str(), shown)
    });
    let mut published = Published {
        name,
        about,
        picture: shown.picture,
        image: shown.picture,
        encryption_supported: false,
        nip90_params: Some(params.collect()),
        cdvm,
    };
    // Texts and whole numbers always are JSON.
    let text = serde_json::to_string(&published).unwrap_or_default();
    if text.len() <= MAX_CONTENT {
        return text;
    }
    published.nip90_params = None;
    serde_json::to_string(&published).unwrap_or_default()
}

/// Reads an offer. Its signature must have been verified
/// ([`event::parse_event`]).
///
/// # Errors
/// When it is none of ours.
pub fn parse_offer(event: &Event) -> Result<Offer, MessageError> {
    if event.kind != kind::OFFER {
        return Err(MessageError::Kind(event.kind));
    }
    if event.content.len() > MAX_CONTENT {
        return Err(MessageError::Content);
    }
    Ok(Offer {
        id: OfferId::from_bytes(*event.id.as_bytes()),
        provider: event.pubkey,
        service: text(&event.tags, "d")?.to_owned(),
        kind: parsed(&event.tags, "k")?,
        content: serde_json::from_str(&event.content).map_err(|_| MessageError::Content)?,
    })
}

/// Reads and verifies the offer a file or a relay holds.
///
/// # Errors
/// When it was not signed so, or is none of ours.
pub fn parse_offer_json(json: &str) -> Result<Offer, OfferError> {
    let event = event::parse_event(json).map_err(OfferError::Event)?;
    parse_offer(&event).map_err(OfferError::Offer)
}

/// Why a text is not an offer.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// Not a signed event.
    #[error("failed to verify the offer")]
    Event(#[source] event::EventError),
    /// Not an offer of a confidential service.
    #[error("not the offer of a confidential service")]
    Offer(#[source] MessageError),
}

#[cfg(test)]
mod tests {
    use super::{MAX_CONTENT, Shown, parse_offer, sign_offer};
    use crate::Keys;
    use job::{Event, OfferContent, Timestamp};
    use serde_json::{Value, json};

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn content(values: &[String]) -> OfferContent {
        let terms = json!({
            "workload": {
                "image": format!("registry.example/analyse@sha256:{}", "91".repeat(32)),
                "imageEnv": [], "argv": ["/run"], "env": [],
            },
            "params": [{"name": "delimiter", "required": true, "values": values}],
            "input": {"maxBytes": 1, "waitSeconds": 1, "chat": false},
            "output": {"from": "stdout", "maxBytes": 1}, "network": {"allow": []},
            "secrets": [], "resources": {"vcpus": 2, "memoryMiB": 3072},
            "timeoutSeconds": 1, "blobServers": [], "kbs": null,
        });
        OfferContent {
            name: "analyse".to_owned(),
            about: "statistics over a table".to_owned(),
            cdvm: serde_json::from_value(terms).unwrap(),
        }
    }

    fn sign(content: &OfferContent) -> Event {
        let shown = Shown {
            picture: Some("https://pictures.example/1.png"),
            topics: &["statistics".to_owned()],
        };
        sign_offer(&Keys::generate(), "analyse", 5999, content, &shown, NOW)
    }

    /// The names clients of NIP-89 and NIP-90 read (docs/protocol.md, 2).
    #[test]
    fn other_clients_find_and_show_an_offer() {
        let values = [";".to_owned(), ",".to_owned()];
        let event = sign(&content(&values));
        let all = |name: &str| -> Vec<&str> {
            let tags = event.tags.iter().filter(|tag| tag[0] == name);
            tags.map(|tag| tag[1].as_str()).collect()
        };
        assert_eq!(all("k"), ["5999"]);
        let topics = ["confidential-computing", "sev-snp", "statistics"];
        assert_eq!(all("t"), topics);
        assert_eq!(all("name"), ["analyse"]);
        assert_eq!(all("about"), ["statistics over a table"]);
        assert_eq!(all("alt").len(), 1);
        let shown: Value = serde_json::from_str(&event.content).unwrap();
        assert_eq!(shown["name"], "analyse");
        assert_eq!(shown["about"], "statistics over a table");
        assert_eq!(shown["picture"], "https://pictures.example/1.png");
        assert_eq!(shown["image"], shown["picture"]);
        assert_eq!(shown["encryptionSupported"], false);
        let param = json!({"delimiter": {"required": true, "values": [";", ","]}});
        assert_eq!(shown["nip90Params"], param);
    }

    #[test]
    fn cdvm_reads_the_terms_and_nothing_else_of_it() {
        let content = content(&[";".to_owned()]);
        let offer = parse_offer(&sign(&content)).unwrap();
        assert_eq!(offer.content, content);
        assert_eq!((offer.kind, offer.service.as_str()), (5999, "analyse"));
    }

    #[test]
    fn what_others_read_never_makes_an_offer_too_long() {
        let values: Vec<String> = (0..12)
            .map(|n| format!("{n}{}", "x".repeat(1_000)))
            .collect();
        let content = content(&values);
        let event = sign(&content);
        assert!(event.content.len() <= MAX_CONTENT);
        assert!(!event.content.contains("nip90Params"));
        assert_eq!(parse_offer(&event).unwrap().content, content);
    }
}
