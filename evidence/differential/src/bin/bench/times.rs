//! Medians of one thing over the turns, and how two things compare.

use std::hint::black_box;
use std::time::Instant;

use crate::Result;

/// Milliseconds, one per turn.
#[derive(Default)]
pub(crate) struct Times(Vec<f64>);

impl Times {
    /// Adds the median of `rounds` verifications that must succeed.
    pub(crate) fn add(&mut self, rounds: usize, verify: impl Fn() -> bool) -> Result<()> {
        let mut times = Vec::with_capacity(rounds);
        for _ in 0..rounds {
            let start = Instant::now();
            if !black_box(verify()) {
                return Err("good evidence was refused".into());
            }
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        self.push(median(times));
        Ok(())
    }

    pub(crate) fn push(&mut self, milliseconds: f64) {
        self.0.push(milliseconds);
    }

    pub(crate) fn median(&self) -> f64 {
        median(self.0.clone())
    }

    /// The median of how many times as long as `other` this took, turn by turn.
    pub(crate) fn per(&self, other: &Self) -> f64 {
        let pairs = self.0.iter().zip(&other.0);
        median(pairs.map(|(this, other)| this / other).collect())
    }
}

/// Not a number of nothing.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
