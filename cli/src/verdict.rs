//! A verdict for people: some forty checks as the eight things they mean. Pure;
//! what decides stands in `job::accept`, and nothing is decided here.

mod groups;

use evidence::{Generation, Report, Root, RootClass};
use job::{Check, PublicKey, Trust};

/// What was found about one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The key it wants the data sealed to; nothing for a report alone.
    pub(crate) key: Option<PublicKey>,
    /// What vouches for it.
    pub(crate) mark: Mark,
    /// Every check in order; the last one of a refusal failed.
    pub(crate) checks: Vec<Check>,
    /// Whether it is the machine that was ordered.
    pub(crate) finding: Finding,
}

/// Whether hardware vouches for a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The vendor's roots.
    Hardware,
    /// A simulated root, and nothing is confidential: every line says so.
    Simulated,
    /// Refused before a root was found, and some roots of the trust file are
    /// simulated: every line says so, too.
    Either,
}

/// Accepted, or why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It is the machine that was ordered.
    Accepted,
    /// It is not.
    Refused {
        /// What it means.
        meaning: String,
        /// What to do.
        advice: String,
        /// Where the expected value stands; may be empty.
        source: String,
    },
}

impl Finding {
    /// Evidence alone is refused: what it means, and what to do.
    pub(crate) fn refused(meaning: &str, advice: &str) -> Self {
        Self::Refused {
            meaning: meaning.to_owned(),
            advice: advice.to_owned(),
            source: String::new(),
        }
    }
}

impl Mark {
    /// By whether nothing is confidential.
    pub(crate) const fn of(simulated: bool) -> Self {
        if simulated {
            Self::Simulated
        } else {
            Self::Hardware
        }
    }

    /// Of a report that was refused by these checks: that of the root it was held
    /// against; before there was one, that of all roots that count.
    pub(crate) fn of_refused(report: &[u8], checks: &[Check], trust: &Trust) -> Self {
        let class = |root: &Root| root.class() == RootClass::Simulated;
        // What names the root is the processor, if it came to that.
        let reached = checks.iter().any(|check| check.name == "processor");
        let report = reached.then(|| Report::parse(report).ok()).flatten();
        let cpuid = report.and_then(|report| report.cpuid());
        let generation = cpuid.and_then(|(family, model)| Generation::from_cpuid(family, model));
        if let Some(root) = generation.and_then(|generation| trust.root(generation)) {
            return Self::of(class(root));
        }
        let roots = Generation::ALL.iter().filter_map(|of| trust.root(*of));
        let simulated: Vec<bool> = roots.map(class).collect();
        match (simulated.contains(&true), simulated.contains(&false)) {
            (true, true) => Self::Either,
            (simulated, _) => Self::of(simulated),
        }
    }

    /// What every line about simulated evidence starts with.
    pub(crate) const fn prefix(self) -> &'static str {
        match self {
            Self::Hardware => "",
            Self::Simulated | Self::Either => "simulated · ",
        }
    }

    /// Whether nothing is confidential, or might not be.
    pub(crate) const fn is_simulated(self) -> bool {
        match self {
            Self::Hardware => false,
            Self::Simulated | Self::Either => true,
        }
    }
}

/// The verdict in a few lines.
pub(crate) fn summary(verdict: &Verdict) -> Vec<String> {
    match &verdict.finding {
        Finding::Accepted => groups::lines(verdict),
        Finding::Refused { source, .. } => failed(verdict, source),
    }
}

/// The verdict with every check.
pub(crate) fn in_full(verdict: &Verdict) -> Vec<String> {
    let prefix = verdict.mark.prefix();
    let passed = |check: &Check| format!("  ✓ {prefix}{check}");
    match (&verdict.finding, verdict.checks.split_last()) {
        (Finding::Refused { source, .. }, Some((_, before))) => {
            let mut lines: Vec<String> = before.iter().map(passed).collect();
            lines.extend(failed(verdict, source));
            lines
        }
        (Finding::Accepted | Finding::Refused { .. }, _) => {
            verdict.checks.iter().map(passed).collect()
        }
    }
}

/// The check that failed: what had to be, what was seen.
fn failed(verdict: &Verdict, source: &str) -> Vec<String> {
    let Some(Check {
        name,
        expected,
        seen,
    }) = verdict.checks.last()
    else {
        return Vec::new();
    };
    let name = format!("{}{name}", verdict.mark.prefix());
    let source = if source.is_empty() {
        String::new()
    } else {
        format!("  ({source})")
    };
    let width = name.chars().count().max(15);
    vec![
        format!("  ✗ {name:<width$} expected {expected}{source}"),
        format!("    {:<width$} seen     {seen}", ""),
    ]
}

#[cfg(test)]
pub(crate) mod tests;
