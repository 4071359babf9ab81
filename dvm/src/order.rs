//! Writing an order, and carrying it privately: C → O, kind 23792.

use job::{Challenge, Event, OfferId, Order, OrderError, PublicKey, Timestamp};

use crate::event::{self, Unsigned};
use crate::tags::{MessageError, tag};
use crate::{Keys, Rumor, keys, kind, sign};

/// What a customer orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Request kind of the offer.
    pub kind: u16,
    /// O.
    pub provider: PublicKey,
    /// The offer the customer read and keeps.
    pub offer: OfferId,
    /// Where the customer listens, 1 to 8.
    pub relays: Vec<String>,
    /// After this the order means nothing.
    pub expiration: Timestamp,
    /// Parameters everybody may see.
    pub params: Vec<(String, Vec<String>)>,
}

/// Signs an order with a fresh challenge.
///
/// # Errors
/// When it would not be an order: too many relays, too long, …
pub fn sign_order(keys: &Keys, new: NewOrder, now: Timestamp) -> Result<Order, OrderError> {
    let NewOrder {
        kind,
        provider,
        offer,
        relays,
        expiration,
        params,
    } = new;
    let challenge = Challenge::from_bytes(*keys::random_bytes());
    let mut relay_tag = tag(["relays"]);
    relay_tag.extend(relays);
    let mut tags = vec![
        tag(["p", &provider.to_string()]),
        tag(["challenge", &challenge.to_string()]),
        relay_tag,
        tag(["expiration", &expiration.as_secs().to_string()]),
        tag(["offer", &offer.to_string()]),
    ];
    for (name, values) in params {
        let mut param = tag(["param", &name]);
        param.extend(values);
        tags.push(param);
    }
    let unsigned = Unsigned {
        kind,
        created_at: now,
        tags,
        content: String::new(),
    };
    Order::from_event(sign(keys, unsigned), event::verify)
}

/// Reads an order and verifies id and signature.
///
/// # Errors
/// When it is none.
pub fn parse_order(json: &str) -> Result<Order, OrderError> {
    Order::parse(json.as_bytes(), event::verify)
}

/// As [`parse_order`], for an event that was read already.
///
/// # Errors
/// When it is none.
pub fn order_from_event(event: Event) -> Result<Order, OrderError> {
    Order::from_event(event, event::verify)
}

/// The rumor that carries an order to the provider.
pub fn private_order(order: &Order, now: Timestamp) -> Rumor {
    let message = Unsigned {
        kind: kind::PRIVATE_ORDER,
        created_at: now,
        tags: vec![
            tag(["e", &order.id().to_string()]),
            tag(["p", &order.provider().to_string()]),
        ],
        content: String::from_utf8_lossy(order.bytes()).into_owned(),
    };
    Rumor::new(order.customer(), message)
}

/// Why a rumor carries no order.
#[derive(Debug, thiserror::Error)]
pub enum PrivateOrderError {
    /// Another message.
    #[error("not a private order")]
    Message(#[source] MessageError),
    /// What it carries is no order.
    #[error("failed to read the order it carries")]
    Order(#[source] OrderError),
    /// Sealed by somebody else than who signed the order.
    #[error("the order was signed by another key than the one that sent it")]
    Sender,
}

/// Opens what [`private_order`] wrote.
///
/// # Errors
/// When it carries no order, or one of another customer.
pub fn open_private_order(rumor: &Rumor) -> Result<Order, PrivateOrderError> {
    if rumor.kind != kind::PRIVATE_ORDER {
        let error = MessageError::Kind(rumor.kind);
        return Err(PrivateOrderError::Message(error));
    }
    let order = parse_order(&rumor.content).map_err(PrivateOrderError::Order)?;
    if order.customer() != rumor.pubkey {
        return Err(PrivateOrderError::Sender);
    }
    Ok(order)
}
