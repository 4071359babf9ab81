//! Names made of 32 bytes: keys, ids, digests and challenges, each a type of
//! its own, written as 64 lower-case hex digits everywhere.

use core::fmt;
use core::str::FromStr;

use sha2::{Digest as _, Sha256};

/// Why a text is not 32 bytes in hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not 64 lower-case hex digits")]
pub struct HexError;

macro_rules! bytes32 {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 32]);

        impl $name {
            /// From raw bytes.
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The raw bytes.
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = HexError;

            fn from_str(text: &str) -> Result<Self, HexError> {
                parse_hex(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }
    };
}

bytes32! {
    /// A Nostr public key: x-only secp256k1 (BIP 340). C, O and A are such keys.
    PublicKey
}
bytes32! {
    /// J: the order's event id.
    JobId
}
bytes32! {
    /// The event id of a provider's offer (kind 31990).
    OfferId
}
bytes32! {
    /// 32 random bytes of the customer: why evidence cannot be older than the order.
    Challenge
}
bytes32! {
    /// A SHA-256 digest.
    Digest
}

impl JobId {
    /// The name of its `ConfidentialJob`: `j-` and 40 hex digits, the first 20 bytes.
    pub fn object_name(self) -> String {
        let (name, _) = self.0.split_at(20);
        format!("j-{}", hex::encode(name))
    }
}

impl Digest {
    /// SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

fn parse_hex(text: &str) -> Result<[u8; 32], HexError> {
    // hex::decode takes upper case as well; one value has one spelling here.
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(HexError);
    }
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| HexError)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::JobId;

    #[test]
    fn one_value_has_one_spelling() {
        let text = "0a".repeat(32);
        assert_eq!(text.parse::<JobId>().unwrap().to_string(), text);
        for wrong in [
            "",
            "0a",
            &"0A".repeat(32),
            &"0a".repeat(33),
            &"zz".repeat(32),
        ] {
            assert!(wrong.parse::<JobId>().is_err(), "{wrong}");
        }
    }
}
