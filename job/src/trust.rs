//! The trust file: what a verifier takes for true, each entry with its source
//! and the time it is accepted. Nothing in it is a guess: what nobody computed
//! is absent, and what is absent is refused.

mod file;
mod guests;
mod mitigations;
mod size;
mod snp;
mod tdx;
#[cfg(test)]
mod tests;

use evidence::{
    Accept, Check, Expected, Flag, Generation, Revocation, RevocationList, Root, RootClass,
    TcbFloor,
};

use crate::{Digest, ImageRef, Manifest, ReportData, Timestamp};
pub use file::TrustError;
use guests::Known;
pub use size::Size;
use snp::SnpRules;
pub use tdx::{TdxGuest, TdxRules, TdxStatus};

/// Whether evidence made without hardware may be accepted at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simulated {
    /// A file with a simulated root is refused as a whole.
    Refused,
    /// Accepted, and called "simulated" wherever it shows. Only behind
    /// `--accept-simulated-evidence-nothing-is-confidential`.
    Accepted,
}

/// What a verifier takes for true.
#[derive(Clone, Debug)]
pub struct Trust {
    roots: Vec<Root>,
    revocation: Revocation,
    snp: SnpRules,
    tcb_floors: Vec<Entry<TcbFloor>>,
    guests: Vec<Entry<Guest>>,
    policies: Vec<Entry<Digest>>,
    agents: Vec<Entry<Agent>>,
    tdx: Option<Entry<TdxRules>>,
    tdx_guests: Vec<Entry<TdxGuest>>,
}

/// A value with the time it is accepted.
#[derive(Clone, Debug)]
struct Entry<T> {
    value: T,
    from: Timestamp,
    until: Timestamp,
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

impl Trust {
    /// What ships with the program: the vendor's roots and this version's policy
    /// text. No guest, no TCB floor and no agent: nobody computed one yet.
    ///
    /// # Errors
    /// Never in a released program: a test reads it.
    pub fn built_in() -> Result<Self, TrustError> {
        Self::parse(include_str!("../trust.toml"), Simulated::Refused)
    }

    /// This file's entries, and behind them those of `other`. Roots, revocation
    /// lists and their age, and the rules for SEV-SNP and TDX stay this file's: they
    /// are replaced, never mixed.
    #[must_use]
    pub fn with_entries_of(mut self, other: Self) -> Self {
        let Self {
            roots: _,
            revocation: _,
            snp: _,
            tcb_floors,
            guests,
            policies,
            agents,
            tdx: _,
            tdx_guests,
        } = other;
        self.tcb_floors.extend(tcb_floors);
        self.guests.extend(guests);
        self.policies.extend(policies);
        self.agents.extend(agents);
        self.tdx_guests.extend(tdx_guests);
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
        let platform = &self.snp.platform;
        Expected {
            roots: self.roots.clone(),
            revocation: self.revocation,
            tcb_floors: current(self.tcb_floors.iter(), now).copied().collect(),
            mitigations: self.snp.mitigations,
            unknown_bits: self.snp.unknown_bits.clone(),
            measurement: Accept::OneOf(measurements.collect()),
            host_data: *host_data.as_bytes(),
            report_data,
            // The guest components ask from the most privileged level.
            vmpl: 0,
            debug: Flag::Off,
            migration: Flag::Off,
            // Kata's guest policy (0x30000) allows SMT and any socket, and what it
            // does not demand, a platform may still have: `[snp]` asks for that.
            smt_allowed: Flag::Any,
            single_socket: Flag::Any,
            cxl_allowed: Flag::Any,
            aes_256_xts: Flag::Any,
            rapl_off: Flag::Any,
            ciphertext_hiding: Flag::Any,
            page_swap_disabled: Flag::Any,
            abi_minimum: (0, 0),
            platform_smt: platform.smt,
            platform_tsme: platform.tsme,
            platform_ecc: platform.ecc,
            platform_rapl_disabled: platform.rapl_disabled,
            platform_ciphertext_hiding: platform.ciphertext_hiding,
            platform_alias_check: platform.alias_check,
            platform_iommu_write_safe: platform.iommu_write_safe,
            platform_tio: platform.tio,
            // Who signs an ID block vouches for a measurement; ours are listed.
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

    /// Says in the check of the guest image, for people, which release it is; where
    /// it is none that counts at `now`, which entries come nearest.
    pub fn name_guest(&self, checks: &mut [Check], size: Size, now: Timestamp) {
        let known = self.guests.iter().map(|entry| Known {
            name: &entry.value.name,
            vcpus: entry.value.vcpus,
            measurement: entry.value.measurement,
            from: entry.from,
            until: entry.until,
        });
        guests::explain(checks, known.collect(), size, now);
    }

    /// What a quote of TDX is held against at `now`; without it, it is refused.
    pub fn tdx(&self, now: Timestamp) -> Option<&TdxRules> {
        current(self.tdx.iter(), now).next()
    }

    /// The guests of TDX that are accepted at `now`.
    pub fn tdx_guests(&self, now: Timestamp) -> impl Iterator<Item = &TdxGuest> {
        current(self.tdx_guests.iter(), now)
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
