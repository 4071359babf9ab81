//! What verified evidence of a TD says, typed.

use super::attributes::TdAttributes;
use super::machine::Tcb;
use super::origin::Origin;
use super::quote::{Quote, TdReportKind};
use super::{Expected, TcbStatus};
use crate::{RootClass, Timestamp};

/// What a verified quote says. Shapes and units are those of [`Quote`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    /// Whose root signed for it; [`RootClass::Simulated`] protects nothing.
    pub class: RootClass,
    /// Version of the quote's format.
    pub quote_version: u16,
    /// Which TD report it carries.
    pub report_kind: TdReportKind,
    /// The TCB's status, at launch and now together.
    pub tcb_status: TcbStatus,
    /// Advisories that apply to the TCB, sorted.
    pub advisories: Vec<String>,
    /// Number of the TCB evaluation the collateral was made for.
    pub evaluation_number: u32,
    /// First moment at which a part of the collateral is over: a later check of
    /// the same bytes needs newer ones.
    pub collateral_until: Timestamp,
    /// Kind of the platform.
    pub fmspc: [u8; 6],
    /// Security versions of processor (CPUSVN) and provisioning enclave (PCESVN),
    /// from the PCK's certificate.
    pub platform_svns: ([u8; 16], u16),
    /// Security versions of the TDX module at launch.
    pub tee_tcb_svn: [u8; 16],
    /// Those that run now; a TDX 1.0 report does not say.
    pub current_tee_tcb_svn: Option<[u8; 16]>,
    /// The TDX module.
    pub mr_seam: [u8; 48],
    /// Attributes of the TD.
    pub td_attributes: TdAttributes,
    /// Processor features the TD may use.
    pub xfam: u64,
    /// Bound service TDs; a TDX 1.0 report has none.
    pub mr_service_td: Option<[u8; 48]>,
    /// The TD instance; only an extended report says.
    pub td_id: Option<[u8; 32]>,
    /// Owner the host named.
    pub mr_owner: [u8; 48],
    /// Configuration of that owner.
    pub mr_owner_config: [u8; 48],
    /// Launch measurement.
    pub mr_td: [u8; 48],
    /// RTMR0 to RTMR3.
    pub rtmrs: [[u8; 48]; 4],
    /// Digest of the init data.
    pub mr_config_id: [u8; 48],
    /// What the guest asked to be signed.
    pub report_data: [u8; 64],
}

impl Claims {
    pub(super) fn new(expected: &Expected, quote: &Quote, origin: &Origin, tcb: Tcb) -> Self {
        let pck = &origin.claims.platform.pck;
        Self {
            class: expected.root.class(),
            quote_version: quote.version(),
            report_kind: quote.kind(),
            tcb_status: tcb.status,
            advisories: tcb.advisories,
            evaluation_number: origin.claims.tcb.eval_data_number,
            collateral_until: Timestamp::from_secs(origin.claims.earliest_expiration_date),
            fmspc: pck.fmspc,
            platform_svns: (pck.cpu_svn, pck.pce_svn),
            tee_tcb_svn: quote.tee_tcb_svn(),
            current_tee_tcb_svn: quote.current_tee_tcb_svn(),
            mr_seam: quote.mr_seam(),
            td_attributes: quote.td_attributes(),
            xfam: quote.xfam(),
            mr_service_td: quote.mr_service_td(),
            td_id: quote.td_id(),
            mr_owner: quote.mr_owner(),
            mr_owner_config: quote.mr_owner_config(),
            mr_td: quote.mr_td(),
            rtmrs: quote.rtmrs(),
            mr_config_id: quote.mr_config_id(),
            report_data: quote.report_data(),
        }
    }
}
