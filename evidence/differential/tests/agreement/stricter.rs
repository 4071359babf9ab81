//! Where ours is stricter than the `sev` crate, and why.

use differential::Refusal;
use evidence::{Authority, CertificateError, Reason, RootError};

/// Where ours refuses what the `sev` crate accepts, and why that is right.
pub(crate) const STRICTER: &[(Refusal, &str)] = &[
    (
        Refusal::Root(RootError::Name(Authority::Ark)),
        "it takes any self-signed certificate for a root; ours has to be that of the generation",
    ),
    (
        Refusal::Root(RootError::Certificate(
            Authority::Ark,
            CertificateError::Algorithm,
        )),
        "it does not compare the algorithm outside the signature with the one inside",
    ),
    (
        Refusal::Root(RootError::Certificate(
            Authority::Ask,
            CertificateError::Algorithm,
        )),
        "it does not compare the algorithm outside the signature with the one inside",
    ),
    (
        Refusal::Root(RootError::NotAuthority(Authority::Ask)),
        "it does not look at basic constraints: what may not sign others could",
    ),
    (
        Refusal::Evidence(Reason::ReservedByte),
        "it ignores the 368 bytes behind the signature",
    ),
    (
        Refusal::Evidence(Reason::NewerFirmware),
        "it ignores reserved bits and bytes, and reads versions to come as 5",
    ),
    (
        Refusal::Evidence(Reason::ReportVersion),
        "it reads version 2, which does not say which processor it is from",
    ),
    (
        Refusal::Evidence(Reason::NoRoot),
        "it does not compare the processor in the report with the chain's generation",
    ),
    (
        Refusal::Evidence(Reason::CertificateKind),
        "it takes any certificate with a P-384 key for an endorsement key",
    ),
    (
        Refusal::Evidence(Reason::NoIntermediate),
        "it knows no ASVK: a VLEK certified by the intermediate for chips passes",
    ),
    (
        Refusal::Evidence(Reason::CertificateUnreadable),
        "it does not look at critical extensions, nor at the algorithm outside the signature \
         and the unused bits of the signature",
    ),
    (
        Refusal::Evidence(Reason::CertificateTime),
        "it does not look at dates",
    ),
    (
        Refusal::Evidence(Reason::CertificateProduct),
        "it does not look at the certificate's product",
    ),
    (
        Refusal::Evidence(Reason::SignatureAlgorithm),
        "it does not look at the report's algorithm",
    ),
    (
        Refusal::Evidence(Reason::Unsigned),
        "it does not look at KEY_INFO: a masked chip key, or none",
    ),
    (
        Refusal::Evidence(Reason::SigningKey),
        "it does not compare KEY_INFO with the certificate's kind",
    ),
    (
        Refusal::Evidence(Reason::Signature),
        "it checks a report that it has encoded again: bytes of a TCB that are no component \
         are lost, and may be changed",
    ),
    (
        Refusal::Evidence(Reason::ChipId),
        "it does not compare the report's chip with the certificate's",
    ),
    (
        Refusal::Evidence(Reason::CertificateTcb),
        "it does not compare the report's TCB with the certificate's",
    ),
];
