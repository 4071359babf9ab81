//! A simulated Intel: a root, the authorities and lists below it, a platform, its
//! quoting enclave, and quotes. Keys are constants, signatures are deterministic
//! (RFC 6979): no randomness, no clock.

use evidence::tdx::{Collateral, Evidence};
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::elliptic_curve::sec1::ToSec1Point as _;

use crate::world::{DAY, NOW};

/// What is signed and said; good unless changed.
#[derive(Clone)]
pub(crate) struct Spec {
    pub(crate) version: u16,
    /// Body type of version 5: 2, 3 or 4.
    pub(crate) body_type: u16,
    /// An extended TD report; shorter ones are its start.
    pub(crate) body: Vec<u8>,
    /// Status and advisories of the platform's level at launch.
    pub(crate) platform: (&'static str, &'static [&'static str]),
    /// The same for a level that needs a newer module: what runs now.
    pub(crate) current: (&'static str, &'static [&'static str]),
    /// Version and status of what the TCB info says of modules of major version 1.
    pub(crate) module: Option<(u8, &'static str)>,
    pub(crate) qe_status: &'static str,
    /// The quoting enclave's report, but for the attestation key in it.
    pub(crate) qe_report: Vec<u8>,
    pub(crate) evaluation: u32,
    /// Id and version of TCB info and identity.
    pub(crate) info: (&'static str, u8),
    pub(crate) identity: (&'static str, u8),
    pub(crate) info_fmspc: &'static str,
    pub(crate) info_pce: &'static str,
    pub(crate) made: u64,
    pub(crate) list_made: u64,
    pub(crate) root_validity: (u64, u64),
    pub(crate) authority_validity: (u64, u64),
    pub(crate) pck_validity: (u64, u64),
    pub(crate) info_signer_validity: (u64, u64),
    pub(crate) identity_signer_validity: (u64, u64),
    /// Whether the authority's certificate says that it is one.
    pub(crate) authority_may_sign: bool,
    /// Dynamic platform, cached keys, SMT; none in certificates of one-package platforms.
    pub(crate) flags: Option<[bool; 3]>,
    pub(crate) pck_issuer: Key,
    pub(crate) info_signer_issuer: Key,
    pub(crate) identity_signer_issuer: Key,
    pub(crate) root_list_by: Key,
    pub(crate) on_root_list: Vec<u8>,
    pub(crate) on_pck_list: Vec<u8>,
    pub(crate) pck_list_by: Key,
    pub(crate) quote_by: Key,
    pub(crate) qe_report_by: Key,
    pub(crate) hashed_key: Key,
    pub(crate) info_by: Key,
    pub(crate) identity_by: Key,
}

/// Whose key.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Key {
    Root = 1,
    Authority,
    Signer,
    Pck,
    Attestation,
    Nobody,
}

/// Serial numbers are those of the keys.
pub(crate) const PPID: [u8; 16] = [0x77; 16];
pub(crate) const FMSPC: [u8; 6] = [0xb0, 0xc0, 0x6f, 0, 0, 0];

const FOR_EVER: (u64, u64) = (0, 4_000_000_000);

/// Offsets in a TD report, and in the quoting enclave's.
pub(crate) mod at {
    pub(crate) const TEE_TCB_SVN: usize = 0;
    pub(crate) const MR_SEAM: usize = 16;
    pub(crate) const MR_SIGNER_SEAM: usize = 64;
    pub(crate) const SEAM_ATTRIBUTES: usize = 112;
    pub(crate) const ATTRIBUTES: usize = 120;
    pub(crate) const XFAM: usize = 128;
    pub(crate) const MR_TD: usize = 136;
    pub(crate) const MR_CONFIG_ID: usize = 184;
    pub(crate) const MR_OWNER: usize = 232;
    pub(crate) const MR_OWNER_CONFIG: usize = 280;
    pub(crate) const RTMR: usize = 328;
    pub(crate) const REPORT_DATA: usize = 520;
    pub(crate) const TEE_TCB_SVN2: usize = 584;
    pub(crate) const MR_SERVICE_TD: usize = 600;
    pub(crate) const VM_INDEX: usize = 648;
    pub(crate) const DEVICES: usize = 681;
    pub(crate) const INITIAL_SERVICE_TDS: usize = 729;
    pub(crate) const CURRENT_SERVICE_TDS: usize = 829;
    pub(crate) const QE_MISC_SELECT: usize = 16;
    pub(crate) const QE_ATTRIBUTES: usize = 48;
    pub(crate) const QE_MR_SIGNER: usize = 128;
    pub(crate) const QE_PRODUCT: usize = 256;
    pub(crate) const QE_VERSION: usize = 258;
}

impl Spec {
    pub(crate) fn new() -> Self {
        let mut spec = Self {
            version: 5,
            body_type: 4,
            body: vec![0; 885],
            platform: ("UpToDate", &[]),
            current: ("UpToDate", &[]),
            module: None,
            qe_status: "UpToDate",
            qe_report: vec![0; 384],
            evaluation: 20,
            info: ("TDX", 3),
            identity: ("TD_QE", 2),
            info_fmspc: "B0C06F000000",
            info_pce: "0000",
            made: NOW - DAY,
            list_made: NOW - DAY,
            root_validity: FOR_EVER,
            authority_validity: (NOW - 1000 * DAY, NOW + 1000 * DAY),
            pck_validity: (NOW - 100 * DAY, NOW + 100 * DAY),
            info_signer_validity: (NOW - 100 * DAY, NOW + 100 * DAY),
            identity_signer_validity: (NOW - 100 * DAY, NOW + 100 * DAY),
            authority_may_sign: true,
            flags: Some([false, false, true]),
            pck_issuer: Key::Authority,
            info_signer_issuer: Key::Root,
            identity_signer_issuer: Key::Root,
            root_list_by: Key::Root,
            on_root_list: Vec::new(),
            on_pck_list: Vec::new(),
            pck_list_by: Key::Authority,
            quote_by: Key::Attestation,
            qe_report_by: Key::Pck,
            hashed_key: Key::Attestation,
            info_by: Key::Signer,
            identity_by: Key::Signer,
        };
        spec.set_qe(at::QE_MR_SIGNER, &[0x55; 32]);
        spec.set_qe(at::QE_PRODUCT, &[2, 0]);
        spec.set_qe(at::QE_VERSION, &[4, 0]);
        spec.set(at::TEE_TCB_SVN, &[5, 0, 2]);
        spec.set(at::TEE_TCB_SVN2, &[5, 0, 2]);
        spec.set(at::MR_SEAM, &[0x5e; 48]);
        spec.set(at::ATTRIBUTES, &(1u64 << 28).to_le_bytes());
        spec.set(at::XFAM, &0x602e7u64.to_le_bytes());
        spec.set(at::MR_TD, &[0xaa; 48]);
        spec.set(at::MR_CONFIG_ID, &[0xbb; 32]);
        spec.set(at::MR_OWNER, &[0x0a; 48]);
        spec.set(at::MR_OWNER_CONFIG, &[0x0b; 48]);
        for (i, at) in (at::RTMR..at::REPORT_DATA).step_by(48).enumerate() {
            spec.set(at, &[u8::try_from(i).unwrap(); 48]);
        }
        spec.set(at::REPORT_DATA, &[b'c'; 64]);
        spec.set(649, &[0x1d; 32]);
        spec
    }

    pub(crate) fn set(&mut self, at: usize, bytes: &[u8]) {
        self.body[at..at + bytes.len()].copy_from_slice(bytes);
    }

    pub(crate) fn set_qe(&mut self, at: usize, bytes: &[u8]) {
        self.qe_report[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Flips a bit of the TD's attributes.
    pub(crate) fn flip_attribute(&mut self, bit: usize) {
        self.body[at::ATTRIBUTES + bit / 8] ^= 1 << (bit % 8);
    }

    pub(crate) fn evidence(&self) -> Evidence {
        let (tcb_info, qe_identity) = (self.tcb_info(), self.qe_identity());
        let chain = |issuer, validity| {
            let signer = certificate("Signer", Key::Signer, "Root", issuer, validity, &[]);
            pem(&signer) + &pem(&self.root())
        };
        Evidence {
            quote: self.quote(),
            collateral: Collateral {
                tcb_info_signature: raw(self.info_by, tcb_info.as_bytes()),
                tcb_info,
                tcb_info_issuer_chain: chain(self.info_signer_issuer, self.info_signer_validity),
                qe_identity_signature: raw(self.identity_by, qe_identity.as_bytes()),
                qe_identity,
                qe_identity_issuer_chain: chain(
                    self.identity_signer_issuer,
                    self.identity_signer_validity,
                ),
                root_ca_crl: self.list("Root", self.root_list_by, &self.on_root_list),
                pck_crl: self.list("Authority", self.pck_list_by, &self.on_pck_list),
            },
        }
    }

    fn quote(&self) -> Vec<u8> {
        let mut quote = [
            &self.version.to_le_bytes()[..],
            &[2, 0, 0x81, 0, 0, 0, 0, 0, 0, 0],
            &hex::decode("939a7233f79c4ca9940a0db3957f0607").unwrap(),
            &[0; 20],
        ]
        .concat();
        let length = match (self.version, self.body_type) {
            (5, 3) => 648,
            (5, 4) => 885,
            _ => 584,
        };
        if self.version == 5 {
            quote.extend(self.body_type.to_le_bytes());
            quote.extend(u32::try_from(length).unwrap().to_le_bytes());
        }
        quote.extend(&self.body[..length]);
        let signature = raw(self.quote_by, &quote);

        let auth = [0xa0; 32];
        let mut report = self.qe_report.clone();
        let hashed = [&point(self.hashed_key)[1..], &auth].concat();
        report[320..352].copy_from_slice(&sha256(&hashed));
        let chain = [self.pck(), self.authority(), self.root()];
        let mut chain = chain.map(|der| pem(&der)).concat().into_bytes();
        chain.push(0);
        let qe = [
            &report[..],
            &raw(self.qe_report_by, &report),
            &[32, 0],
            &auth,
            &[5, 0],
            &u32::try_from(chain.len()).unwrap().to_le_bytes(),
            &chain,
        ]
        .concat();
        let data = [
            &signature[..],
            &point(Key::Attestation)[1..],
            &[6, 0],
            &u32::try_from(qe.len()).unwrap().to_le_bytes(),
            &qe,
        ]
        .concat();
        quote.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        quote.extend(data);
        quote
    }

    fn tcb_info(&self) -> String {
        let components = |svns: [u8; 3]| {
            let mut all = vec![serde_json::json!({"svn": 0}); 16];
            for (component, svn) in all.iter_mut().zip(svns) {
                component["svn"] = svn.into();
            }
            all
        };
        let level = |(status, advisories): (&str, &[&str]), module| {
            serde_json::json!({
                "tcb": {
                    "sgxtcbcomponents": components([1, 1, 1]),
                    "pcesvn": 13,
                    "tdxtcbcomponents": components([module, 0, 2]),
                },
                "tcbDate": "2026-01-01T00:00:00Z",
                "tcbStatus": status,
                "advisoryIDs": advisories,
            })
        };
        let module = serde_json::json!({
            "mrsigner": "00".repeat(48),
            "attributes": "00".repeat(8),
            "attributesMask": "fe".to_owned() + &"ff".repeat(7),
        });
        let mut of_version = module.clone();
        of_version["id"] = "TDX_01".into();
        of_version["mrsigner"] = "11".repeat(48).into();
        of_version["tcbLevels"] = serde_json::json!(
            self.module
                .map(|(version, status)| {
                    vec![serde_json::json!({
                        "tcb": {"isvsvn": version},
                        "tcbDate": "2026-01-01T00:00:00Z",
                        "tcbStatus": status,
                    })]
                })
                .unwrap_or_default()
        );
        let of_version = if self.module.is_some() {
            vec![of_version]
        } else {
            Vec::new()
        };
        serde_json::json!({
            "id": self.info.0,
            "version": self.info.1,
            "issueDate": date(self.made),
            "nextUpdate": date(self.made + 30 * DAY),
            "fmspc": self.info_fmspc,
            "pceId": self.info_pce,
            "tcbType": 0,
            "tcbEvaluationDataNumber": self.evaluation,
            "tdxModule": module,
            "tdxModuleIdentities": of_version,
            "tcbLevels": [level(self.current, 6), level(self.platform, 5)],
        })
        .to_string()
    }

    fn qe_identity(&self) -> String {
        serde_json::json!({
            "id": self.identity.0,
            "version": self.identity.1,
            "issueDate": date(self.made),
            "nextUpdate": date(self.made + 30 * DAY),
            "tcbEvaluationDataNumber": self.evaluation,
            "miscselect": "00".repeat(4),
            "miscselectMask": "fe".to_owned() + &"ff".repeat(3),
            "attributes": "00".repeat(16),
            "attributesMask": "fc".to_owned() + &"ff".repeat(15),
            "mrsigner": "55".repeat(32),
            "isvprodid": 2,
            "tcbLevels": [{
                "tcb": {"isvsvn": 4},
                "tcbDate": "2026-01-01T00:00:00Z",
                "tcbStatus": self.qe_status,
            }],
        })
        .to_string()
    }

    pub(crate) fn root(&self) -> Vec<u8> {
        let (key, validity) = (Key::Root, self.root_validity);
        certificate("Root", key, "Root", key, validity, &ca())
    }

    fn authority(&self) -> Vec<u8> {
        let (key, validity) = (Key::Authority, self.authority_validity);
        let extensions = if self.authority_may_sign {
            ca()
        } else {
            Vec::new()
        };
        certificate("Authority", key, "Root", Key::Root, validity, &extensions)
    }

    /// Intel SGX PCK Certificate and Certificate Revocation List Profile
    /// Specification: the SGX extensions.
    fn pck(&self) -> Vec<u8> {
        let entry = |id: &[u8], value: Vec<u8>| {
            let base = [0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01];
            tlv(0x30, &[tlv(0x06, &[&base, id].concat()), value].concat())
        };
        let tcb = [
            entry(&[2, 17], tlv(0x02, &[13])),
            entry(&[2, 18], tlv(0x04, &[1; 16])),
        ];
        let mut entries = vec![
            entry(&[1], tlv(0x04, &PPID)),
            entry(&[2], tlv(0x30, &tcb.concat())),
            entry(&[3], tlv(0x04, &[0; 2])),
            entry(&[4], tlv(0x04, &FMSPC)),
            entry(&[5], tlv(0x0a, &[1])),
        ];
        if let Some(flags) = self.flags {
            let flags = (1u8..).zip(flags);
            let flag = |(id, on)| entry(&[7, id], tlv(0x01, &[if on { 0xff } else { 0 }]));
            let flags: Vec<Vec<u8>> = flags.map(flag).collect();
            entries.push(entry(&[7], tlv(0x30, &flags.concat())));
        }
        let sgx = [0x2a, 0x86, 0x48, 0x86, 0xf8, 0x4d, 0x01, 0x0d, 0x01];
        let extension = extension(&sgx, false, &tlv(0x30, &entries.concat()));
        let issuer = self.pck_issuer;
        certificate(
            "PCK",
            Key::Pck,
            "Authority",
            issuer,
            self.pck_validity,
            &extension,
        )
    }

    /// A revocation list, version 2 (RFC 5280, 5).
    fn list(&self, issuer: &str, by: Key, revoked: &[u8]) -> Vec<u8> {
        let revoked: Vec<Vec<u8>> = revoked
            .iter()
            .map(|serial| tlv(0x30, &[tlv(0x02, &[*serial]), time(NOW - 9 * DAY)].concat()))
            .collect();
        let revoked = if revoked.is_empty() {
            Vec::new()
        } else {
            tlv(0x30, &revoked.concat())
        };
        let number = extension(&[0x55, 0x1d, 0x14], false, &tlv(0x02, &[1]));
        let authority = tlv(0x30, &tlv(0x80, &[1; 20]));
        let authority = extension(&[0x55, 0x1d, 0x23], false, &authority);
        let signed = [
            tlv(0x02, &[1]),
            algorithm(),
            name(issuer),
            time(self.list_made),
            time(self.list_made + 30 * DAY),
            revoked,
            tlv(0xa0, &tlv(0x30, &[number, authority].concat())),
        ];
        signed_der(&tlv(0x30, &signed.concat()), by)
    }
}

/// The root, valid for ever.
pub(crate) fn root() -> Vec<u8> {
    Spec::new().root()
}

/// Basic constraints of an authority.
fn ca() -> Vec<u8> {
    extension(&[0x55, 0x1d, 0x13], true, &tlv(0x30, &tlv(0x01, &[0xff])))
}

/// A certificate, version 3 (RFC 5280, 4).
pub(crate) fn certificate(
    subject: &str,
    key: Key,
    issuer: &str,
    by: Key,
    (from, until): (u64, u64),
    extensions: &[u8],
) -> Vec<u8> {
    let curve = [
        tlv(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01]),
        tlv(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07]),
    ];
    let key_info = [tlv(0x30, &curve.concat()), bits(&point(key))];
    let extensions = if extensions.is_empty() {
        extension(&[0x55, 0x1d, 0x0e], false, &tlv(0x04, &[key as u8]))
    } else {
        extensions.to_vec()
    };
    let signed = [
        tlv(0xa0, &tlv(0x02, &[2])),
        tlv(0x02, &[key as u8]),
        algorithm(),
        name(issuer),
        tlv(0x30, &[time(from), time(until)].concat()),
        name(subject),
        tlv(0x30, &key_info.concat()),
        tlv(0xa3, &tlv(0x30, &extensions)),
    ];
    signed_der(&tlv(0x30, &signed.concat()), by)
}

pub(crate) fn pem(der: &[u8]) -> String {
    use x509_cert::der::{Decode as _, EncodePem as _, pem::LineEnding};
    let certificate = x509_cert::Certificate::from_der(der).unwrap();
    certificate.to_pem(LineEnding::LF).unwrap()
}

fn signing(key: Key) -> SigningKey {
    SigningKey::from_slice(&[key as u8; 32]).unwrap()
}

fn point(key: Key) -> Vec<u8> {
    let point = signing(key)
        .verifying_key()
        .as_affine()
        .to_sec1_point(false);
    point.as_bytes().to_vec()
}

/// r ‖ s.
fn raw(key: Key, message: &[u8]) -> Vec<u8> {
    let signature: Signature = signing(key).sign(message);
    signature.to_bytes().to_vec()
}

fn signed_der(signed: &[u8], by: Key) -> Vec<u8> {
    let signature: Signature = signing(by).sign(signed);
    let signature = bits(signature.to_der().as_bytes());
    tlv(0x30, &[signed.to_vec(), algorithm(), signature].concat())
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use p256::ecdsa::signature::digest::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

/// ecdsa-with-SHA256.
fn algorithm() -> Vec<u8> {
    tlv(
        0x30,
        &tlv(0x06, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02]),
    )
}

fn name(common: &str) -> Vec<u8> {
    let pair = [tlv(0x06, &[0x55, 0x04, 0x03]), tlv(0x0c, common.as_bytes())];
    tlv(0x30, &tlv(0x31, &tlv(0x30, &pair.concat())))
}

fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical {
        tlv(0x01, &[0xff])
    } else {
        Vec::new()
    };
    tlv(0x30, &[tlv(0x06, id), critical, tlv(0x04, value)].concat())
}

/// UTCTime up to 2049, GeneralizedTime from 2050 on (RFC 5280, 4.1.2.5).
fn time(secs: u64) -> Vec<u8> {
    let digits: String = date(secs).chars().filter(char::is_ascii_digit).collect();
    if secs < 2_524_608_000 {
        tlv(0x17, format!("{}Z", &digits[2..]).as_bytes())
    } else {
        tlv(0x18, format!("{digits}Z").as_bytes())
    }
}

fn date(secs: u64) -> String {
    evidence::Timestamp::from_secs(secs).to_string()
}

fn bits(bytes: &[u8]) -> Vec<u8> {
    tlv(0x03, &[&[0], bytes].concat())
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    let [high, low] = length.to_be_bytes();
    let mut out = match (high, low) {
        (0, 0..0x80) => vec![tag, low],
        (0, _) => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    out.extend(content);
    out
}
