//! Figures beside their peers: a table for people and `target/bench/NAME.json` for
//! programs. A bench is no test: it fails when it cannot measure, never because a
//! figure is bad.

use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;

/// One figure. Names are stable: programs compare them between releases.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// The median, where several were measured.
    pub value: f64,
    /// Of `value`, `peer_value` and `goal`.
    pub unit: &'static str,
    /// What it is compared with, measured in the same run; empty for none.
    pub peer: &'static str,
    /// The peer's figure.
    pub peer_value: Option<f64>,
    /// What we want.
    pub goal: Option<Goal>,
}

/// A bound.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// At most.
    Max(f64),
    /// At least.
    Min(f64),
}

impl Figure {
    /// A figure without peer and goal.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            value,
            unit,
            peer: "",
            peer_value: None,
            goal: None,
        }
    }

    /// Beside this peer.
    #[must_use]
    pub fn beside(mut self, peer: &'static str, value: f64) -> Self {
        self.peer = peer;
        self.peer_value = Some(value);
        self
    }

    /// With a goal.
    #[must_use]
    pub fn goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    fn row(&self) -> String {
        let goal = match self.goal {
            None => String::new(),
            Some(Goal::Max(max)) if self.value <= max => format!("at most {max}: met"),
            Some(Goal::Max(max)) => format!("at most {max}: MISSED"),
            Some(Goal::Min(min)) if self.value >= min => format!("at least {min}: met"),
            Some(Goal::Min(min)) => format!("at least {min}: MISSED"),
        };
        let peer = self.peer_value.map_or_else(String::new, |value| {
            format!("{value:.2} {} ({})", self.unit, self.peer)
        });
        let value = format!("{:.2} {}", self.value, self.unit);
        format!("{:<44} {value:>14}  {goal:<20} {peer}", self.name)
            .trim_end()
            .to_owned()
    }
}

/// Prints the table and writes the file.
pub fn report(root: &Path, name: &str, heading: &str, figures: &[Figure]) -> anyhow::Result<()> {
    println!("\n{heading}");
    for figure in figures {
        println!("  {}", figure.row());
    }
    let dir = root.join("target/bench");
    std::fs::create_dir_all(&dir)?;
    let path = dir.join(format!("{name}.json"));
    let json = serde_json::to_string_pretty(figures)?;
    std::fs::write(&path, json + "\n")
        .with_context(|| format!("failed to write {}", path.display()))?;
    println!("  written to target/bench/{name}.json");
    Ok(())
}

/// The middle one of several measurements; of none, not a number.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.as_slice() {
        [] => f64::NAN,
        _ if sorted.len() % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}
