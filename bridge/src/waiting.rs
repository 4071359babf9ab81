//! Orders between being heard and being written down. A state machine without
//! clock and effects: hearing puts in, workers take out, and what is cancelled is
//! never taken out again.
//!
//! ```text
//!            ┌──────────── later: tried again, with back-off ────────────┐
//! hear ──> queued ──next──> in hand ──┬─ written: an object, or one that was there
//!            │                        └─ never: the customer is told
//!            └── cancel, or expired: the customer is told
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use dvm::cancel::Cancellation;
use job::{JobId, Order, PublicKey, Timestamp};

use crate::cancelled::Cancelled;

/// Orders that wait: at most 20 kB each in memory.
const MAX: usize = 1_024;

/// Of one customer, so that one cannot take every place.
const MAX_OF_ONE: usize = 64;

/// First wait after the cluster did not take an order; it doubles.
const FIRST_WAIT_SECS: u64 = 1;

/// Longest wait between two tries to write an order down.
const MAX_WAIT_SECS: u64 = 30;

/// How an order was heard: the answer goes the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Sealed to the provider.
    Privately,
    /// Published.
    Publicly,
}

/// An order and how it came.
#[derive(Debug)]
pub(crate) struct Placed {
    /// The order.
    pub(crate) order: Order,
    /// How it was heard.
    pub(crate) heard: Heard,
}

/// What became of an order that was heard.
#[derive(Debug)]
pub(crate) enum Noted {
    /// It is new and waits to be written down.
    Queued,
    /// It waits already.
    Waits,
    /// Its customer cancelled it before.
    Cancelled(Placed),
    /// There is no place. Relays keep it; it is heard again when there is one.
    Full(Placed),
}

/// What to do next with an order.
#[derive(Debug)]
pub(crate) enum Next {
    /// Write it down.
    Write(Arc<Placed>),
    /// Tell the customer that it expired.
    Expired(Arc<Placed>),
}

/// What to tell when the cluster does not take an order now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// That it waits: for the first time.
    Waits,
    /// Nothing: that was told.
    WaitsStill,
    /// That it is cancelled.
    Cancelled,
}

#[derive(Debug)]
struct Entry {
    placed: Arc<Placed>,
    tries: u32,
    due: Timestamp,
    in_hand: bool,
}

/// The orders, and the cancellations that are remembered.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    orders: BTreeMap<JobId, Entry>,
    /// Cancellations.
    pub(crate) cancelled: Cancelled,
    left_out: bool,
    room: bool,
}

impl Waiting {
    /// Takes in an order that can be run.
    pub(crate) fn hear(&mut self, placed: Placed, now: Timestamp) -> Noted {
        let (job, customer) = (placed.order.id(), placed.order.customer());
        if self.cancelled.has(&(job, customer)) {
            let ends = placed.order.expiration();
            self.cancelled.know((job, customer), ends);
            return Noted::Cancelled(placed);
        }
        if self.orders.contains_key(&job) {
            return Noted::Waits;
        }
        if self.orders.len() >= MAX || self.count_of(customer) >= MAX_OF_ONE {
            self.left_out = true;
            return Noted::Full(placed);
        }
        let entry = Entry {
            placed: Arc::new(placed),
            tries: 0,
            due: now,
            in_hand: false,
        };
        self.orders.insert(job, entry);
        Noted::Queued
    }

    /// Remembers a cancellation; the order that ends by it, when that waits. An
    /// order in somebody's hand ends when it is put back.
    pub(crate) fn cancel(
        &mut self,
        cancellation: Cancellation,
        now: Timestamp,
    ) -> Option<Arc<Placed>> {
        let own = self.orders.get(&cancellation.job);
        let own = own.filter(|entry| entry.placed.order.customer() == cancellation.by);
        let ends = own.map(|entry| entry.placed.order.expiration());
        let waits = own.is_some_and(|entry| !entry.in_hand);
        if !self.cancelled.note(cancellation, ends, now) {
            tracing::warn!(job = %cancellation.job, "no place to remember a cancellation");
        }
        if !waits {
            return None;
        }
        self.remove(cancellation.job)
    }

    /// The order to do something with now: one that was tried least, so that new
    /// ones do not wait for those that fail.
    pub(crate) fn next(&mut self, now: Timestamp) -> Option<Next> {
        let mut idle = self.orders.iter().filter(|(_, entry)| !entry.in_hand);
        let over = idle.find(|(_, entry)| entry.placed.order.expiration() <= now);
        if let Some(job) = over.map(|(job, _)| *job) {
            return self.remove(job).map(Next::Expired);
        }
        let due = self.orders.iter_mut();
        let due = due.filter(|(_, entry)| !entry.in_hand && entry.due <= now);
        let (_, entry) = due.min_by_key(|(_, entry)| (entry.tries, entry.due))?;
        entry.in_hand = true;
        Some(Next::Write(entry.placed.clone()))
    }

    /// There is an object of it now. When it was cancelled meanwhile, that object
    /// is told.
    pub(crate) fn written(&mut self, placed: &Placed, now: Timestamp) {
        let order = &placed.order;
        self.cancelled.again(&(order.id(), order.customer()), now);
        self.remove(order.id());
    }

    /// The cluster will never take it; whether it is cancelled anyway.
    pub(crate) fn never(&mut self, placed: &Placed) -> bool {
        let order = &placed.order;
        self.remove(order.id());
        self.cancelled.has(&(order.id(), order.customer()))
    }

    /// The cluster does not take it now. An object may be there all the same, when
    /// the answer was lost: a cancellation looks for it.
    pub(crate) fn later(&mut self, placed: &Placed, now: Timestamp) -> Put {
        let (job, customer) = (placed.order.id(), placed.order.customer());
        if self.cancelled.has(&(job, customer)) {
            self.cancelled.again(&(job, customer), now);
            self.remove(job);
            return Put::Cancelled;
        }
        let Some(entry) = self.orders.get_mut(&job) else {
            return Put::WaitsStill;
        };
        let wait = FIRST_WAIT_SECS << entry.tries.min(5);
        entry.due = now.plus(wait.min(MAX_WAIT_SECS));
        entry.tries = entry.tries.saturating_add(1);
        entry.in_hand = false;
        if entry.tries == 1 {
            Put::Waits
        } else {
            Put::WaitsStill
        }
    }

    /// Whether orders that found no place should be heard again: there is one now.
    pub(crate) fn hear_again(&mut self) -> bool {
        let again = self.room && self.orders.len() <= MAX / 2;
        if again {
            (self.left_out, self.room) = (false, false);
        }
        again
    }

    fn count_of(&self, customer: PublicKey) -> usize {
        let entries = self.orders.values();
        let own = entries.filter(|entry| entry.placed.order.customer() == customer);
        own.count()
    }

    fn remove(&mut self, job: JobId) -> Option<Arc<Placed>> {
        let entry = self.orders.remove(&job)?;
        self.room |= self.left_out;
        Some(entry.placed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Heard, MAX, MAX_OF_ONE, Next, Noted, Placed, Put, Waiting};
    use dvm::Keys;
    use dvm::cancel::Cancellation;
    use dvm::order::{NewOrder, sign_order};
    use job::{OfferId, Order, Timestamp};
    use std::sync::Arc;

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    fn order(customer: &Keys) -> Order {
        let new = NewOrder {
            kind: 5999,
            provider: Keys::generate().public_key(),
            offer: OfferId::from_bytes([7; 32]),
            relays: vec!["wss://relay.example".to_owned()],
            expiration: NOW.plus(600),
            params: Vec::new(),
        };
        sign_order(customer, new, NOW).unwrap()
    }

    fn hear(waiting: &mut Waiting, order: &Order) -> Noted {
        let order = order.clone();
        let heard = Heard::Privately;
        waiting.hear(Placed { order, heard }, NOW)
    }

    fn take(waiting: &mut Waiting, at: Timestamp) -> Arc<Placed> {
        match waiting.next(at) {
            Some(Next::Write(placed)) => placed,
            other => panic!("{other:?}"),
        }
    }

    fn cancel(waiting: &mut Waiting, order: &Order) -> Option<Arc<Placed>> {
        let (by, job) = (order.customer(), order.id());
        waiting.cancel(Cancellation { by, job, at: NOW }, NOW)
    }

    #[test]
    fn forty_orders_that_fail_hold_up_neither_a_new_one_nor_a_cancellation() {
        let mut waiting = Waiting::default();
        let orders: Vec<Order> = (0..40).map(|_| order(&Keys::generate())).collect();
        for order in &orders {
            assert!(matches!(hear(&mut waiting, order), Noted::Queued));
        }
        for _ in 0..40 {
            let placed = take(&mut waiting, NOW);
            assert_eq!(waiting.later(&placed, NOW), Put::Waits);
        }
        let new = order(&Keys::generate());
        assert!(matches!(hear(&mut waiting, &new), Noted::Queued));
        // All are due; the new one comes first.
        let placed = take(&mut waiting, NOW.plus(30));
        assert_eq!(placed.order.id(), new.id());
        let ended = cancel(&mut waiting, &orders[7]).unwrap();
        assert_eq!(ended.order.id(), orders[7].id());
        assert!(matches!(
            hear(&mut waiting, &orders[7]),
            Noted::Cancelled(_)
        ));
    }

    #[test]
    fn a_cancellation_wins_before_during_and_after_the_writing() {
        let customer = Keys::generate();
        let (before, failing, taken) = (order(&customer), order(&customer), order(&customer));
        let mut waiting = Waiting::default();
        assert!(cancel(&mut waiting, &before).is_none());
        assert!(matches!(hear(&mut waiting, &before), Noted::Cancelled(_)));
        let key = (before.id(), before.customer());
        assert_eq!(waiting.cancelled.next(NOW), Some(key));
        waiting.cancelled.applied(&key);
        for (order, created) in [(failing, false), (taken, true)] {
            assert!(matches!(hear(&mut waiting, &order), Noted::Queued));
            let placed = take(&mut waiting, NOW);
            // While it is in hand: it ends when that hand is done.
            assert!(cancel(&mut waiting, &order).is_none());
            let key = (order.id(), order.customer());
            assert_eq!(waiting.cancelled.next(NOW), Some(key));
            waiting.cancelled.applied(&key);
            if created {
                waiting.written(&placed, NOW);
            } else {
                assert_eq!(waiting.later(&placed, NOW), Put::Cancelled);
            }
            // Whatever was asked before, the object that may be there is told.
            assert_eq!(waiting.cancelled.next(NOW), Some(key));
            waiting.cancelled.applied(&key);
            assert!(waiting.next(NOW.plus(30)).is_none());
            assert!(matches!(hear(&mut waiting, &order), Noted::Cancelled(_)));
        }
    }

    #[test]
    fn only_its_customer_cancels_an_order() {
        let order = order(&Keys::generate());
        let mut waiting = Waiting::default();
        assert!(matches!(hear(&mut waiting, &order), Noted::Queued));
        let by = Keys::generate().public_key();
        let job = order.id();
        let ended = waiting.cancel(Cancellation { by, job, at: NOW }, NOW);
        assert!(ended.is_none());
        assert_eq!(take(&mut waiting, NOW).order.id(), job);
    }

    #[test]
    fn an_order_is_taken_once_and_tried_ever_more_slowly_until_it_expires() {
        let order = order(&Keys::generate());
        let mut waiting = Waiting::default();
        assert!(matches!(hear(&mut waiting, &order), Noted::Queued));
        assert!(matches!(hear(&mut waiting, &order), Noted::Waits));
        let mut at = NOW;
        for (n, wait) in [1, 2, 4, 8, 16, 30, 30].into_iter().enumerate() {
            let placed = take(&mut waiting, at);
            assert!(waiting.next(at).is_none(), "taken twice");
            let put = waiting.later(&placed, at);
            assert_eq!(put == Put::Waits, n == 0, "told once");
            assert!(waiting.next(at.plus(wait - 1)).is_none());
            at = at.plus(wait);
        }
        let over = waiting.next(order.expiration());
        assert!(matches!(over, Some(Next::Expired(_))));
        assert!(waiting.next(order.expiration()).is_none());
    }

    #[test]
    fn what_finds_no_place_is_heard_again_when_there_is_one() {
        let greedy = Keys::generate();
        let mut waiting = Waiting::default();
        for _ in 0..MAX_OF_ONE {
            assert!(matches!(hear(&mut waiting, &order(&greedy)), Noted::Queued));
        }
        let one_more = order(&greedy);
        assert!(matches!(hear(&mut waiting, &one_more), Noted::Full(_)));
        assert!(!waiting.hear_again());
        // Another one's is heard all the same.
        let other = order(&Keys::generate());
        assert!(matches!(hear(&mut waiting, &other), Noted::Queued));
        let placed = take(&mut waiting, NOW);
        waiting.written(&placed, NOW);
        assert!(waiting.hear_again());
        assert!(!waiting.hear_again());
    }

    #[test]
    fn memory_is_bounded() {
        let mut waiting = Waiting::default();
        for _ in 0..MAX {
            assert!(matches!(
                hear(&mut waiting, &order(&Keys::generate())),
                Noted::Queued
            ));
        }
        let one_more = order(&Keys::generate());
        assert!(matches!(hear(&mut waiting, &one_more), Noted::Full(_)));
    }
}
