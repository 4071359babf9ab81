//! The list of checks while it grows. A check that does not hold ends it.

use core::fmt::{Debug, Display};

use crate::{Check, Rejection};

/// The checks that passed so far, in order.
#[derive(Default)]
pub(crate) struct Ledger(Vec<Check>);

impl Ledger {
    /// Notes a check that holds, or ends the list with it.
    pub(crate) fn require<R: Debug>(
        &mut self,
        reason: R,
        name: &'static str,
        expected: impl Display,
        seen: impl Display,
        holds: bool,
    ) -> Result<(), Rejection<R>> {
        if !holds {
            return Err(self.refuse(reason, name, expected, seen));
        }
        self.pass(name, expected, seen);
        Ok(())
    }

    /// Notes a check that holds.
    pub(crate) fn pass(&mut self, name: &'static str, expected: impl Display, seen: impl Display) {
        self.0.push(Check::new(name, expected, seen));
    }

    /// Ends the list with a check that does not hold.
    pub(crate) fn refuse<R: Debug>(
        &mut self,
        reason: R,
        name: &'static str,
        expected: impl Display,
        seen: impl Display,
    ) -> Rejection<R> {
        let mut checks = core::mem::take(&mut self.0);
        checks.push(Check::new(name, expected, seen));
        Rejection { reason, checks }
    }

    /// All checks: every one of them holds.
    pub(crate) fn finish(self) -> Vec<Check> {
        self.0
    }
}
