//! The order: a NIP-90 request event, signed by the customer, without data.

use serde::{Deserialize, Serialize};

use crate::canonical::{self, CanonicalError};
use crate::terms::is_param_name;
use crate::{Challenge, JobId, OfferId, PublicKey, Terms, Timestamp};

/// Longest order: its canonical bytes.
pub const MAX_ORDER: usize = 6 * 1024;

/// A Nostr event: exactly the seven fields of NIP-01, unchecked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Event id, 64 hex digits.
    pub id: JobId,
    /// Author.
    pub pubkey: PublicKey,
    /// Unix seconds.
    pub created_at: u64,
    /// Kind.
    pub kind: u16,
    /// Tags.
    pub tags: Vec<Vec<String>>,
    /// Content.
    pub content: String,
    /// Schnorr signature, 128 hex digits.
    pub sig: String,
}

/// An order whose id and signature were verified and whose form is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    event: Event,
    bytes: Vec<u8>,
    provider: PublicKey,
    challenge: Challenge,
    relays: Vec<String>,
    expiration: Timestamp,
    subject: Subject,
    params: Vec<(String, Vec<String>)>,
}

/// What is ordered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A service, by the offer the customer read and keeps.
    Offer(OfferId),
    /// A workload of the customer's own.
    Workload(Box<Terms>),
}

/// Why an event is not an order; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// Longer than an order may be.
    #[error(
        "the order has {0} bytes and may have {MAX_ORDER}; send data later, sealed, not in the order"
    )]
    TooLong(usize),
    /// Not the seven fields of an event.
    #[error("the order is not a Nostr event with exactly the seven fields of NIP-01")]
    Form(#[source] serde_json::Error),
    /// No canonical form.
    #[error("the order has no canonical form")]
    Canonical(#[source] CanonicalError),
    /// Id or signature do not fit.
    #[error(
        "the order's id or signature does not fit its content: sign it again with `cdvm request`"
    )]
    Signature,
    /// Another kind than a request.
    #[error("the order has kind {0}, and must have a request kind from 5000 to 5999")]
    Kind(u16),
    /// Content in the clear.
    #[error("the order has content, and must have none: data is sent later, sealed to the machine")]
    Content,
    /// An `i` tag: data in the clear.
    #[error(
        "the order has an `i` tag: data is sent later, sealed to the machine, never in the order"
    )]
    Data,
    /// A tag this version does not know.
    #[error(
        "the order has the tag {0:?}, which means nothing in an order; it may have p, challenge, relays, expiration, offer or workload, and param"
    )]
    UnknownTag(String),
    /// A tag that must be there exactly once.
    #[error("the order has the tag {0:?} {1} times, and must have it exactly once")]
    Count(&'static str, usize),
    /// A tag whose values do not have the right form.
    #[error("the order's tag {0:?} must be {1}")]
    Tag(&'static str, &'static str),
    /// Both or neither of `offer` and `workload`.
    #[error("the order must have either an `offer` or a `workload` tag")]
    Subject,
    /// A parameter that appears twice.
    #[error("the order gives the parameter {0:?} twice")]
    ParamTwice(String),
}

impl Order {
    /// Takes the bytes of a JSON event for an order; `verify` says whether id and
    /// signature of an event fit (NIP-01), and is asked before anything is believed.
    ///
    /// # Errors
    /// When it is too long, is not an event, was not signed so, or is no order.
    pub fn parse(json: &[u8], verify: impl FnOnce(&Event) -> bool) -> Result<Self, OrderError> {
        // Whitespace may make it longer than its canonical form, but not by much.
        if json.len() > 2 * MAX_ORDER {
            return Err(OrderError::TooLong(json.len()));
        }
        let event: Event = serde_json::from_slice(json).map_err(OrderError::Form)?;
        Self::from_event(event, verify)
    }

    /// Takes an event for an order, as [`Order::parse`].
    ///
    /// # Errors
    /// As [`Order::parse`].
    pub fn from_event(
        event: Event,
        verify: impl FnOnce(&Event) -> bool,
    ) -> Result<Self, OrderError> {
        let bytes = canonical::to_vec(&event).map_err(OrderError::Canonical)?;
        if bytes.len() > MAX_ORDER {
            return Err(OrderError::TooLong(bytes.len()));
        }
        if !verify(&event) {
            return Err(OrderError::Signature);
        }
        if !(5000..=5999).contains(&event.kind) {
            return Err(OrderError::Kind(event.kind));
        }
        if !event.content.is_empty() {
            return Err(OrderError::Content);
        }
        require_known_tags(&event)?;
        Ok(Self {
            provider: parsed(&event, "p", "one public key, 64 hex digits")?,
            challenge: parsed(&event, "challenge", "32 random bytes, 64 hex digits")?,
            expiration: Timestamp::from_secs(parsed(&event, "expiration", "Unix seconds")?),
            relays: relays(&event)?,
            subject: subject(&event)?,
            params: params(&event)?,
            bytes,
            event,
        })
    }

    /// The event as the customer signed it.
    pub const fn event(&self) -> &Event {
        &self.event
    }

    /// Its canonical bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// J.
    pub const fn id(&self) -> JobId {
        self.event.id
    }

    /// C.
    pub const fn customer(&self) -> PublicKey {
        self.event.pubkey
    }

    /// O.
    pub const fn provider(&self) -> PublicKey {
        self.provider
    }

    /// Request kind; the result's is this plus 1000.
    pub const fn kind(&self) -> u16 {
        self.event.kind
    }

    /// When the customer wrote it, by the customer's clock.
    pub const fn created_at(&self) -> Timestamp {
        Timestamp::from_secs(self.event.created_at)
    }

    /// The customer's random bytes.
    pub const fn challenge(&self) -> Challenge {
        self.challenge
    }

    /// Where the customer listens.
    pub fn relays(&self) -> &[String] {
        &self.relays
    }

    /// After this the order means nothing.
    pub const fn expiration(&self) -> Timestamp {
        self.expiration
    }

    /// What is ordered.
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Parameters in the clear, in the order they were given.
    pub fn params(&self) -> &[(String, Vec<String>)] {
        &self.params
    }

    /// The name of its `ConfidentialJob`.
    pub fn object_name(&self) -> String {
        self.id().object_name()
    }
}

const KNOWN: [&str; 7] = [
    "p",
    "challenge",
    "relays",
    "expiration",
    "offer",
    "workload",
    "param",
];

fn require_known_tags(event: &Event) -> Result<(), OrderError> {
    for tag in &event.tags {
        match tag.first().map(String::as_str) {
            Some("i") => return Err(OrderError::Data),
            Some(name) if KNOWN.contains(&name) => {}
            name => return Err(OrderError::UnknownTag(name.unwrap_or_default().to_owned())),
        }
    }
    Ok(())
}

fn named<'e>(event: &'e Event, name: &str) -> impl Iterator<Item = &'e [String]> {
    let tags = event.tags.iter().filter_map(|tag| tag.split_first());
    let name = name.to_owned();
    tags.filter(move |(first, _)| **first == name)
        .map(|(_, values)| values)
}

fn once<'e>(event: &'e Event, name: &'static str) -> Result<&'e [String], OrderError> {
    let mut tags = named(event, name);
    match (tags.next(), tags.count()) {
        (Some(values), 0) => Ok(values),
        (first, more) => Err(OrderError::Count(name, more + usize::from(first.is_some()))),
    }
}

fn parsed<T: core::str::FromStr>(
    event: &Event,
    name: &'static str,
    wanted: &'static str,
) -> Result<T, OrderError> {
    match once(event, name)? {
        [value] => value.parse().map_err(|_| OrderError::Tag(name, wanted)),
        _ => Err(OrderError::Tag(name, wanted)),
    }
}

fn relays(event: &Event) -> Result<Vec<String>, OrderError> {
    let relays = once(event, "relays")?;
    let fits = |url: &String| {
        let scheme = url.starts_with("wss://") || url.starts_with("ws://");
        scheme && url.len() <= 255 && url.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if (1..=8).contains(&relays.len()) && relays.iter().all(fits) {
        return Ok(relays.to_vec());
    }
    Err(OrderError::Tag("relays", "1 to 8 relay URLs (wss://…)"))
}

fn subject(event: &Event) -> Result<Subject, OrderError> {
    let count = |name| named(event, name).count();
    match (count("offer"), count("workload")) {
        (1, 0) => Ok(Subject::Offer(parsed(
            event,
            "offer",
            "the id of the offer you read, 64 hex digits",
        )?)),
        (0, 1) => {
            let wrong = OrderError::Tag("workload", "the canonical JSON of Terms");
            let [terms] = once(event, "workload")? else {
                return Err(wrong);
            };
            match canonical::from_slice(terms.as_bytes()) {
                Ok(terms) => Ok(Subject::Workload(Box::new(terms))),
                Err(_) => Err(wrong),
            }
        }
        _ => Err(OrderError::Subject),
    }
}

fn params(event: &Event) -> Result<Vec<(String, Vec<String>)>, OrderError> {
    let mut params: Vec<(String, Vec<String>)> = Vec::new();
    for values in named(event, "param") {
        let Some((name, values)) = values.split_first() else {
            return Err(OrderError::Tag("param", "a name and a value"));
        };
        if !is_param_name(name) || values.is_empty() {
            return Err(OrderError::Tag(
                "param",
                "a name (^[A-Za-z0-9_.-]{1,64}$) and at least one value",
            ));
        }
        if params.iter().any(|(seen, _)| seen == name) {
            return Err(OrderError::ParamTwice(name.clone()));
        }
        params.push((name.clone(), values.to_vec()));
    }
    Ok(params)
}

#[cfg(test)]
mod tests {
    use super::{Event, Order, OrderError, Subject};
    use crate::examples;

    fn with(change: impl FnOnce(&mut Event)) -> Result<Order, OrderError> {
        let mut event = examples::event();
        change(&mut event);
        Order::from_event(event, |_| true)
    }

    fn tag(values: &[&str]) -> Vec<String> {
        values.iter().map(|&value| value.to_owned()).collect()
    }

    #[test]
    fn an_order_says_who_what_where_and_until_when() {
        let order = with(|event| event.tags.push(tag(&["param", "k", "1", "2"]))).unwrap();
        assert_eq!(order.relays(), ["wss://relay.example"]);
        assert!(matches!(order.subject(), Subject::Offer(_)));
        assert_eq!(order.params(), [("k".to_owned(), tag(&["1", "2"]))]);
        assert_eq!(order.object_name(), format!("j-{}", "02".repeat(20)));
    }

    #[test]
    fn an_order_may_carry_a_workload_of_its_own() {
        let terms = crate::canonical::to_vec(&examples::terms()).unwrap();
        let terms = String::from_utf8(terms).unwrap();
        let own = with(|event| event.tags[4] = tag(&["workload", &terms])).unwrap();
        assert!(matches!(own.subject(), Subject::Workload(_)));
        let loose = terms.replacen(':', ": ", 1);
        assert!(with(|event| event.tags[4] = tag(&["workload", &loose])).is_err());
    }

    #[test]
    fn nothing_is_believed_before_the_signature_was_checked() {
        let refused = Order::from_event(examples::event(), |_| false);
        assert!(matches!(refused, Err(OrderError::Signature)));
    }

    #[test]
    fn data_in_the_clear_is_refused() {
        let i = with(|event| event.tags.push(tag(&["i", "secret", "text"])));
        assert!(matches!(i, Err(OrderError::Data)));
        let content = with(|event| event.content = "secret".to_owned());
        assert!(matches!(content, Err(OrderError::Content)));
    }

    #[test]
    fn every_tag_but_param_is_there_exactly_once() {
        for at in 0..5 {
            let removed = with(|event| drop(event.tags.remove(at)));
            let doubled = with(|event| event.tags.push(event.tags[at].clone()));
            for result in [removed, doubled] {
                assert!(
                    matches!(result, Err(OrderError::Count(..) | OrderError::Subject)),
                    "{at}: {result:?}"
                );
            }
        }
        let unknown = with(|event| event.tags.push(tag(&["bid", "1"])));
        assert!(matches!(unknown, Err(OrderError::UnknownTag(_))));
        let empty = with(|event| event.tags.push(Vec::new()));
        assert!(matches!(empty, Err(OrderError::UnknownTag(_))));
    }

    #[test]
    fn values_have_their_form() {
        let changes: [&[&str]; 9] = [
            &["p", "npub1xyz"],
            &["p", "04", "04"],
            &["challenge", "05"],
            &["relays"],
            &["relays", "https://relay.example"],
            &["relays", "a", "b", "c", "d", "e", "f", "g", "h", "i"],
            &["expiration", "tomorrow"],
            &["expiration", "-1"],
            &["offer", "analyse"],
        ];
        for change in changes {
            let wrong = with(|event| {
                let at = event.tags.iter().position(|seen| seen[0] == change[0]);
                event.tags[at.unwrap()] = tag(change);
            });
            assert!(matches!(wrong, Err(OrderError::Tag(..))), "{change:?}");
        }
        for param in [&["param"][..], &["param", "x"], &["param", "../x", "1"]] {
            let wrong = with(|event| event.tags.push(tag(param)));
            assert!(matches!(wrong, Err(OrderError::Tag(..))), "{param:?}");
        }
        let twice = with(|event| {
            event.tags.push(tag(&["param", "x", "1"]));
            event.tags.push(tag(&["param", "x", "2"]));
        });
        assert!(matches!(twice, Err(OrderError::ParamTwice(_))));
    }

    #[test]
    fn an_order_is_bounded_before_it_is_read() {
        let huge = format!("{{\"id\":\"{}\"}}", "a".repeat(2_000_000));
        let refused = Order::parse(huge.as_bytes(), |_| true);
        assert!(matches!(refused, Err(OrderError::TooLong(_))));
        let long = with(|event| event.tags.push(tag(&["param", "x", &"y".repeat(6000)])));
        assert!(matches!(long, Err(OrderError::TooLong(_))));
    }

    #[test]
    fn only_requests_are_orders() {
        for kind in [1, 4999, 6000, 7000] {
            let refused = with(|event| event.kind = kind);
            assert!(matches!(refused, Err(OrderError::Kind(_))));
        }
    }
}
