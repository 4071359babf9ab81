//! Secrets at rest: each sealed under the master key, to its own name.
//!
//! AES-256-GCM with a random nonce of 12 bytes before the ciphertext and the name as
//! additional data, so that a sealed secret moved to another name does not open.

use std::path::Path;

use anyhow::{Context as _, bail};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use aws_lc_rs::pbkdf2;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use zeroize::Zeroizing;

/// Rounds of PBKDF2-HMAC-SHA-256 (OWASP, Password Storage Cheat Sheet, 2023): about a
/// quarter of a second, once at start.
const ROUNDS: core::num::NonZeroU32 = core::num::NonZeroU32::new(600_000).unwrap();

/// Longest key file: a key in any writing, or a passphrase.
const MAX_FILE: u64 = 4096;

/// Where the master key comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// 32 bytes in a file: raw, hex or base64.
    Key(std::path::PathBuf),
    /// A passphrase in a file, stretched with the state's salt.
    Passphrase(std::path::PathBuf),
}

/// The master key. It is never shown.
pub struct Vault {
    key: LessSafeKey,
    check: [u8; 32],
}

impl Vault {
    /// Reads the master key; `salt` is the state's.
    ///
    /// # Errors
    /// When the file cannot be read or holds none.
    pub fn open(source: &Source, salt: &[u8]) -> anyhow::Result<Self> {
        let key = match source {
            Source::Key(path) => key_of(&read(path)?).with_context(|| {
                format!(
                    "{} holds no master key: 32 random bytes, raw, hex or base64",
                    path.display()
                )
            })?,
            Source::Passphrase(path) => {
                let text = read(path)?;
                let phrase = text.strip_suffix(b"\n").unwrap_or(&text);
                let phrase = phrase.strip_suffix(b"\r").unwrap_or(phrase);
                if phrase.len() < 12 {
                    bail!(
                        "the passphrase in {} has {} bytes, and must have 12 at least",
                        path.display(),
                        phrase.len()
                    );
                }
                let mut key = Zeroizing::new([0; 32]);
                pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt, phrase, &mut *key);
                key
            }
        };
        Self::of(&key)
    }

    /// A vault under this key.
    ///
    /// # Errors
    /// Never for 32 bytes.
    pub fn of(key: &[u8; 32]) -> anyhow::Result<Self> {
        let sealing = UnboundKey::new(&AES_256_GCM, key)
            .ok()
            .context("failed to use the master key")?;
        let mac = hmac::sign(
            &hmac::Key::new(hmac::HMAC_SHA256, key),
            b"cdvm-kbs/master-key/1",
        );
        let mut check = [0; 32];
        for (to, from) in check.iter_mut().zip(mac.as_ref()) {
            *to = *from;
        }
        Ok(Self {
            key: LessSafeKey::new(sealing),
            check,
        })
    }

    /// What tells this key from another, and nothing else about it.
    pub const fn check(&self) -> [u8; 32] {
        self.check
    }

    /// Seals `secret` to `name`.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn seal(&self, name: &str, secret: &[u8]) -> anyhow::Result<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        let random = SystemRandom::new().fill(&mut nonce);
        random.ok().context("there is no randomness")?;
        let mut data = Zeroizing::new(secret.to_vec());
        let sealed = self.key.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            Aad::from(bound(name)),
            &mut data,
        );
        let tag = sealed.ok().context("failed to seal")?;
        Ok([&nonce, data.as_slice(), tag.as_ref()].concat())
    }

    /// Opens what was sealed to `name`; `None` when it was not.
    pub fn unseal(&self, name: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, data) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut data = Zeroizing::new(data.to_vec());
        let len = self
            .key
            .open_in_place(nonce, Aad::from(bound(name)), &mut data)
            .ok()?
            .len();
        data.truncate(len);
        Some(data)
    }
}

fn bound(name: &str) -> Vec<u8> {
    [b"cdvm-kbs/secret/1\n", name.as_bytes()].concat()
}

fn read(path: &Path) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    use std::io::Read as _;
    let open = || -> std::io::Result<Zeroizing<Vec<u8>>> {
        let mut text = Zeroizing::new(Vec::with_capacity(4097));
        std::fs::File::open(path)?
            .take(MAX_FILE + 1)
            .read_to_end(&mut text)?;
        Ok(text)
    };
    let text = open().with_context(|| format!("failed to read {}", path.display()))?;
    if text.len() as u64 > MAX_FILE {
        bail!(
            "{} is longer than {MAX_FILE} bytes: it is not a key",
            path.display()
        );
    }
    Ok(text)
}

fn key_of(file: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    if let Ok(raw) = <[u8; 32]>::try_from(file) {
        *key = raw;
        return Some(key);
    }
    let text = core::str::from_utf8(file).ok()?.trim();
    if hex::decode_to_slice(text, &mut *key).is_ok() {
        return Some(key);
    }
    let decoded = Zeroizing::new(BASE64.decode(text).ok()?);
    *key = <[u8; 32]>::try_from(decoded.as_slice()).ok()?;
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::{Source, Vault, key_of};

    #[test]
    fn a_secret_opens_under_its_key_and_name_alone() {
        let vault = Vault::of(&[7; 32]).unwrap();
        let sealed = vault.seal("a/b/c", b"secret").unwrap();
        assert_eq!(
            vault.unseal("a/b/c", &sealed).unwrap().as_slice(),
            b"secret"
        );
        assert_ne!(vault.seal("a/b/c", b"secret").unwrap(), sealed);
        assert!(vault.unseal("a/b/d", &sealed).is_none());
        let other = Vault::of(&[8; 32]).unwrap();
        assert!(other.unseal("a/b/c", &sealed).is_none());
        assert_ne!(other.check(), vault.check());
        for at in 0..sealed.len() {
            let mut wrong = sealed.clone();
            wrong[at] ^= 1;
            assert!(vault.unseal("a/b/c", &wrong).is_none(), "byte {at}");
            assert!(vault.unseal("a/b/c", &sealed[..at]).is_none());
        }
    }

    #[test]
    fn a_master_key_is_read_in_each_writing() {
        let raw = [0xa5; 32];
        let hex = "a5".repeat(32);
        let base64 = "paWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaU=";
        for text in [
            &raw[..],
            hex.as_bytes(),
            format!("{hex}\n").as_bytes(),
            base64.as_bytes(),
            format!(" {base64}\r\n").as_bytes(),
        ] {
            assert_eq!(*key_of(text).unwrap(), raw);
        }
        for wrong in [&b""[..], &raw[1..], b"\n", &hex.as_bytes()[1..], &[0; 33]] {
            assert!(key_of(wrong).is_none());
        }
    }

    #[test]
    fn a_passphrase_is_stretched_with_the_salt() {
        let dir = tempdir();
        let path = dir.join("phrase");
        std::fs::write(&path, "correct horse battery\n").unwrap();
        let source = Source::Passphrase(path.clone());
        let check = |salt: &[u8]| Vault::open(&source, salt).unwrap().check();
        assert_eq!(check(b"salt"), check(b"salt"));
        assert_ne!(check(b"salt"), check(b"other"));
        std::fs::write(&path, "short\n").unwrap();
        assert!(Vault::open(&source, b"salt").is_err());
        std::fs::remove_dir_all(dir).unwrap();
    }

    fn tempdir() -> std::path::PathBuf {
        let dir = std::env::temp_dir().join(format!("cdvm-kbs-vault-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        dir
    }
}
