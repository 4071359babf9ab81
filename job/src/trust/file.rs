//! The trust file as it is written: TOML with unknown fields refused, read into
//! a [`Trust`].

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use evidence::{
    Generation, ListAge, Revocation, Root, RootClass, RootError, Tcb, TcbFloor, UnknownBitError,
    built_in_roots,
};
use serde::Deserialize;

use super::snp::{self, SnpForm, SnpRules};
use super::{Agent, Entry, Guest, Simulated, Trust, tdx};
use crate::{Digest, ImageRef, Timestamp};

/// Longest trust file we read.
const MAX_LEN: usize = 1024 * 1024;

/// Why there is no trust; the text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Too long.
    #[error("the trust file has {0} bytes and may have {MAX_LEN}")]
    TooLong(usize),
    /// Not TOML of this form.
    #[error("failed to read the trust file: {0}")]
    Form(String),
    /// Another version.
    #[error("the trust file has version {0}, and this program knows version 1")]
    Version(i64),
    /// A root or list that cannot be used.
    #[error("failed to read the {0} root")]
    Root(Generation, #[source] RootError),
    /// Not base64.
    #[error("{0} is not base64 of DER")]
    Base64(&'static str),
    /// A simulated root without the flag.
    #[error(
        "the trust file has a SIMULATED root: evidence under it protects nothing. \
         Use a trust file for real hardware, or, for development only, start with \
         --accept-simulated-evidence-nothing-is-confidential"
    )]
    SimulatedRoot,
    /// A vendor's root that is not the vendor's.
    #[error(
        "the {0} root is called the vendor's, and is not the one compiled in; a root of your own is `class = \"simulated\"`"
    )]
    NotTheVendors(Generation),
    /// A list or an intermediate for a root that is not there.
    #[error("there is a revocation list or an intermediate for {0}, and no root")]
    WithoutRoot(Generation),
    /// Two roots of one generation.
    #[error("there are two {0} roots: evidence cannot say which it means; keep one")]
    TwoRoots(Generation),
    /// An entry nobody can trace.
    #[error("an entry has an empty source: say where it comes from")]
    NoSource,
    /// A measurement that is none.
    #[error("the measurement of the guest {0:?} is not 96 hex digits")]
    Measurement(String),
    /// The digest of a policy that is none.
    #[error("the policy's sha256 {0:?} is not 64 hex digits")]
    Policy(String),
    /// A name of `[snp] unknown_bits` that names none.
    #[error("[snp] unknown_bits: {0}")]
    UnknownBit(#[from] UnknownBitError),
    /// A name of `[snp] mitigations` that names none.
    #[error("[snp] mitigations: {0:?}: {1}")]
    Mitigation(String, &'static str),
    /// A register of a TDX guest that is none.
    #[error(
        "{1} of the TDX guest {0:?} is wrong: mr_td is 96 hex digits, rtmrs are four times as many, \
         or the word \"any\" in place of one"
    )]
    Register(String, &'static str),
    /// An advisory that is none.
    #[error("{0:?} is not the name of one of Intel's advisories, such as INTEL-SA-01103")]
    Advisory(String),
    /// A date without time zone, or before 1970.
    #[error("{0} is not a date with a time in UTC, such as 2026-11-20T00:00:00Z")]
    Date(String),
}

impl Trust {
    /// Reads a trust file.
    ///
    /// # Errors
    /// When it is not of this form, when a root in it is not what it says, or
    /// when it has a simulated root and `simulated` refuses those.
    pub fn parse(text: &str, simulated: Simulated) -> Result<Self, TrustError> {
        if text.len() > MAX_LEN {
            return Err(TrustError::TooLong(text.len()));
        }
        let file: File =
            toml::from_str(text).map_err(|error| TrustError::Form(error.to_string()))?;
        if file.version != 1 {
            return Err(TrustError::Version(file.version));
        }
        let roots = roots(file.roots, file.vlek_intermediates, file.revocation_lists)?;
        if simulated == Simulated::Refused
            && roots
                .iter()
                .any(|root| root.class() == RootClass::Simulated)
        {
            return Err(TrustError::SimulatedRoot);
        }
        Ok(Self {
            roots,
            revocation: Revocation::Checked(list_age(file.revocation_max_age_days)),
            snp: file.snp.map_or(Ok(SnpRules::ANY), snp::rules)?,
            tcb_floors: collect(file.tcb_floors, |form| {
                let TcbFloorForm {
                    generation,
                    lowest,
                    source,
                    from,
                    until,
                } = form;
                Entry::new(TcbFloor { generation, lowest }, &source, &from, &until)
            })?,
            guests: collect(file.guests, |form| {
                let GuestForm {
                    name,
                    vcpus,
                    measurement: text,
                    source,
                    from,
                    until,
                } = form;
                let mut measurement = [0; 48];
                if hex::decode_to_slice(&text, &mut measurement).is_err() {
                    return Err(TrustError::Measurement(name));
                }
                let guest = Guest {
                    name,
                    vcpus,
                    measurement,
                };
                Entry::new(guest, &source, &from, &until)
            })?,
            policies: collect(file.policies, |form| {
                let PolicyForm {
                    sha256,
                    source,
                    from,
                    until,
                } = form;
                // Whoever writes it by hand may copy it from where it is in upper case.
                let digest = sha256.to_ascii_lowercase().parse();
                let digest: Digest = digest.map_err(|_| TrustError::Policy(sha256))?;
                Entry::new(digest, &source, &from, &until)
            })?,
            agents: collect(file.agents, |form| {
                let AgentForm {
                    name,
                    image,
                    source,
                    from,
                    until,
                } = form;
                Entry::new(Agent { name, image }, &source, &from, &until)
            })?,
            tdx: file.tdx.map(tdx::rules).transpose()?,
            tdx_guests: collect(file.tdx_guests, tdx::guest)?,
        })
    }
}

fn list_age(days: Option<u32>) -> ListAge {
    days.map_or(ListAge::UntilReplaced, |days| ListAge::AtMost {
        secs: u64::from(days) * 86_400,
    })
}

impl<T> Entry<T> {
    pub(super) fn new(
        value: T,
        source: &str,
        from: &toml::value::Datetime,
        until: &toml::value::Datetime,
    ) -> Result<Self, TrustError> {
        if source.trim().is_empty() {
            return Err(TrustError::NoSource);
        }
        Ok(Self {
            value,
            from: date(from)?,
            until: date(until)?,
        })
    }
}

fn roots(
    forms: Vec<RootForm>,
    intermediates: Vec<IntermediateForm>,
    lists: Vec<ListForm>,
) -> Result<Vec<Root>, TrustError> {
    let mut roots: Vec<Root> = if forms.is_empty() {
        built_in_roots()
    } else {
        forms.into_iter().map(root).collect::<Result<_, _>>()?
    };
    for generation in Generation::ALL {
        let of_generation = roots.iter().filter(|root| root.generation() == generation);
        if of_generation.count() > 1 {
            return Err(TrustError::TwoRoots(generation));
        }
    }
    for form in intermediates {
        let IntermediateForm {
            generation,
            asvk,
            source,
        } = form;
        add(&mut roots, generation, &source, &asvk, Root::with_asvk)?;
    }
    for form in lists {
        let ListForm {
            generation,
            list,
            source,
        } = form;
        let with = Root::with_revocation_list;
        add(&mut roots, generation, &source, &list, with)?;
    }
    Ok(roots)
}

/// Gives the root of `generation` what belongs to it: `text` is base64 of DER.
fn add(
    roots: &mut Vec<Root>,
    generation: Generation,
    source: &str,
    text: &str,
    with: impl FnOnce(Root, &[u8]) -> Result<Root, RootError>,
) -> Result<(), TrustError> {
    if source.trim().is_empty() {
        return Err(TrustError::NoSource);
    }
    let at = roots
        .iter()
        .position(|root| root.generation() == generation)
        .ok_or(TrustError::WithoutRoot(generation))?;
    let der = decode("what belongs to a root", text)?;
    let root = with(roots.swap_remove(at), &der);
    roots.push(root.map_err(|error| TrustError::Root(generation, error))?);
    Ok(())
}

fn root(form: RootForm) -> Result<Root, TrustError> {
    let RootForm {
        class,
        generation,
        ark,
        ask,
        source,
    } = form;
    if source.trim().is_empty() {
        return Err(TrustError::NoSource);
    }
    let (ark, ask) = (decode("ark", &ark)?, decode("ask", &ask)?);
    match class {
        ClassForm::Simulated => Root::simulated(generation, &ark, &ask)
            .map_err(|error| TrustError::Root(generation, error)),
        // The vendor's roots are compiled in: a file may choose among them.
        ClassForm::Vendor => built_in_roots()
            .into_iter()
            .find(|root| {
                root.generation() == generation
                    && root.ark().der() == ark
                    && root.ask().der() == ask
            })
            .ok_or(TrustError::NotTheVendors(generation)),
    }
}

/// Base64, in as many lines as `base64` writes.
fn decode(name: &'static str, text: &str) -> Result<Vec<u8>, TrustError> {
    let text: String = text.split_ascii_whitespace().collect();
    BASE64.decode(text).map_err(|_| TrustError::Base64(name))
}

fn collect<F, T>(
    forms: Vec<F>,
    entry: impl Fn(F) -> Result<Entry<T>, TrustError>,
) -> Result<Vec<Entry<T>>, TrustError> {
    forms.into_iter().map(entry).collect()
}

/// Unix seconds of a TOML date with time in UTC.
fn date(date: &toml::value::Datetime) -> Result<Timestamp, TrustError> {
    let wrong = || TrustError::Date(date.to_string());
    let (Some(day), Some(time)) = (date.date, date.time) else {
        return Err(wrong());
    };
    // `Z` and `+00:00` are the same time (RFC 3339, 4).
    let utc = match date.offset {
        Some(toml::value::Offset::Z) => true,
        Some(toml::value::Offset::Custom { minutes }) => minutes == 0,
        None => false,
    };
    if !utc || day.year < 1970 {
        return Err(wrong());
    }
    let day = Timestamp::from_date(day.year, day.month, day.day);
    let second = u64::from(time.second.unwrap_or_default());
    Ok(day.plus(u64::from(time.hour) * 3600 + u64::from(time.minute) * 60 + second))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: i64,
    /// Left out: a list is good until the vendor's own date.
    revocation_max_age_days: Option<u32>,
    /// Empty: the vendor's, compiled in.
    #[serde(default)]
    roots: Vec<RootForm>,
    /// The vendor's intermediates for providers' keys (ASVK): without one,
    /// evidence signed by a VLEK is refused.
    #[serde(default)]
    vlek_intermediates: Vec<IntermediateForm>,
    #[serde(default)]
    revocation_lists: Vec<ListForm>,
    /// Left out: nothing is demanded beyond what every job needs.
    snp: Option<SnpForm>,
    #[serde(default)]
    tcb_floors: Vec<TcbFloorForm>,
    #[serde(default)]
    guests: Vec<GuestForm>,
    #[serde(default)]
    policies: Vec<PolicyForm>,
    #[serde(default)]
    agents: Vec<AgentForm>,
    /// Left out: every quote of TDX is refused.
    tdx: Option<tdx::RulesForm>,
    #[serde(default)]
    tdx_guests: Vec<tdx::GuestForm>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum ClassForm {
    Vendor,
    Simulated,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RootForm {
    class: ClassForm,
    generation: Generation,
    ark: String,
    ask: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct IntermediateForm {
    generation: Generation,
    asvk: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListForm {
    generation: Generation,
    list: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TcbFloorForm {
    generation: Generation,
    lowest: Tcb,
    source: String,
    from: toml::value::Datetime,
    until: toml::value::Datetime,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GuestForm {
    name: String,
    vcpus: u32,
    measurement: String,
    source: String,
    from: toml::value::Datetime,
    until: toml::value::Datetime,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyForm {
    sha256: String,
    source: String,
    from: toml::value::Datetime,
    until: toml::value::Datetime,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentForm {
    name: String,
    image: ImageRef,
    source: String,
    from: toml::value::Datetime,
    until: toml::value::Datetime,
}
