//! The trust file: what a verifier takes for true, each entry with its source
//! and the time it is accepted. Nothing in it is a guess: what nobody computed
//! is absent, and what is absent is refused.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use evidence::{
    Accept, Expected, Flag, Generation, Mitigations, Revocation, RevocationList, Root, RootClass,
    RootError, Tcb, TcbFloor, built_in_roots,
};
use serde::Deserialize;

use crate::{Digest, ImageRef, Manifest, ReportData, Timestamp};

/// Longest trust file we read.
const MAX_LEN: usize = 1024 * 1024;

/// Whether evidence made without hardware may be accepted at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simulated {
    /// A file with a simulated root is refused as a whole.
    Refused,
    /// Accepted, and called "simulated" wherever it shows. Only behind
    /// `--accept-simulated-evidence-nothing-is-confidential`.
    Accepted,
}

/// Which guests of a trust file count: its measurements go by number of vCPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// Those with so many.
    Exactly(u32),
    /// All of them. A decision, made by name.
    Any,
}

/// What a verifier takes for true.
#[derive(Clone, Debug)]
pub struct Trust {
    roots: Vec<Root>,
    revocation: Revocation,
    tcb_floors: Vec<Entry<TcbFloor>>,
    guests: Vec<Entry<Guest>>,
    policies: Vec<Entry<Digest>>,
    agents: Vec<Entry<Agent>>,
}

/// A value with the time it is accepted.
#[derive(Clone, Debug)]
struct Entry<T> {
    value: T,
    from: Timestamp,
    until: Timestamp,
}

impl<T> Entry<T> {
    fn new(
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

#[derive(Clone, Debug)]
struct Guest {
    name: String,
    vcpus: u32,
    measurement: [u8; 48],
}

#[derive(Clone, Debug)]
struct Agent {
    name: String,
    image: ImageRef,
}

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
    /// A date without time zone, or before 1970.
    #[error("{0} is not a date with a time in UTC, such as 2026-11-20T00:00:00Z")]
    Date(String),
}

impl Trust {
    /// What ships with the program: the vendor's roots and this version's policy
    /// text. No guest, no TCB floor and no agent: nobody computed one yet.
    ///
    /// # Errors
    /// Never in a released program: a test reads it.
    pub fn built_in() -> Result<Self, TrustError> {
        Self::parse(include_str!("../trust.toml"), Simulated::Refused)
    }

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
            revocation: Revocation::Checked {
                max_age_secs: u64::from(file.revocation_max_age_days) * 86_400,
            },
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
                Entry::new(sha256, &source, &from, &until)
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
        })
    }

    /// This file's entries, and behind them those of `other`. Roots, revocation
    /// lists and their age stay this file's: they are replaced, never mixed.
    #[must_use]
    pub fn with_entries_of(mut self, other: Self) -> Self {
        let Self {
            roots: _,
            revocation: _,
            tcb_floors,
            guests,
            policies,
            agents,
        } = other;
        self.tcb_floors.extend(tcb_floors);
        self.guests.extend(guests);
        self.policies.extend(policies);
        self.agents.extend(agents);
        self
    }

    /// Whether evidence made without hardware can pass.
    pub fn accepts_simulated(&self) -> bool {
        self.roots
            .iter()
            .any(|root| root.class() == RootClass::Simulated)
    }

    /// The root that evidence of this generation is checked under.
    pub fn root(&self, generation: Generation) -> Option<&Root> {
        let mut roots = self.roots.iter();
        roots.find(|root| root.generation() == generation)
    }

    /// What is done about revocation lists; nothing but the trust file decides it.
    pub const fn revocation(&self) -> Revocation {
        self.revocation
    }

    /// This trust with the revocation list `der` in place of an older one, or of
    /// none. A list that is not newer than the one that is there changes nothing:
    /// who brings lists cannot bring back the past.
    ///
    /// # Errors
    /// When there is no root of this generation, or it did not sign the list.
    pub fn with_revocation_list(
        mut self,
        generation: Generation,
        der: &[u8],
    ) -> Result<Self, TrustError> {
        let at = self
            .roots
            .iter()
            .position(|root| root.generation() == generation);
        let Some(at) = at else {
            return Err(TrustError::WithoutRoot(generation));
        };
        let made_at = |root: &Root| root.revocation_list().map(RevocationList::made_at);
        let root = self.roots.swap_remove(at);
        let with = root.clone().with_revocation_list(der);
        let with = with.map_err(|error| TrustError::Root(generation, error))?;
        let newer = made_at(&with) > made_at(&root);
        self.roots.push(if newer { with } else { root });
        Ok(self)
    }

    /// This trust with the intermediate for providers' keys (ASVK) `der`. One that
    /// is there already stays: what a trust file brings is never replaced.
    ///
    /// # Errors
    /// When there is no root of this generation, or it did not sign the intermediate.
    pub fn with_vlek_intermediate(
        mut self,
        generation: Generation,
        der: &[u8],
    ) -> Result<Self, TrustError> {
        let mut roots = self.roots.iter_mut();
        let root = roots.find(|root| root.generation() == generation);
        let root = root.ok_or(TrustError::WithoutRoot(generation))?;
        let with = root.clone().with_asvk(der);
        let with = with.map_err(|error| TrustError::Root(generation, error))?;
        if root.asvk().is_none() {
            *root = with;
        }
        Ok(self)
    }

    /// What the evidence of a guest with this manifest must say at `now`.
    pub(crate) fn expected(
        &self,
        manifest: &Manifest,
        host_data: Digest,
        report_data: ReportData,
        now: Timestamp,
    ) -> Expected {
        let size = Size::Exactly(manifest.terms().resources.vcpus);
        self.expected_of_machine(size, host_data, *report_data.as_bytes(), now)
    }

    /// What the evidence of any guest this file knows must say at `now`, of
    /// whatever job. Who has an order asks [`crate::accept`] instead.
    pub fn expected_of_machine(
        &self,
        size: Size,
        host_data: Digest,
        report_data: [u8; 64],
        now: Timestamp,
    ) -> Expected {
        let of_size = self.guests.iter().filter(|guest| match size {
            Size::Exactly(vcpus) => guest.value.vcpus == vcpus,
            Size::Any => true,
        });
        let measurements = current(of_size, now).map(|guest| guest.measurement);
        Expected {
            roots: self.roots.clone(),
            revocation: self.revocation,
            tcb_floors: current(self.tcb_floors.iter(), now).copied().collect(),
            // The vendor's bulletins name bits as they come; the TCB floor covers them.
            mitigations: Mitigations::Any,
            measurement: Accept::OneOf(measurements.collect()),
            host_data: *host_data.as_bytes(),
            report_data,
            // The guest components ask from the most privileged level.
            vmpl: 0,
            debug: Flag::Off,
            migration: Flag::Off,
            // Kata's guest policy (0x30000) allows SMT and any socket; what the
            // platform adds is its own affair as long as the TCB is right.
            smt_allowed: Flag::Any,
            single_socket: Flag::Any,
            cxl_allowed: Flag::Any,
            aes_256_xts: Flag::Any,
            rapl_off: Flag::Any,
            ciphertext_hiding: Flag::Any,
            page_swap_disabled: Flag::Any,
            abi_minimum: (0, 0),
            platform_smt: Flag::Any,
            platform_tsme: Flag::Any,
            platform_ecc: Flag::Any,
            platform_rapl_disabled: Flag::Any,
            platform_ciphertext_hiding: Flag::Any,
            platform_alias_check: Flag::Any,
            platform_tio: Flag::Any,
            // Kata starts guests without an ID block: these are zero.
            guest_svn_minimum: 0,
            family_id: Accept::Any,
            image_id: Accept::Any,
            id_key_digest: Accept::Any,
            author_key_digest: Accept::Any,
            report_id: Accept::Any,
            report_id_ma: Accept::Any,
            chip_id: Accept::Any,
        }
    }

    /// Name of the guest release with this measurement, for people.
    pub fn guest_name(&self, measurement: &[u8; 48]) -> Option<&str> {
        let mut guests = self.guests.iter().map(|entry| &entry.value);
        let guest = guests.find(|guest| guest.measurement == *measurement)?;
        Some(&guest.name)
    }

    /// Name of the agent release, when its image is accepted at `now`.
    pub(crate) fn agent_name(&self, image: &ImageRef, now: Timestamp) -> Option<&str> {
        let agent = current(self.agents.iter(), now).find(|agent| agent.image == *image)?;
        Some(&agent.name)
    }

    /// Whether the policy text with this digest is accepted at `now`.
    pub(crate) fn accepts_policy(&self, digest: Digest, now: Timestamp) -> bool {
        current(self.policies.iter(), now).any(|policy| *policy == digest)
    }
}

fn current<'t, T: 't>(
    entries: impl Iterator<Item = &'t Entry<T>>,
    now: Timestamp,
) -> impl Iterator<Item = &'t T> {
    entries
        .filter(move |entry| entry.from <= now && now <= entry.until)
        .map(|entry| &entry.value)
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

fn decode(name: &'static str, text: &str) -> Result<Vec<u8>, TrustError> {
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
    if date.offset != Some(toml::value::Offset::Z) || day.year < 1970 {
        return Err(wrong());
    }
    // Days from civil date, after Howard Hinnant's chrono algorithms: years
    // start in March, eras have 400 years.
    let (year, month) = (u64::from(day.year), u64::from(day.month));
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year / 400, year % 400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5 + u64::from(day.day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    let second = u64::from(time.second.unwrap_or_default());
    let seconds = u64::from(time.hour) * 3600 + u64::from(time.minute) * 60 + second;
    Ok(Timestamp::from_secs(days * 86_400 + seconds))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: i64,
    revocation_max_age_days: u32,
    /// Empty: the vendor's, compiled in.
    #[serde(default)]
    roots: Vec<RootForm>,
    /// The vendor's intermediates for providers' keys (ASVK): without one,
    /// evidence signed by a VLEK is refused.
    #[serde(default)]
    vlek_intermediates: Vec<IntermediateForm>,
    #[serde(default)]
    revocation_lists: Vec<ListForm>,
    #[serde(default)]
    tcb_floors: Vec<TcbFloorForm>,
    #[serde(default)]
    guests: Vec<GuestForm>,
    #[serde(default)]
    policies: Vec<PolicyForm>,
    #[serde(default)]
    agents: Vec<AgentForm>,
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
    sha256: Digest,
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

#[cfg(test)]
mod tests;
