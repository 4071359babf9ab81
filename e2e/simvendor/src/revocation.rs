//! Revocation lists (X.509 CRLs) in AMD's form, and in forms AMD never gives.

use aws_lc_rs::signature::RsaKeyPair;

use crate::x509::{DAY, name, pss_sha384, signed};
use crate::{Error, der};

/// What a list says.
#[derive(Clone, Debug)]
pub struct RevocationSpec {
    /// When it was made, Unix seconds.
    pub made: u64,
    /// When the next one is due.
    pub next: Option<u64>,
    /// Serial numbers on it.
    pub revoked: Vec<u64>,
    /// An extension nobody knows, of the list or of its entries.
    pub unknown: Option<(Of, Weight)>,
}

/// What an extension belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// The list.
    List,
    /// Each entry.
    Entries,
}

/// What somebody who does not know an extension does about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// Refuses what has it.
    Critical,
    /// Reads on.
    Negligible,
}

impl RevocationSpec {
    /// An empty list made at `now`, the next one due after a year.
    pub const fn new(now: u64) -> Self {
        Self {
            made: now,
            next: Some(now + 365 * DAY),
            revoked: Vec::new(),
            unknown: None,
        }
    }

    pub(crate) fn sign(&self, issuer: &str, key: &RsaKeyPair) -> Result<Vec<u8>, Error> {
        let extensions_of = |place| {
            let (_, weight) = self.unknown.filter(|(of, _)| *of == place)?;
            // That it is not critical is not written: it is the default.
            let critical = (weight == Weight::Critical).then(|| der::boolean(true));
            let mut extension = vec![der::oid(&[1, 3, 6, 1, 4, 1, 3704, 1, 99])];
            extension.extend(critical);
            extension.push(der::octets(&der::null()));
            Some(der::sequence(&[der::sequence(&extension)]))
        };
        let mut parts = vec![
            der::integer(1),
            pss_sha384(),
            name(issuer),
            der::time(self.made),
        ];
        parts.extend(self.next.map(der::time));
        if !self.revoked.is_empty() {
            let entry = |serial: &u64| {
                let mut entry = vec![der::integer(*serial), der::time(self.made)];
                entry.extend(extensions_of(Of::Entries));
                der::sequence(&entry)
            };
            let entries: Vec<_> = self.revoked.iter().map(entry).collect();
            parts.push(der::sequence(&entries));
        }
        parts.extend(extensions_of(Of::List).map(|extensions| der::explicit(0, &extensions)));
        signed(key, &der::sequence(&parts))
    }
}
