//! The one place where dcap-qvl judges: ECDSA on P-256, and Intel's verification of
//! a quote against collateral. What it does not check is in the files beside this.

use dcap_qvl::config::{CryptoProvider as _, EcdsaSigEncoder as _};
use dcap_qvl::configs::RustCryptoConfig;
use dcap_qvl::crypto::RustCryptoCrypto;
use dcap_qvl::intel::{PckExtension, parse_pck_extension_with};
use dcap_qvl::signature::DerSigEncoder;
use dcap_qvl::verify::QuoteVerifier;
use dcap_qvl::{QuoteClaims, QuoteCollateralV3, QuotePolicy};

use super::{Collateral, Quote, Root};
use crate::Timestamp;

/// Whether `signature` (r ‖ s, 32 bytes big-endian each) over `message` is by the
/// key at this uncompressed point: ECDSA with SHA-256 on P-256 (FIPS 186-5).
pub(super) fn has_signed(point: &[u8; 65], message: &[u8], signature: &[u8; 64]) -> bool {
    let (r, s) = signature.split_at(32);
    let signature = DerSigEncoder::encode_ecdsa_sig(r, s);
    signature.is_ok_and(|signature| has_signed_der(point, message, &signature))
}

/// The same with a signature as certificates carry it: DER.
pub(super) fn has_signed_der(point: &[u8; 65], message: &[u8], signature: &[u8]) -> bool {
    let ecdsa = RustCryptoCrypto::sig_algo();
    ecdsa.verify_signature(point, message, signature).is_ok()
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    RustCryptoCrypto::sha256(bytes)
}

/// What Intel wrote about the platform into its key's certificate.
pub(super) fn platform(pck: &[u8]) -> Option<PckExtension> {
    parse_pck_extension_with::<RustCryptoConfig>(pck).ok()
}

/// Chains up to the root, revocation, dates, signatures, quoting enclave, TDX
/// module and TCB levels, by Intel's rules. A TD under debug and service TDs pass
/// here, because they are expectations; its opinion on statuses is not asked.
pub(super) fn verify(
    quote: &Quote,
    collateral: &Collateral,
    root: &Root,
    now: Timestamp,
) -> Result<QuoteClaims, String> {
    let root = root.certificate().der().to_vec();
    QuoteVerifier::<RustCryptoConfig>::new_with_config(root)
        .allow_debug(true)
        .allow_service_td(true)
        .verify_with_policy(
            quote.bytes(),
            form(collateral),
            now.as_secs(),
            &QuotePolicy::claims_only(now.as_secs()),
        )
        .map_err(|error| format!("{error:#}"))
}

/// The PCK's chain is the one in the quote. The list's issuer chain is not read by
/// dcap-qvl: the issuer stands in the PCK's chain.
fn form(collateral: &Collateral) -> QuoteCollateralV3 {
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
    QuoteCollateralV3 {
        pck_crl_issuer_chain: String::new(),
        root_ca_crl,
        pck_crl,
        tcb_info_issuer_chain,
        tcb_info,
        tcb_info_signature,
        qe_identity_issuer_chain,
        qe_identity,
        qe_identity_signature,
        pck_certificate_chain: None,
    }
}
