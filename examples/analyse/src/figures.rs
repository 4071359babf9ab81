//! The figures of one column of numbers. No table, no text: numbers in, numbers out.

/// The quantiles of a report, in per cent.
pub(crate) const QUANTILES: [usize; 5] = [5, 25, 50, 75, 95];

/// What describes a column.
#[derive(Debug)]
pub(crate) struct Figures {
    /// Smallest value.
    pub(crate) min: f64,
    /// Largest value.
    pub(crate) max: f64,
    /// See [`QUANTILES`].
    pub(crate) quantiles: [f64; 5],
    /// Mean and deviation.
    pub(crate) moments: Moments,
}

/// Mean and standard deviation, kept as multiples of a power of two near the largest value: so squares of
/// very large and very small values neither overflow nor vanish, and no digit is lost.
#[derive(Debug)]
pub(crate) struct Moments {
    scale: f64,
    mean: f64,
    deviation: Option<f64>,
}

impl Figures {
    /// Describes the values that are present. `None` when there are none.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted: Vec<f64> = values
            .iter()
            .copied()
            .filter(|value| !value.is_nan())
            .collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        Some(Self {
            min,
            max,
            quantiles: QUANTILES.map(|percent| quantile(&sorted, percent)),
            moments: Moments::of(&sorted),
        })
    }
}

impl Moments {
    /// Two passes over values that hold no NaN, relative to the first of them: equal values have exactly that
    /// mean and exactly no deviation.
    fn of(values: &[f64]) -> Self {
        let largest = values
            .iter()
            .fold(0.0, |largest: f64, value| largest.max(value.abs()));
        let scale = power_of_two_below(largest);
        let count = real(values.len());
        let origin = values.first().map_or(0.0, |first| first / scale);
        let offset = values
            .iter()
            .map(|value| value / scale - origin)
            .sum::<f64>()
            / count;
        let (mut squares, mut rest) = (0.0, 0.0);
        for value in values {
            let distance = value / scale - origin - offset;
            squares += distance * distance;
            rest += distance;
        }
        // `rest` would be 0 without rounding; taking its square off undoes the rounding of the mean.
        let variance = (squares - rest * rest / count).max(0.0) / (count - 1.0);
        Self {
            scale,
            mean: origin + offset,
            deviation: (values.len() > 1).then(|| variance.sqrt()),
        }
    }

    /// The arithmetic mean.
    pub(crate) fn mean(&self) -> f64 {
        self.mean * self.scale
    }

    /// The standard deviation of a sample: its squares are divided by n - 1. One value has none.
    pub(crate) fn deviation(&self) -> Option<f64> {
        self.deviation.map(|deviation| deviation * self.scale)
    }

    /// Turns values into distances from the mean in standard deviations. `false`, and nothing done, when they
    /// do not vary.
    pub(crate) fn standardise(&self, values: &mut [f64]) -> bool {
        let Some(deviation) = self.deviation.filter(|&deviation| deviation > 0.0) else {
            return false;
        };
        for value in values {
            *value = (*value / self.scale - self.mean) / deviation;
        }
        true
    }
}

/// The quantile of type 7 (Hyndman and Fan), as in R, numpy and spreadsheets: the value at place 1 + (n - 1)
/// p of the sorted values, linear between neighbours.
fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let place = sorted.len().saturating_sub(1) * percent;
    let at = |index: usize| sorted.get(index).copied();
    let low = at(place / 100).unwrap_or(f64::NAN);
    let high = at(place / 100 + 1).unwrap_or(low);
    low + (high - low) * (real(place % 100) / 100.0)
}

/// The sign and fraction of a number taken away; at least the smallest normal number.
fn power_of_two_below(number: f64) -> f64 {
    const EXPONENT: u64 = 0x7ff0_0000_0000_0000;
    f64::from_bits(number.to_bits() & EXPONENT).max(f64::MIN_POSITIVE)
}

/// A count as a number.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of cells are below 2^25 (shape::MAX_CELLS), exact up to 2^53"
)]
pub(crate) fn real(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::Figures;

    fn figures(values: &[f64]) -> Figures {
        Figures::of(values).unwrap()
    }

    /// Equal up to 1 in 10^13.
    fn assert_close(ours: f64, reference: f64) {
        assert!(
            (ours - reference).abs() <= reference.abs() * 1e-13,
            "{ours} is not {reference}"
        );
    }

    #[test]
    fn gaps_do_not_count() {
        let figures = figures(&[f64::NAN, 2.0, 4.0, f64::NAN, 9.0]);
        assert_eq!(
            [figures.min, figures.max, figures.moments.mean()].map(f64::to_bits),
            [2.0, 9.0, 5.0].map(f64::to_bits)
        );
        assert!(Figures::of(&[f64::NAN]).is_none());
    }

    #[test]
    fn a_quantile_lies_linearly_between_its_neighbours() {
        // R: quantile(c(1, 2, 4, 8), c(.05, .25, .5, .75, .95)), type 7 by default.
        let figures = figures(&[8.0, 1.0, 4.0, 2.0]);
        for (ours, reference) in figures
            .quantiles
            .into_iter()
            .zip([1.15, 1.75, 3.0, 5.0, 7.4])
        {
            assert_close(ours, reference);
        }
    }

    #[test]
    fn one_value_has_no_deviation_and_equal_values_have_none_left() {
        assert_eq!(figures(&[3.7]).moments.deviation(), None);
        let mut same = [0.1; 1000];
        let figures = figures(&same);
        assert_eq!(figures.moments.mean().to_bits(), 0.1_f64.to_bits());
        assert_eq!(figures.moments.deviation().map(f64::to_bits), Some(0));
        assert!(!figures.moments.standardise(&mut same));
    }

    #[test]
    fn a_small_spread_on_a_large_value_is_not_lost() {
        // NIST StRD "NumAcc4" in small: sample deviation exactly 0.1 around 10,000,000.2.
        let values: Vec<f64> = std::iter::once(10_000_000.2)
            .chain([10_000_000.1, 10_000_000.3].into_iter().cycle().take(1000))
            .collect();
        let moments = figures(&values).moments;
        assert_close(moments.mean(), 10_000_000.2);
        assert!((moments.deviation().unwrap() - 0.1).abs() < 1e-9);
    }

    #[test]
    fn very_large_and_very_small_values_keep_their_deviation() {
        for scale in [1e300, 1e-300, 1.0] {
            let moments = figures(&[scale, 2.0 * scale, 3.0 * scale]).moments;
            assert_close(moments.mean() / scale, 2.0);
            assert_close(moments.deviation().unwrap() / scale, 1.0);
        }
        assert_eq!(figures(&[0.0, 0.0]).moments.deviation(), Some(0.0));
    }
}
