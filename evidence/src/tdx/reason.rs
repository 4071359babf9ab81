//! Why a TD's evidence is refused. As [`crate::Reason`], which is about SEV-SNP.

crate::reason::reasons! {
    /// The quote is not a quote of a TD.
    Unreadable,
    /// The TD has an attribute this program does not know.
    UnknownAttribute,
    /// The TD may be moved by another TD. No expectation accepts that.
    Migratable,
    /// The host may provoke exceptions in the TD. No expectation accepts that.
    SeptVeDisable,
    /// A part of the collateral cannot be read.
    CollateralUnreadable,
    /// The collateral is about something else than TDX.
    CollateralKind,
    /// A part of the collateral is over, or from the future.
    CollateralTime,
    /// A part of the collateral is older than asked for.
    CollateralAge,
    /// The PCK's certificates cannot be read, or not only in one way.
    CertificatesUnreadable,
    /// The PCK's certificates end in another root.
    Root,
    /// The PCK's certificate is not signed by its authority, or that not by the
    /// root.
    CertificateChain,
    /// The key that signed a part of the collateral is not signed by the root.
    SignerChain,
    /// A certificate is not valid at this time.
    CertificateTime,
    /// The signature of the root's revocation list does not fit.
    RootListSignature,
    /// The signature of the list about platforms' keys does not fit.
    PckListSignature,
    /// The root is on its own list.
    RootRevoked,
    /// The platform's key (PCK) is revoked.
    KeyRevoked,
    /// The authority that signed the platform's key is revoked.
    IntermediateRevoked,
    /// The key that signed the collateral is revoked.
    SignerRevoked,
    /// The signature of the quoting enclave's report does not fit.
    QeReportSignature,
    /// The quoting enclave's report is about another attestation key.
    AttestationKey,
    /// The signature of the quote does not fit.
    Signature,
    /// The signature of the TCB info does not fit.
    TcbInfoSignature,
    /// The signature of the quoting enclave's identity does not fit.
    QeIdentitySignature,
    /// The TCB info is about another kind of platform.
    CollateralPlatform,
    /// The quoting enclave is not the one that its identity describes.
    QuotingEnclave,
    /// The TDX module is not one that the TCB info describes.
    TdxModule,
    /// Platform, TDX module or quoting enclave reaches no TCB level.
    TcbLevel,
    /// Intel revoked the TCB level of platform, TDX module or quoting enclave. No
    /// expectation accepts that.
    TcbRevoked,
    /// Another of Intel's rules refuses it: what a certificate may be used for, a
    /// list that is not about what it was given for, collateral in a form that
    /// Intel does not use. dcap-qvl's errors are text: the last check carries
    /// it, and nothing here is told apart by it.
    Vendor,
    /// The TCB's status is below the floor.
    TcbStatus,
    /// An advisory applies that was not accepted.
    Advisory,
    /// The collateral was made for an older evaluation of TCBs than asked for.
    EvaluationNumber,
    /// Another kind of platform (FMSPC).
    Fmspc,
    /// Another platform (PPID).
    Platform,
    /// The platform's SMT is not as expected.
    PlatformSmt,
    /// That packages can be added to the platform is not as expected.
    PlatformDynamic,
    /// Whether Intel keeps the platform's keys is not as expected.
    PlatformCachedKeys,
    /// Another TDX module.
    MrSeam,
    /// Another signer of the TDX module.
    MrSignerSeam,
    /// Attributes of the TDX module are not as expected.
    SeamAttributes,
    /// Debugging by the host is not as expected.
    Debug,
    /// Profiling by the host is not as expected.
    Profiling,
    /// The defense against single-stepping is not as expected.
    SingleStepDefense,
    /// The report about service TDs is not as expected.
    ServiceTdExtension,
    /// Linear address space separation is not as expected.
    Lass,
    /// Protection keys for supervisor pages are not as expected.
    Pks,
    /// Key locker is not as expected.
    KeyLocker,
    /// Being a provisioning agent is not as expected.
    ProvisioningAgent,
    /// Performance counters are not as expected.
    Perfmon,
    /// Processor features are not as expected.
    Xfam,
    /// Asked from another partition of the TD.
    VmIndex,
    /// Another service TD, or one where none is expected.
    ServiceTd,
    /// Other devices, or some where none are expected.
    Devices,
    /// Another owner.
    MrOwner,
    /// Another configuration of the owner.
    MrOwnerConfig,
    /// Another launch measurement.
    MrTd,
    /// Other firmware configuration in RTMR0.
    Rtmr0,
    /// Another kernel in RTMR1.
    Rtmr1,
    /// Another command line or initial file system in RTMR2.
    Rtmr2,
    /// Other contents of RTMR3, which the guest's programs extend.
    Rtmr3,
    /// Other init data.
    MrConfigId,
    /// Other report data.
    ReportData,
}
