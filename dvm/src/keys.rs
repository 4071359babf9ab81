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
#[error("not a public key: 64 hex digits or npub1…")]
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

/// Reads `npub1…`, also as a link (`nostr:npub1…`, NIP-21), or hex, as people copy it:
/// in either case, with space around. What a message says has one spelling, and is
/// not read by this.
///
/// # Errors
/// When it is neither.
pub fn parse_public_key(text: &str) -> Result<PublicKey, PublicKeyError> {
    let text = text.trim();
    let text = match text.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("nostr") => rest,
        Some(_) | None => text,
    };
    let lower = text.to_ascii_lowercase();
    if let Ok(key) = lower.parse() {
        return Ok(key);
    }
    // Bech32 is in one case (BIP 173); upper case is that of QR codes.
    if text != lower && text != text.to_ascii_uppercase() {
        return Err(PublicKeyError);
    }
    nostr::key::PublicKey::from_bech32(&lower)
        .map(|key| PublicKey::from_bytes(key.to_bytes()))
        .map_err(|_| PublicKeyError)
}

#[cfg(test)]
mod tests {
    use job::PublicKey;
    use nostr::nips::nip19::{FromBech32 as _, Nip19Coordinate};

    use super::{Keys, naddr, npub, parse_public_key};

    #[test]
    fn a_public_key_is_read_as_people_copy_it() {
        let key = Keys::generate().public_key();
        let (npub, hex) = (npub(key), key.to_string());
        for text in [
            npub.clone(),
            npub.to_uppercase(),
            format!("nostr:{npub}"),
            format!("NOSTR:{}", npub.to_uppercase()),
            format!(" {npub}\n"),
            hex.clone(),
            hex.to_uppercase(),
        ] {
            assert_eq!(parse_public_key(&text), Ok(key), "{text}");
        }
        let mut other = npub.clone();
        let last = other.pop();
        other.push(if last == Some('q') { 'p' } else { 'q' });
        for wrong in [
            "",
            "nostr:",
            &hex[1..],
            &format!("{hex}0"),
            &format!("http:{npub}"),
            &npub.replacen("npub", "Npub", 1),
            &npub[1..],
            &other,
        ] {
            assert!(parse_public_key(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_is_read_back_by_the_library() {
        let key = Keys::generate().public_key();
        let text = naddr(31990, key, "analyse");
        assert!(text.starts_with("naddr1"), "{text}");
        let read = Nip19Coordinate::from_bech32(&text).unwrap();
        assert_eq!(read.coordinate.identifier, "analyse");
        assert_eq!(read.coordinate.kind.as_u16(), 31990);
        let author = PublicKey::from_bytes(read.coordinate.public_key.to_bytes());
        assert_eq!(author, key);
    }
}
