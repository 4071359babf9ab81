//! The list of checks while it grows. A check that does not hold ends it.

use core::fmt::Debug;

use crate::check::{Hex, Text};
use crate::{
    Accept, CertificateError, Check, ExtendedTcbs, Flag, Generation, Mitigations, Rejection,
    ReportError, Signer, Tcb,
};

/// The checks that passed so far, in order.
pub(crate) struct Ledger(Vec<Check>);

/// Room for all of a report's checks: they are 50 at most.
const ROOM: usize = 50;

impl Ledger {
    /// Without a check.
    pub(crate) fn new() -> Self {
        Self(Vec::with_capacity(ROOM))
    }

    /// Notes a check that holds, or ends the list with it.
    pub(crate) fn require<R: Debug>(
        &mut self,
        reason: R,
        name: &'static str,
        expected: impl Shown,
        seen: impl Shown,
        holds: bool,
    ) -> Result<(), Rejection<R>> {
        if !holds {
            return Err(self.refuse(reason, name, expected, seen));
        }
        self.pass(name, expected, seen);
        Ok(())
    }

    /// Notes a check that holds.
    pub(crate) fn pass(&mut self, name: &'static str, expected: impl Shown, seen: impl Shown) {
        self.0
            .push(Check::new(name, expected.shown(), seen.shown()));
    }

    /// Ends the list with a check that does not hold.
    pub(crate) fn refuse<R: Debug>(
        &mut self,
        reason: R,
        name: &'static str,
        expected: impl Shown,
        seen: impl Shown,
    ) -> Rejection<R> {
        let mut checks = core::mem::take(&mut self.0);
        checks.push(Check::new(name, expected.shown(), seen.shown()));
        Rejection { reason, checks }
    }

    /// All checks: every one of them holds.
    pub(crate) fn finish(self) -> Vec<Check> {
        self.0
    }
}

/// What a check can show; constants are not copied.
pub(crate) trait Shown {
    fn shown(self) -> Text;
}

impl Shown for &'static str {
    fn shown(self) -> Text {
        Text::Borrowed(self)
    }
}

impl Shown for String {
    fn shown(self) -> Text {
        Text::Owned(self)
    }
}

impl Shown for Flag {
    fn shown(self) -> Text {
        Text::Borrowed(self.word())
    }
}

impl<const N: usize> Shown for &Accept<[u8; N]> {
    fn shown(self) -> Text {
        Text::Owned(self.to_string())
    }
}

/// Shows values of these types as they are displayed.
macro_rules! shown_as_displayed {
    ($($type:ty),* $(,)?) => {
        $(impl crate::ledger::Shown for $type {
            fn shown(self) -> crate::check::Text {
                crate::check::Text::Owned(self.to_string())
            }
        })*
    };
}
#[cfg(feature = "tdx")]
pub(crate) use shown_as_displayed;

shown_as_displayed!(
    u32,
    Hex<'_>,
    Tcb,
    Generation,
    Mitigations,
    ExtendedTcbs,
    Signer,
    CertificateError,
    ReportError,
);
