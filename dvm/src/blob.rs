//! Blobs: data too large for a message, encrypted under a key of its own and
//! stored on a Blossom server (NIP-17 file messages, BUD-02, BUD-11).

use aes_gcm::aead::{Aead as _, KeyInit as _};
use aes_gcm::{Aes256Gcm, Nonce};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use job::{Digest, Timestamp};
use zeroize::Zeroizing;

use crate::event::{self, Unsigned};
use crate::tags::{MessageError, tag};
use crate::{Keys, keys, kind, sign};

/// Where a blob is and how it is decrypted. Never shown: it is the data's key.
#[derive(Clone, PartialEq, Eq)]
pub struct BlobRef {
    /// First where it is, then where else.
    pub urls: Vec<String>,
    /// AES-256-GCM key.
    key: Zeroizing<[u8; 32]>,
    /// AES-256-GCM nonce.
    nonce: [u8; 12],
    /// SHA-256 of what is stored.
    pub stored: Digest,
    /// SHA-256 of the data.
    pub digest: Digest,
    /// Bytes stored.
    pub size: u64,
    /// Bytes of data; the rest is padding.
    pub length: u64,
}

/// Why a blob was not decrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    /// Another blob is stored there.
    #[error("the stored blob is not the one that was named: its SHA-256 differs")]
    Stored,
    /// It does not decrypt, or its length is not what was said.
    #[error("the blob does not decrypt to data of the length that was said")]
    Decrypt,
    /// It decrypts to other data.
    #[error("the blob's data are not those that were named: their SHA-256 differs")]
    Data,
}

/// Encrypts `data` under a fresh key, padded so that its size says little. The
/// caller adds the URLs it was stored at.
///
/// # Errors
/// When the data are longer than AES-GCM takes (64 GiB).
pub fn encrypt(data: &[u8]) -> Result<(BlobRef, Vec<u8>), BlobError> {
    let length = data.len() as u64;
    let padded_len = usize::try_from(padded_len(length)).map_err(|_| BlobError::Decrypt)?;
    let mut padded = Zeroizing::new(Vec::with_capacity(padded_len));
    padded.extend_from_slice(data);
    padded.resize(padded_len, 0);
    let key = keys::random_bytes();
    // A key is used once, so any nonce is fresh; random, as other clients write it.
    let nonce = first_12(&keys::random_bytes());
    let stored = cipher(&key)
        .encrypt(&Nonce::from(nonce), padded.as_slice())
        .map_err(|_| BlobError::Decrypt)?;
    let blob = BlobRef {
        urls: Vec::new(),
        key,
        nonce,
        stored: Digest::of(&stored),
        digest: Digest::of(data),
        size: stored.len() as u64,
        length,
    };
    Ok((blob, stored))
}

impl BlobRef {
    /// Decrypts what was stored; both hashes are checked before it is used.
    ///
    /// # Errors
    /// When it is another blob, was changed, or holds other data.
    pub fn decrypt(&self, stored: &[u8]) -> Result<Zeroizing<Vec<u8>>, BlobError> {
        if Digest::of(stored) != self.stored {
            return Err(BlobError::Stored);
        }
        let data = cipher(&self.key)
            .decrypt(&Nonce::from(self.nonce), stored)
            .map_err(|_| BlobError::Decrypt)?;
        let mut data = Zeroizing::new(data);
        let length = usize::try_from(self.length).map_err(|_| BlobError::Decrypt)?;
        let padding = data.get(length..).ok_or(BlobError::Decrypt)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(BlobError::Decrypt);
        }
        data.truncate(length);
        if Digest::of(&data) != self.digest {
            return Err(BlobError::Data);
        }
        Ok(data)
    }

    /// As values of one tag behind the first URL: `name value` each, with the
    /// names of NIP-17 (and `length`, because the data are padded).
    pub(crate) fn to_values(&self) -> Vec<String> {
        let Self {
            urls,
            key,
            nonce,
            stored,
            digest,
            size,
            length,
        } = self;
        let mut values = vec![
            "encryption-algorithm aes-gcm".to_owned(),
            format!("decryption-key {}", hex::encode(key)),
            format!("decryption-nonce {}", hex::encode(nonce)),
            format!("x {stored}"),
            format!("ox {digest}"),
            format!("size {size}"),
            format!("length {length}"),
        ];
        let others = urls.iter().skip(1);
        values.extend(others.map(|url| format!("fallback {url}")));
        values
    }

    /// Reads what [`Self::to_values`] wrote.
    pub(crate) fn from_values(url: &str, values: &[String]) -> Result<Self, MessageError> {
        const WRONG: MessageError = MessageError::Tag("blob");
        // One blob on more servers than terms can name makes no sense.
        const MAX_URLS: usize = 8;
        let mut urls = vec![url.to_owned()];
        let mut found = Fields::default();
        for value in values {
            let (name, value) = value.split_once(' ').ok_or(WRONG)?;
            let slot = match name {
                "fallback" => {
                    urls.push(value.to_owned());
                    continue;
                }
                "encryption-algorithm" => &mut found.algorithm,
                "decryption-key" => &mut found.key,
                "decryption-nonce" => &mut found.nonce,
                "x" => &mut found.stored,
                "ox" => &mut found.digest,
                "size" => &mut found.size,
                "length" => &mut found.length,
                _ => return Err(MessageError::Unknown(name.to_owned())),
            };
            if slot.replace(value).is_some() {
                return Err(WRONG);
            }
        }
        let Fields {
            algorithm: Some("aes-gcm"),
            key: Some(key),
            nonce: Some(nonce),
            stored: Some(stored),
            digest: Some(digest),
            size: Some(size),
            length: Some(length),
        } = found
        else {
            return Err(WRONG);
        };
        if urls.len() > MAX_URLS {
            return Err(WRONG);
        }
        let mut blob = Self {
            urls,
            key: Zeroizing::new([0; 32]),
            nonce: [0; 12],
            stored: stored.parse().map_err(|_| WRONG)?,
            digest: digest.parse().map_err(|_| WRONG)?,
            size: size.parse().map_err(|_| WRONG)?,
            length: length.parse().map_err(|_| WRONG)?,
        };
        hex::decode_to_slice(key, blob.key.as_mut_slice()).map_err(|_| WRONG)?;
        hex::decode_to_slice(nonce, &mut blob.nonce).map_err(|_| WRONG)?;
        Ok(blob)
    }
}

#[derive(Default)]
struct Fields<'v> {
    algorithm: Option<&'v str>,
    key: Option<&'v str>,
    nonce: Option<&'v str>,
    stored: Option<&'v str>,
    digest: Option<&'v str>,
    size: Option<&'v str>,
    length: Option<&'v str>,
}

/// Value of the `Authorization` header of an upload (BUD-11): one blob, one
/// server, a few minutes, by a key that is used once.
pub fn upload_authorization(stored: Digest, host: &str, now: Timestamp) -> String {
    // Long enough for a slow upload, short enough to be useless when stolen.
    const VALID_SECS: u64 = 600;
    let unsigned = Unsigned {
        kind: kind::BLOB_AUTH,
        created_at: now,
        tags: vec![
            tag(["t", "upload"]),
            tag(["x", &stored.to_string()]),
            tag(["server", host]),
            tag(["expiration", &now.plus(VALID_SECS).as_secs().to_string()]),
        ],
        content: "upload".to_owned(),
    };
    let event = sign(&Keys::generate(), unsigned);
    format!("Nostr {}", URL_SAFE_NO_PAD.encode(event::to_json(&event)))
}

/// NIP-44's padded length: the next step of an eighth of a power of two.
fn padded_len(len: u64) -> u64 {
    if len <= 32 {
        return 32;
    }
    let next_power = (len - 1).checked_ilog2().map_or(1, |log| 1 << (log + 1));
    let chunk = if next_power <= 256 {
        32
    } else {
        next_power / 8
    };
    chunk * ((len - 1) / chunk + 1)
}

fn cipher(key: &[u8; 32]) -> Aes256Gcm {
    Aes256Gcm::new(key.into())
}

fn first_12(bytes: &[u8; 32]) -> [u8; 12] {
    let mut out = [0; 12];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{BlobError, BlobRef, encrypt, padded_len};

    #[test]
    fn a_blob_decrypts_to_its_data_and_hides_their_length() {
        let mut sizes = Vec::new();
        for len in [0, 1, 32, 1000, 1001, 100_000] {
            let data = vec![7; len];
            let (mut blob, stored) = encrypt(&data).unwrap();
            assert_eq!(blob.decrypt(&stored).unwrap().as_slice(), data);
            blob.urls = vec!["https://a/x".to_owned(), "https://b/x".to_owned()];
            let read = BlobRef::from_values(&blob.urls[0], &blob.to_values()).unwrap();
            assert!(read == blob);
            sizes.push(stored.len());
        }
        assert_eq!(sizes[3], sizes[4]);
    }

    #[test]
    fn a_changed_blob_is_refused() {
        let (blob, stored) = encrypt(b"data").unwrap();
        for at in 0..stored.len() {
            let mut changed = stored.clone();
            changed[at] ^= 1;
            assert_eq!(blob.decrypt(&changed), Err(BlobError::Stored));
        }
        let mut other = blob.clone();
        other.key[0] ^= 1;
        assert_eq!(other.decrypt(&stored), Err(BlobError::Decrypt));
        let mut longer = blob.clone();
        longer.length = 1 << 40;
        assert_eq!(longer.decrypt(&stored), Err(BlobError::Decrypt));
        let mut shorter = blob.clone();
        shorter.length = 3;
        assert_eq!(shorter.decrypt(&stored), Err(BlobError::Decrypt));
        let mut renamed = blob;
        renamed.digest = job::Digest::of(b"other");
        assert_eq!(renamed.decrypt(&stored), Err(BlobError::Data));
    }

    #[test]
    fn padding_is_nip44s() {
        // From the vectors of NIP-44 (calc_padded_len).
        for (len, padded) in [
            (16, 32),
            (32, 32),
            (33, 64),
            (37, 64),
            (45, 64),
            (49, 64),
            (64, 64),
            (65, 96),
            (100, 128),
            (111, 128),
            (200, 224),
            (250, 256),
            (320, 320),
            (383, 384),
            (384, 384),
            (400, 448),
            (500, 512),
            (512, 512),
            (515, 640),
            (700, 768),
            (800, 896),
            (900, 1024),
            (1020, 1024),
            (65536, 65536),
        ] {
            assert_eq!(padded_len(len), padded, "{len}");
        }
    }
}
