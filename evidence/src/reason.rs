//! Why evidence is refused: one name per reason, fit for labels and for
//! searching. What was expected and seen stands in the refusal's last check.

/// Defines [`Reason`] and the list of all of its variants from one list.
macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Why evidence was refused, in the order of the checks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason there is, in the order of the checks.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }
    };
}

#[cfg(feature = "tdx")]
pub(crate) use reasons;

reasons! {
    /// The report has another length than reports have.
    ReportLength,
    /// A report format that is too old, or none.
    ReportVersion,
    /// A byte behind the signature is not zero.
    ReservedByte,
    /// CPUID names a chip we do not know.
    Generation,
    /// No root for this generation is accepted.
    NoRoot,
    /// Several roots for this generation: the evidence cannot say which it means.
    SeveralRoots,
    /// No certificate of the signing key was given.
    CertificateMissing,
    /// The signing key's certificate cannot be read.
    CertificateUnreadable,
    /// The certificate is not one of a VCEK or VLEK.
    CertificateKind,
    /// The root has no intermediate for this kind of key.
    NoIntermediate,
    /// The root is not valid at this time.
    RootTime,
    /// The intermediate is not valid at this time.
    IntermediateTime,
    /// The signing key's certificate does not chain to an accepted root.
    CertificateChain,
    /// The signing key's certificate is not valid at this time.
    CertificateTime,
    /// The certificate is for another product.
    CertificateProduct,
    /// No revocation list was given.
    RevocationMissing,
    /// The revocation list is from the future.
    RevocationFuture,
    /// The revocation list is over: the time of the next one has come, or it names none.
    RevocationOver,
    /// The revocation list is older than is accepted.
    RevocationAge,
    /// The intermediate is revoked.
    IntermediateRevoked,
    /// The signing key is revoked.
    KeyRevoked,
    /// The report names another signature algorithm than ECDSA P-384 with SHA-384.
    SignatureAlgorithm,
    /// The report says that nobody signed it.
    Unsigned,
    /// The report says it was signed by another kind of key than the certificate's.
    SigningKey,
    /// The signature does not fit.
    Signature,
    /// Signed by firmware that is newer than this program: a version, or bits that
    /// have no meaning here and are not accepted by name.
    NewerFirmware,
    /// No TCB floor is known for this generation.
    NoTcbFloor,
    /// The reported TCB is below the floor.
    ReportedTcb,
    /// The committed TCB is below the floor: the platform can be rolled back.
    CommittedTcb,
    /// The launch TCB is below the floor.
    LaunchTcb,
    /// The current TCB is below the floor.
    CurrentTcb,
    /// The certificate names no chip.
    CertificateChip,
    /// The report names no chip: the provider masks it.
    ChipMasked,
    /// The certificate belongs to another chip.
    ChipId,
    /// The certificate names no TCB.
    CertificateTcbMissing,
    /// The certificate was made for another TCB.
    CertificateTcb,
    /// The report is too old to say anything about mitigations.
    MitigationsMissing,
    /// A mitigation is missing, at launch or now.
    Mitigations,
    /// Asked from another privilege level.
    Vmpl,
    /// Debugging by the host is not as expected.
    Debug,
    /// Migration is not as expected.
    Migration,
    /// Sharing a core is not as expected.
    SmtAllowed,
    /// Keeping to one socket is not as expected.
    SingleSocket,
    /// Memory behind CXL is not as expected.
    CxlAllowed,
    /// The demand for AES-256-XTS is not as expected.
    Aes256Xts,
    /// The demand for a power meter that is off is not as expected.
    RaplOff,
    /// The demand for hidden ciphertext is not as expected.
    CiphertextHiding,
    /// The ban on swapping pages is not as expected.
    PageSwapDisabled,
    /// The guest accepts an older firmware ABI than expected.
    Abi,
    /// The platform's SMT is not as expected.
    PlatformSmt,
    /// The platform's transparent memory encryption is not as expected.
    PlatformTsme,
    /// The platform's error correction is not as expected.
    PlatformEcc,
    /// The platform's power meter is not as expected.
    PlatformRapl,
    /// The platform's hiding of ciphertext is not as expected.
    PlatformCiphertextHiding,
    /// The platform's check for aliased memory is not as expected.
    PlatformAliasCheck,
    /// The platform's safety of writes through the IOMMU is not as expected.
    PlatformIommuWriteSafe,
    /// The platform's trusted I/O is not as expected.
    PlatformTio,
    /// Another chip than expected.
    UnexpectedChip,
    /// The guest's own security version is too low.
    GuestSvn,
    /// Another family id.
    FamilyId,
    /// Another image id.
    ImageId,
    /// Another ID key.
    IdKey,
    /// Another author key.
    AuthorKey,
    /// Another report id.
    ReportId,
    /// Another migration agent.
    MigrationAgent,
    /// Another launch measurement.
    Measurement,
    /// Other init data.
    HostData,
    /// Other report data.
    ReportData,
}
