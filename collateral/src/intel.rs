//! What Intel's provisioning service has for TDX: names, addresses, bounds, and how
//! each of it is verified. Pure. A part is kept as it came: the certificates of its
//! signer as PEM, and behind them what it signed; the root's list is DER alone.

use evidence::tdx::{
    COLLATERAL_PART_MAX, Collateral, Part, PartClaims, PartError, PckAuthority, Root, SignedText,
};
use job::Timestamp;

use crate::answer::Answer;

/// Intel's own service (PCS, API version 4).
pub const DEFAULT: &str = "https://api.trustedservices.intel.com";

/// Where Intel publishes the root's list: its certificates name this place, and the
/// service above does not have it.
pub(crate) const ROOT_CA_CRL: &str =
    "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der";

/// Most bytes of a part as it is kept: two certificates have 2 kB.
pub(crate) const MOST: usize = COLLATERAL_PART_MAX + 16 * 1024;

/// How PEM ends a certificate (RFC 7468, 5).
const END: &str = "-----END CERTIFICATE-----\n";

/// One part of the collateral for a kind of platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intels {
    /// TCB levels of platforms of this kind (FMSPC).
    TcbInfo([u8; 6]),
    /// Identity of the quoting enclave.
    QeIdentity,
    /// What this authority revoked.
    PckCrl(PckAuthority),
    /// What the root revoked.
    RootCaCrl,
}

impl Intels {
    /// Its name in files.
    pub fn name(self) -> String {
        match self {
            Self::TcbInfo(fmspc) => format!("tcbinfo-{}", hex::encode(fmspc)),
            Self::QeIdentity => "qeidentity".to_owned(),
            Self::PckCrl(authority) => format!("pckcrl-{}", authority.name()),
            Self::RootCaCrl => "rootcacrl".to_owned(),
        }
    }

    /// The reverse of [`Intels::name`].
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let found = match name.split_once('-') {
            Some(("tcbinfo", fmspc)) => Self::TcbInfo(hex::decode(fmspc).ok()?.try_into().ok()?),
            Some(("pckcrl", authority)) => {
                let mut known = PckAuthority::ALL.into_iter();
                Self::PckCrl(known.find(|known| known.name() == authority)?)
            }
            Some(_) => return None,
            None => [Self::QeIdentity, Self::RootCaCrl]
                .into_iter()
                .find(|part| part.name() == name)?,
        };
        // Not another way to write the same.
        (found.name() == name).then_some(found)
    }

    /// Where it is on Intel's service, and on mirrors of it (PCCS).
    pub(crate) fn path(self) -> String {
        match self {
            Self::TcbInfo(fmspc) => {
                let fmspc = hex::encode_upper(fmspc);
                format!("tdx/certification/v4/tcb?fmspc={fmspc}")
            }
            Self::QeIdentity => "tdx/certification/v4/qe/identity".to_owned(),
            Self::PckCrl(authority) => {
                let authority = authority.name();
                format!("sgx/certification/v4/pckcrl?ca={authority}&encoding=der")
            }
            Self::RootCaCrl => "sgx/certification/v4/rootcacrl".to_owned(),
        }
    }

    /// The header of an answer that has the certificates of its signer.
    pub(crate) const fn chain_header(self) -> Option<&'static str> {
        match self {
            Self::TcbInfo(_) => Some("TCB-Info-Issuer-Chain"),
            Self::QeIdentity => Some("SGX-Enclave-Identity-Issuer-Chain"),
            Self::PckCrl(_) => Some("SGX-PCK-CRL-Issuer-Chain"),
            Self::RootCaCrl => None,
        }
    }

    /// An answer as it is kept. A mirror answers for the root's list in hex.
    pub(crate) fn of_answer(self, answer: Answer) -> Vec<u8> {
        let Answer { body, chain } = answer;
        match self {
            Self::RootCaCrl => hex::decode(body.trim_ascii()).unwrap_or(body),
            Self::TcbInfo(_) | Self::QeIdentity | Self::PckCrl(_) => {
                let mut kept = chain.unwrap_or_default().into_bytes();
                if !kept.ends_with(b"\n") {
                    kept.push(b'\n');
                }
                kept.extend(body);
                kept
            }
        }
    }

    /// Whether these bytes are this part: by Intel, and about this.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn verify(self, bytes: &[u8], now: Timestamp) -> Result<PartClaims, String> {
        let root = Root::intel().map_err(|error| error.to_string())?;
        let part = self.part(bytes).map_err(|error| error.to_string())?;
        let claims = part.verify(&root, now).map_err(|error| error.to_string())?;
        let other = match self {
            Self::TcbInfo(fmspc) => claims.fmspc != Some(fmspc),
            Self::PckCrl(authority) => claims.authority != Some(authority),
            Self::QeIdentity | Self::RootCaCrl => false,
        };
        if other {
            return Err("it is about another kind of platform".to_owned());
        }
        Ok(claims)
    }

    fn part(self, bytes: &[u8]) -> Result<Part, PartError> {
        Ok(match self {
            Self::TcbInfo(_) => Part::TcbInfo(signed(bytes)?),
            Self::QeIdentity => Part::QeIdentity(signed(bytes)?),
            Self::PckCrl(_) => {
                let (chain, der) = split(bytes)?;
                Part::PckCrl {
                    der: der.to_vec(),
                    issuer_chain: chain.to_owned(),
                }
            }
            Self::RootCaCrl => Part::RootCaCrl(bytes.to_vec()),
        })
    }
}

impl std::fmt::Display for Intels {
    /// For people.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TcbInfo(fmspc) => {
                write!(f, "TCB info of Intel platforms {}", hex::encode(fmspc))
            }
            Self::QeIdentity => f.write_str("identity of Intel's quoting enclave"),
            Self::PckCrl(authority) => {
                write!(f, "revocation list of Intel's keys ({})", authority.name())
            }
            Self::RootCaCrl => f.write_str("revocation list of Intel's root"),
        }
    }
}

/// Collateral of its four parts as they are kept: TCB info, identity, the root's
/// list, the keys' list.
///
/// # Errors
/// When one has not its form.
pub(crate) fn collateral(parts: [&[u8]; 4]) -> Result<Collateral, PartError> {
    let [tcb_info, qe_identity, root_ca_crl, pck_crl] = parts;
    let (_, pck_crl) = split(pck_crl)?;
    Ok(Collateral::from_parts(
        signed(tcb_info)?,
        signed(qe_identity)?,
        root_ca_crl.to_vec(),
        pck_crl.to_vec(),
    ))
}

/// The parts of collateral that came in one file: what each says itself to be, and
/// when it was made; nothing of one that does not verify at `now`. `pck_crl_issuers`
/// are the certificates of who signed the list of keys, PEM.
pub fn dated(
    collateral: &Collateral,
    pck_crl_issuers: &str,
    now: Timestamp,
) -> [Option<(Intels, Timestamp)>; 4] {
    let Collateral {
        tcb_info,
        tcb_info_signature,
        tcb_info_issuer_chain,
        qe_identity,
        qe_identity_signature,
        qe_identity_issuer_chain,
        root_ca_crl,
        pck_crl,
    } = collateral.clone();
    let verified = |part: Part| part.verify(&Root::intel().ok()?, now).ok();
    let tcb_info = verified(Part::TcbInfo(SignedText {
        text: tcb_info,
        signature: tcb_info_signature,
        issuer_chain: tcb_info_issuer_chain,
    }));
    let qe_identity = verified(Part::QeIdentity(SignedText {
        text: qe_identity,
        signature: qe_identity_signature,
        issuer_chain: qe_identity_issuer_chain,
    }));
    let root_ca_crl = verified(Part::RootCaCrl(root_ca_crl));
    let pck_crl = verified(Part::PckCrl {
        der: pck_crl,
        issuer_chain: pck_crl_issuers.to_owned(),
    });
    let made = |part: Intels, claims: PartClaims| (part, claims.made_at);
    [
        tcb_info.and_then(|claims| Some(made(Intels::TcbInfo(claims.fmspc?), claims))),
        qe_identity.map(|claims| made(Intels::QeIdentity, claims)),
        root_ca_crl.map(|claims| made(Intels::RootCaCrl, claims)),
        pck_crl.and_then(|claims| Some(made(Intels::PckCrl(claims.authority?), claims))),
    ]
}

fn signed(bytes: &[u8]) -> Result<SignedText, PartError> {
    let (chain, body) = split(bytes)?;
    SignedText::from_answer(body, chain)
}

/// The certificates of signer and root, and what is behind them.
fn split(bytes: &[u8]) -> Result<(&str, &[u8]), PartError> {
    let ends = bytes.windows(END.len()).enumerate();
    let ends = ends.filter(|(_, part)| *part == END.as_bytes());
    let end = ends.map(|(at, _)| at + END.len()).nth(1);
    let parts = end.and_then(|end| bytes.split_at_checked(end));
    let parts = parts.and_then(|(chain, rest)| Some((str::from_utf8(chain).ok()?, rest)));
    parts.ok_or(PartError::Unreadable("certificates of its signer"))
}
