//! What the trust file says of Intel TDX, as plain data: who verifies quotes
//! makes an expectation of it. A file without `[tdx]` accepts no quote.

use evidence::Accept;
use serde::Deserialize;

use super::{Entry, TrustError};

/// What Intel's collateral has to say of a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdxRules {
    /// Seconds since a part of the collateral was made, at most.
    pub collateral_max_age_secs: u64,
    /// The lowest status of the TCB.
    pub lowest_status: TdxStatus,
    /// Intel's advisories that may apply (`INTEL-SA-01103`), and no others.
    pub advisories: Vec<String>,
    /// The lowest number of Intel's TCB evaluation (`tcbEvaluationDataNumber`).
    pub evaluation_minimum: u32,
}

/// Intel's word on a TCB. That a level is revoked is no status here: nothing
/// accepts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum TdxStatus {
    /// Nothing is missing.
    UpToDate,
    /// Software in the guest must defend itself.
    #[serde(rename = "SWHardeningNeeded")]
    SwHardeningNeeded,
    /// Configuration of the platform is missing.
    ConfigurationNeeded,
    /// Both of these are missing.
    #[serde(rename = "ConfigurationAndSWHardeningNeeded")]
    ConfigurationAndSwHardeningNeeded,
    /// The guest was launched before an update that is there now.
    #[serde(rename = "TDRelaunchAdvised")]
    TdRelaunchAdvised,
    /// As before, and configuration of the platform is missing.
    #[serde(rename = "TDRelaunchAdvisedConfigurationNeeded")]
    TdRelaunchAdvisedConfigurationNeeded,
    /// Updates are missing.
    OutOfDate,
    /// Updates and configuration are missing.
    OutOfDateConfigurationNeeded,
}

/// A guest release. Its registers belong together: those of two releases are not
/// mixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TdxGuest {
    /// For people.
    pub name: String,
    /// MRTD: the firmware.
    pub mr_td: [u8; 48],
    /// RTMR0 to RTMR3: the firmware's configuration, the kernel, command line and
    /// initial file system, and what the guest's programs extend.
    pub rtmrs: [Accept<[u8; 48]>; 4],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RulesForm {
    collateral_max_age_days: u32,
    lowest_status: TdxStatus,
    advisories: Vec<String>,
    evaluation_minimum: u32,
    source: String,
    from: toml::value::Datetime,
    until: toml::value::Datetime,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GuestForm {
    name: String,
    mr_td: String,
    /// Four; as an array, serde would drop a fifth without a word.
    rtmrs: Vec<String>,
    source: String,
    from: toml::value::Datetime,
    until: toml::value::Datetime,
}

pub(super) fn rules(form: RulesForm) -> Result<Entry<TdxRules>, TrustError> {
    let RulesForm {
        collateral_max_age_days,
        lowest_status,
        advisories,
        evaluation_minimum,
        source,
        from,
        until,
    } = form;
    if let Some(wrong) = advisories.iter().find(|name| !is_advisory(name)) {
        return Err(TrustError::Advisory(wrong.clone()));
    }
    let rules = TdxRules {
        collateral_max_age_secs: u64::from(collateral_max_age_days) * 86_400,
        lowest_status,
        advisories,
        evaluation_minimum,
    };
    Entry::new(rules, &source, &from, &until)
}

pub(super) fn guest(form: GuestForm) -> Result<Entry<TdxGuest>, TrustError> {
    let GuestForm {
        name,
        mr_td,
        rtmrs,
        source,
        from,
        until,
    } = form;
    let Some(mr_td) = digest(&mr_td) else {
        return Err(TrustError::Register(name, "mr_td"));
    };
    let register = |text: String| match text.as_str() {
        "any" => Some(Accept::Any),
        text => digest(text).map(Accept::Exactly),
    };
    let registers: Option<Vec<_>> = rtmrs.into_iter().map(register).collect();
    let Some(Ok(rtmrs)) = registers.map(<[_; 4]>::try_from) else {
        return Err(TrustError::Register(name, "rtmrs"));
    };
    let guest = TdxGuest { name, mr_td, rtmrs };
    Entry::new(guest, &source, &from, &until)
}

/// A name that could never fit is a slip of the pen, and not a stricter rule.
fn is_advisory(name: &str) -> bool {
    let number = name.strip_prefix("INTEL-SA-");
    number.is_some_and(|number| {
        number.len() == 5 && number.bytes().all(|digit| digit.is_ascii_digit())
    })
}

fn digest(text: &str) -> Option<[u8; 48]> {
    let mut digest = [0; 48];
    hex::decode_to_slice(text, &mut digest).ok()?;
    Some(digest)
}
