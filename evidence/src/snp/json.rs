//! The guest components' JSON form of SNP evidence, turned back into the raw
//! bytes that were signed. It is the serde form of the `sev` crate, which the
//! attestation agent prints (guest-components v0.21, attester `snp`).

use core::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::Evidence;
use super::certificate::EndorsementKey;
use super::table::{Enclosed, signing_certificate};

/// Longest answer we read. Real ones have 6 to 7 kB, and 30 kB when the host adds
/// its whole chain. A guest gets at most 16 KiB of certificates from Linux, which are
/// four characters a byte at most, and a report.
const MAX_LEN: usize = 80 * 1024;

/// Why bytes are not SNP evidence in the guest components' form.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// Longer than any real evidence.
    #[error("longer than {MAX_LEN} bytes")]
    TooLong,
    /// Not JSON of this form.
    #[error("not SNP evidence in the guest components' form")]
    Form(#[source] serde_json::Error),
    /// A byte string of the wrong length.
    #[error("{0} has the wrong length")]
    Length(&'static str),
}

/// Reads what `GET /aa/evidence` of the guest components answers.
///
/// # Errors
/// When it is not SNP evidence of this form.
pub fn from_guest_components(json: &[u8]) -> Result<Evidence, JsonError> {
    if json.len() > MAX_LEN {
        return Err(JsonError::TooLong);
    }
    let form: Form = serde_json::from_slice(json).map_err(JsonError::Form)?;
    let report = form.attestation_report.to_bytes()?;
    let table = form.cert_chain.unwrap_or_default();
    let keys = table.iter().filter_map(|entry| match entry.cert_type {
        CertificateType::Key(key) => Some((key, &*entry.data)),
        CertificateType::Other => None,
    });
    let keys: Vec<Enclosed<'_>> = keys.collect();
    let certificate = signing_certificate(&report, &keys);
    Ok(Evidence {
        report,
        certificate,
    })
}

#[derive(Deserialize)]
struct Form {
    attestation_report: ReportForm,
    cert_chain: Option<Vec<CertificateForm>>,
}

#[derive(Deserialize)]
struct CertificateForm {
    cert_type: CertificateType,
    data: Vec<u8>,
}

/// What an entry holds, as the `sev` crate writes it: a name, or, of a GUID that is
/// somebody's own, `{"OTHER": "<GUID>"}`.
enum CertificateType {
    Key(EndorsementKey),
    /// A part that the verifier has itself, or one that nobody here knows.
    Other,
}

impl<'de> Deserialize<'de> for CertificateType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CertificateTypeVisitor)
    }
}

struct CertificateTypeVisitor;

impl<'de> Visitor<'de> for CertificateTypeVisitor {
    type Value = CertificateType;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a kind of certificate, or an object with one")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(match name {
            "VCEK" => CertificateType::Key(EndorsementKey::Vcek),
            "VLEK" => CertificateType::Key(EndorsementKey::Vlek),
            _ => CertificateType::Other,
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(CertificateType::Other)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReportForm {
    version: u32,
    guest_svn: u32,
    policy: u64,
    family_id: Vec<u8>,
    image_id: Vec<u8>,
    vmpl: u32,
    sig_algo: u32,
    current_tcb: TcbForm,
    plat_info: u64,
    key_info: u32,
    report_data: Vec<u8>,
    measurement: Vec<u8>,
    host_data: Vec<u8>,
    id_key_digest: Vec<u8>,
    author_key_digest: Vec<u8>,
    report_id: Vec<u8>,
    report_id_ma: Vec<u8>,
    reported_tcb: TcbForm,
    cpuid_fam_id: Option<u8>,
    cpuid_mod_id: Option<u8>,
    cpuid_step: Option<u8>,
    chip_id: Vec<u8>,
    committed_tcb: TcbForm,
    current: FirmwareForm,
    committed: FirmwareForm,
    launch_tcb: TcbForm,
    #[serde(default)]
    launch_mit_vector: Option<u64>,
    #[serde(default)]
    current_mit_vector: Option<u64>,
    signature: SignatureForm,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TcbForm {
    fmc: Option<u8>,
    bootloader: u8,
    tee: u8,
    snp: u8,
    microcode: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FirmwareForm {
    major: u8,
    minor: u8,
    build: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureForm {
    r: Vec<u8>,
    s: Vec<u8>,
}

impl TcbForm {
    /// Only Turin's TCB has an FMC: its presence tells the layout.
    fn to_bytes(&self) -> [u8; 8] {
        let Self {
            fmc,
            bootloader,
            tee,
            snp,
            microcode,
        } = *self;
        match fmc {
            Some(fmc) => [fmc, bootloader, tee, snp, 0, 0, 0, microcode],
            None => [bootloader, tee, 0, 0, 0, 0, snp, microcode],
        }
    }
}

impl FirmwareForm {
    const fn to_bytes(&self) -> [u8; 4] {
        [self.build, self.minor, self.major, 0]
    }
}

impl ReportForm {
    /// The 1184 bytes, field by field in the order of the format.
    fn to_bytes(&self) -> Result<Vec<u8>, JsonError> {
        let mut out = Vec::with_capacity(super::report::REPORT_LEN);
        let mut put = |bytes: &[u8]| out.extend_from_slice(bytes);
        put(&self.version.to_le_bytes());
        put(&self.guest_svn.to_le_bytes());
        put(&self.policy.to_le_bytes());
        put(exactly(&self.family_id, 16, "family_id")?);
        put(exactly(&self.image_id, 16, "image_id")?);
        put(&self.vmpl.to_le_bytes());
        put(&self.sig_algo.to_le_bytes());
        put(&self.current_tcb.to_bytes());
        put(&self.plat_info.to_le_bytes());
        put(&self.key_info.to_le_bytes());
        put(&[0; 4]);
        put(exactly(&self.report_data, 64, "report_data")?);
        put(exactly(&self.measurement, 48, "measurement")?);
        put(exactly(&self.host_data, 32, "host_data")?);
        put(exactly(&self.id_key_digest, 48, "id_key_digest")?);
        put(exactly(&self.author_key_digest, 48, "author_key_digest")?);
        put(exactly(&self.report_id, 32, "report_id")?);
        put(exactly(&self.report_id_ma, 32, "report_id_ma")?);
        put(&self.reported_tcb.to_bytes());
        put(&[
            self.cpuid_fam_id.unwrap_or_default(),
            self.cpuid_mod_id.unwrap_or_default(),
            self.cpuid_step.unwrap_or_default(),
        ]);
        put(&[0; 21]);
        put(exactly(&self.chip_id, 64, "chip_id")?);
        put(&self.committed_tcb.to_bytes());
        put(&self.current.to_bytes());
        put(&self.committed.to_bytes());
        put(&self.launch_tcb.to_bytes());
        put(&self.launch_mit_vector.unwrap_or_default().to_le_bytes());
        put(&self.current_mit_vector.unwrap_or_default().to_le_bytes());
        put(&[0; 152]);
        put(exactly(&self.signature.r, 72, "signature.r")?);
        put(exactly(&self.signature.s, 72, "signature.s")?);
        put(&[0; 368]);
        Ok(out)
    }
}

fn exactly<'a>(bytes: &'a [u8], len: usize, name: &'static str) -> Result<&'a [u8], JsonError> {
    (bytes.len() == len)
        .then_some(bytes)
        .ok_or(JsonError::Length(name))
}
