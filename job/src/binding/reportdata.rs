//! REPORT_DATA: the one-time key A, bound to one order, challenge and manifest.

use core::fmt;

use sha2::{Digest as _, Sha256};

use crate::{Challenge, Digest, JobId, PublicKey};

/// First bytes of what is hashed: nothing else we hash starts so.
const DOMAIN: &[u8] = b"cdvm/attest/1\n";

/// The 64 ASCII characters the guest asks to be signed: the same on every
/// release of the guest components, because they fill the field exactly.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ReportData([u8; 64]);

impl ReportData {
    /// As the bytes of the report.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

impl fmt::Display for ReportData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(f, "{}", char::from(byte))?;
        }
        Ok(())
    }
}

impl fmt::Debug for ReportData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReportData({self})")
    }
}

/// SHA-256 over the domain, A, J, C, O, challenge and the manifest's digest, as
/// 64 lower-case hex digits (`docs/protocol.md`, 5).
pub fn report_data(
    one_time_key: PublicKey,
    job: JobId,
    customer: PublicKey,
    provider: PublicKey,
    challenge: Challenge,
    manifest: Digest,
) -> ReportData {
    let mut hash = Sha256::new();
    hash.update(DOMAIN);
    hash.update(one_time_key.as_bytes());
    hash.update(job.as_bytes());
    hash.update(customer.as_bytes());
    hash.update(provider.as_bytes());
    hash.update(challenge.as_bytes());
    hash.update(manifest.as_bytes());
    let mut text = [0; 64];
    // Cannot fail: 32 bytes are 64 digits.
    let _ = hex::encode_to_slice(hash.finalize(), &mut text);
    ReportData(text)
}

#[cfg(test)]
mod tests {
    use super::report_data;
    use crate::{Challenge, Digest, JobId, PublicKey};

    #[test]
    fn the_published_vector_holds() {
        let data = report_data(
            PublicKey::from_bytes([1; 32]),
            JobId::from_bytes([2; 32]),
            PublicKey::from_bytes([3; 32]),
            PublicKey::from_bytes([4; 32]),
            Challenge::from_bytes([5; 32]),
            Digest::from_bytes([6; 32]),
        );
        assert_eq!(
            data.to_string(),
            "5ba3ee138702244ec0f595bb5400c81f778cd0b6bafba216f613cc532b4c0c76"
        );
        assert_eq!(data.as_bytes().as_slice(), data.to_string().as_bytes());
    }
}
