//! Which of Intel's rules a quote broke. dcap-qvl judges, and says why in text
//! only; here the same rules are gone through to name the one. Asked after a
//! refusal, it can accept nothing.

use dcap_qvl::intel::PckExtension;
use dcap_qvl::{QeIdentity, TcbInfo, TcbStatus};

use super::{Collateral, Quote, Reason};
use crate::bytes::bytes_at;

/// In an SGX report (Intel SDM, volume 3D, 40.15), which the quoting enclave's is.
const MISC_SELECT: usize = 16;
const ATTRIBUTES: usize = 48;
const MR_SIGNER: usize = 128;
const PRODUCT: usize = 256;
const VERSION: usize = 258;

/// ATTRIBUTES.DEBUG: the enclave's memory is open, whatever the identity says.
const DEBUG: u8 = 0b10;

/// The first rule that this quote breaks, in dcap-qvl's order; [`Reason::Vendor`]
/// for one that is not among these.
pub(super) fn broken(quote: &Quote, collateral: &Collateral, platform: &PckExtension) -> Reason {
    let read = serde_json::from_str(&collateral.qe_identity)
        .and_then(|identity| Ok((identity, serde_json::from_str(&collateral.tcb_info)?)));
    let broken = read.map(|(identity, info)| require(quote, &identity, &info, platform));
    match broken {
        Ok(Err(reason)) => reason,
        Ok(Ok(())) | Err(_) => Reason::Vendor,
    }
}

fn require(
    quote: &Quote,
    identity: &QeIdentity,
    info: &TcbInfo,
    platform: &PckExtension,
) -> Result<(), Reason> {
    let enclave = require_enclave(&quote.signature_data().qe_report, identity)?;
    let mut statuses = require_levels(info, platform, &quote.tee_tcb_svn())?;
    require_module(quote, info)?;
    if let Some(current) = quote.current_tee_tcb_svn() {
        statuses.extend(require_levels(info, platform, &current)?);
    }
    statuses.push(enclave);
    require_that(!statuses.contains(&TcbStatus::Revoked), Reason::TcbRevoked)
}

/// The status of the quoting enclave's level.
fn require_enclave(report: &[u8; 384], identity: &QeIdentity) -> Result<TcbStatus, Reason> {
    let misc_select: [u8; 4] = bytes_at(report, MISC_SELECT);
    let attributes: [u8; 16] = bytes_at(report, ATTRIBUTES);
    let known = bytes_at(report, MR_SIGNER) == identity.mrsigner
        && u16::from_le_bytes(bytes_at(report, PRODUCT)) == identity.isvprodid
        && is_as(misc_select, identity.miscselect, identity.miscselect_mask)
        && is_as(attributes, identity.attributes, identity.attributes_mask)
        && attributes.first().is_some_and(|first| first & DEBUG == 0);
    require_that(known, Reason::QuotingEnclave)?;
    let version = u16::from_le_bytes(bytes_at(report, VERSION));
    let mut levels = identity.tcb_levels.iter();
    let level = levels.find(|level| level.tcb.isvsvn <= version);
    level.map(|level| level.tcb_status).ok_or(Reason::TcbLevel)
}

/// The statuses of the highest level that the platform reaches with a module of
/// these versions, and of the module's own.
fn require_levels(
    info: &TcbInfo,
    platform: &PckExtension,
    module: &[u8; 16],
) -> Result<Vec<TcbStatus>, Reason> {
    let levels = info.tcb_levels.iter().filter(|level| {
        let short = level.shortfalls(&platform.cpu_svn, platform.pce_svn, Some(module));
        short.is_ok_and(|short| short.is_empty())
    });
    let highest = levels.max_by_key(|level| {
        let tcb = &level.tcb;
        (&tcb.sgx_components, tcb.pce_svn, &tcb.tdx_components)
    });
    let mut statuses = vec![highest.ok_or(Reason::TcbLevel)?.tcb_status];
    if let Some(known) = known_module(info, module)? {
        let mut levels = known.tcb_levels.iter();
        let level = levels.find(|level| level.shortfall(module).is_none());
        statuses.push(level.ok_or(Reason::TcbLevel)?.tcb_status);
    }
    Ok(statuses)
}

/// That Intel signed the TDX module, with these attributes and no others.
fn require_module(quote: &Quote, info: &TcbInfo) -> Result<(), Reason> {
    let of_version = known_module(info, &quote.tee_tcb_svn())?;
    let of_version = of_version.map(|x| (&x.mrsigner, &x.attributes, &x.attributes_mask));
    let of_any = info.tdx_module.as_ref();
    let of_any = of_any.map(|x| (&x.mrsigner, &x.attributes, &x.attributes_mask));
    let (signer, attributes, mask) = of_version.or(of_any).ok_or(Reason::TdxModule)?;
    let seen = quote.seam_attributes().to_le_bytes();
    let known = read(signer) == Some(quote.mr_signer_seam())
        && read(attributes).zip(read(mask)).is_some_and(|(all, mask)| {
            is_as(seen, all, mask) && is_as(seen, [0; 8], mask.map(|byte| !byte))
        });
    require_that(known, Reason::TdxModule)
}

/// What the TCB info says about modules of this major version, if they have one.
fn known_module<'i>(
    info: &'i TcbInfo,
    module: &[u8; 16],
) -> Result<Option<&'i dcap_qvl::tcb_info::TdxModuleIdentity>, Reason> {
    let known = info.tdx_module_identity(module);
    known.map_err(|_| Reason::TdxModule)
}

fn require_that(holds: bool, otherwise: Reason) -> Result<(), Reason> {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// Whether `seen` and `wanted` are the same under `mask`.
fn is_as<const N: usize>(seen: [u8; N], wanted: [u8; N], mask: [u8; N]) -> bool {
    let pairs = seen.into_iter().zip(wanted);
    pairs.zip(mask).all(|((a, b), mask)| (a ^ b) & mask == 0)
}

fn read<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}
