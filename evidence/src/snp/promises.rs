//! What the machine promises: the guest's policy, which the firmware enforces,
//! and the state of the platform.

use crate::ledger::Ledger;
use crate::{Expected, Flag, Reason, Rejection, Report};

pub(super) fn require(
    ledger: &mut Ledger,
    expected: &Expected,
    report: &Report,
) -> Result<(), Rejection> {
    ledger.require(
        Reason::Vmpl,
        "privilege level",
        expected.vmpl,
        report.vmpl(),
        report.vmpl() == expected.vmpl,
    )?;
    require_policy(ledger, expected, report)?;
    require_platform(ledger, expected, report)
}

/// AMD 56860, table "Guest Policy".
fn require_policy(ledger: &mut Ledger, x: &Expected, report: &Report) -> Result<(), Rejection> {
    let mut require = |reason, name, flag: Flag, bit| {
        let seen = report.policy_bit(bit);
        ledger.require(reason, name, flag, on_or_off(seen), flag.accepts(seen))
    };
    require(Reason::Debug, "debug", x.debug, 19)?;
    require(Reason::Migration, "migration", x.migration, 18)?;
    require(Reason::SmtAllowed, "SMT allowed", x.smt_allowed, 16)?;
    require(Reason::SingleSocket, "single socket", x.single_socket, 20)?;
    require(Reason::CxlAllowed, "CXL allowed", x.cxl_allowed, 21)?;
    require(Reason::Aes256Xts, "AES-256-XTS demanded", x.aes_256_xts, 22)?;
    require(Reason::RaplOff, "RAPL off demanded", x.rapl_off, 23)?;
    let name = "ciphertext hiding demanded";
    require(Reason::CiphertextHiding, name, x.ciphertext_hiding, 24)?;
    let name = "page swap disabled";
    require(Reason::PageSwapDisabled, name, x.page_swap_disabled, 25)?;

    let (major, minor) = report.policy_abi();
    let (least_major, least_minor) = x.abi_minimum;
    ledger.require(
        Reason::Abi,
        "firmware ABI asked for",
        format!("at least {least_major}.{least_minor}"),
        format!("{major}.{minor}"),
        (major, minor) >= (least_major, least_minor),
    )
}

/// AMD 56860, table "PLATFORM_INFO".
fn require_platform(ledger: &mut Ledger, x: &Expected, report: &Report) -> Result<(), Rejection> {
    let mut require = |reason, name, flag: Flag, bit| {
        let seen = report.platform_bit(bit);
        ledger.require(reason, name, flag, on_or_off(seen), flag.accepts(seen))
    };
    require(Reason::PlatformSmt, "platform SMT", x.platform_smt, 0)?;
    require(Reason::PlatformTsme, "platform TSME", x.platform_tsme, 1)?;
    require(Reason::PlatformEcc, "platform ECC", x.platform_ecc, 2)?;
    let (name, flag) = ("platform RAPL off", x.platform_rapl_disabled);
    require(Reason::PlatformRapl, name, flag, 3)?;
    let (name, flag) = ("ciphertext hiding", x.platform_ciphertext_hiding);
    require(Reason::PlatformCiphertextHiding, name, flag, 4)?;
    let (name, flag) = ("alias check", x.platform_alias_check);
    require(Reason::PlatformAliasCheck, name, flag, 5)?;
    let (name, flag) = ("IOMMU writes safe", x.platform_iommu_write_safe);
    require(Reason::PlatformIommuWriteSafe, name, flag, 6)?;
    require(Reason::PlatformTio, "platform TIO", x.platform_tio, 7)
}

const fn on_or_off(bit: bool) -> &'static str {
    if bit { "on" } else { "off" }
}
