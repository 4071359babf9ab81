//! Secret keys. They have no `Debug`, are erased when dropped, and leave this
//! type only by the function that says so.

use core::str::FromStr;

use job::PublicKey;
use nostr::nips::nip01::Coordinate;
use nostr::nips::nip19::{FromBech32 as _, Nip19Coordinate, ToBech32 as _};
use zeroize::Zeroizing;

/// A secret key with its public key.
#[derive(Clone)]
pub struct Keys(nostr::key::Keys);

/// Why a text is not a secret key. The text itself is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a secret key: 64 hex digits or nsec1…")]
pub struct SecretKeyError;

/// Why a text is not a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a public key: 64 lower-case hex digits or npub1…")]
pub struct PublicKeyError;

impl Keys {
    /// A fresh key from the system's randomness.
    pub fn generate() -> Self {
        Self(nostr::key::Keys::generate())
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        PublicKey::from_bytes(self.0.public_key().to_bytes())
    }

    /// The secret as `nsec1…`, for a file that only its owner reads.
    pub fn expose_nsec(&self) -> Zeroizing<String> {
        let nsec = self.0.secret_key().to_bech32();
        Zeroizing::new(nsec.unwrap_or_else(|never| match never {}))
    }

    pub(crate) const fn inner(&self) -> &nostr::key::Keys {
        &self.0
    }
}

impl FromStr for Keys {
    type Err = SecretKeyError;

    fn from_str(text: &str) -> Result<Self, SecretKeyError> {
        nostr::key::Keys::parse(text.trim())
            .map(Self)
            .map_err(|_| SecretKeyError)
    }
}

/// 32 random bytes: challenges, blob keys.
pub fn random_bytes() -> Zeroizing<[u8; 32]> {
    Zeroizing::new(nostr::key::SecretKey::generate().to_secret_bytes())
}

/// A public key as people write it: `npub1…`.
pub fn npub(key: PublicKey) -> String {
    let key = nostr::key::PublicKey::from_byte_array(*key.as_bytes());
    // 32 bytes always have a bech32 form.
    key.to_bech32().unwrap_or_default()
}

/// Where an addressable event is found, as people write it: `naddr1…` (NIP-19).
/// Empty when the name has more than the 255 bytes that fit.
pub fn naddr(kind: u16, author: PublicKey, name: &str) -> String {
    let author = nostr::key::PublicKey::from_byte_array(*author.as_bytes());
    let coordinate = Coordinate::new(nostr::event::Kind::from(kind), author).identifier(name);
    let address = Nip19Coordinate::new(coordinate, []);
    address.to_bech32().unwrap_or_default()
}

/// Reads `npub1…` or hex.
///
/// # Errors
/// When it is neither.
pub fn parse_public_key(text: &str) -> Result<PublicKey, PublicKeyError> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    nostr::key::PublicKey::from_bech32(text)
        .map(|key| PublicKey::from_bytes(key.to_bytes()))
        .map_err(|_| PublicKeyError)
}

#[cfg(test)]
mod tests {
    use super::naddr;
    use job::PublicKey;

    #[test]
    fn an_address_is_read_back_by_the_library() {
        use nostr::nips::nip19::{FromBech32 as _, Nip19Coordinate};
        let key = crate::Keys::generate().public_key();
        let text = naddr(31990, key, "analyse");
        assert!(text.starts_with("naddr1"), "{text}");
        let read = Nip19Coordinate::from_bech32(&text).unwrap();
        assert_eq!(read.coordinate.identifier, "analyse");
        assert_eq!(read.coordinate.kind.as_u16(), 31990);
        let author = PublicKey::from_bytes(read.coordinate.public_key.to_bytes());
        assert_eq!(author, key);
    }
}
