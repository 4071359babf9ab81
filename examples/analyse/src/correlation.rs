//! How columns of numbers move together: Pearson's r of every pair, over the rows in which both have a value.

use crate::figures::real;

/// Two rows always lie on a line, so r of fewer than three says nothing.
const MIN_ROWS: usize = 3;

/// Two columns, by their place in the list that was correlated, the first smaller than the second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pair {
    /// The first column.
    pub(crate) first: usize,
    /// The second column.
    pub(crate) second: usize,
    /// Rows in which both have a value.
    pub(crate) rows: usize,
    /// `None` when there are fewer than three such rows, or one of the columns does not vary in them.
    pub(crate) r: Option<f64>,
}

/// Every pair of columns, each given as `Moments::standardise` leaves it; `None` for a column that does not
/// vary. `done` hears how many columns are finished.
pub(crate) fn pairs(columns: &[Option<&[f64]>], mut done: impl FnMut(usize)) -> Vec<Pair> {
    let mut pairs = Vec::with_capacity(columns.len() * columns.len() / 2);
    for (first, x) in columns.iter().enumerate() {
        for (second, y) in columns.iter().enumerate().skip(first + 1) {
            let (rows, r) = x.zip(*y).map_or((0, None), |(x, y)| pearson(x, y));
            pairs.push(Pair {
                first,
                second,
                rows,
                r,
            });
        }
        done(first + 1);
    }
    pairs
}

/// Rows in common and r, in two passes: means first, then distances from them. Values are taken relative to
/// the first common row, so that columns which do not vary in the common rows have exactly no distances.
fn pearson(x: &[f64], y: &[f64]) -> (usize, Option<f64>) {
    let common = || x.iter().zip(y).filter(|(x, y)| !x.is_nan() && !y.is_nan());
    let Some((x0, y0)) = common().next() else {
        return (0, None);
    };
    let (mut rows, mut sum_x, mut sum_y) = (0, 0.0, 0.0);
    for (x, y) in common() {
        rows += 1;
        sum_x += x - x0;
        sum_y += y - y0;
    }
    if rows < MIN_ROWS {
        return (rows, None);
    }
    let (mean_x, mean_y) = (sum_x / real(rows), sum_y / real(rows));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in common() {
        let (x, y) = (x - x0 - mean_x, y - y0 - mean_y);
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    let varies = xx > 0.0 && yy > 0.0;
    // Rounding may leave the last bit beyond 1.
    (
        rows,
        varies.then(|| (xy / (xx * yy).sqrt()).clamp(-1.0, 1.0)),
    )
}

#[cfg(test)]
mod tests {
    use super::{Pair, pairs, pearson};

    /// The rows and an r up to 1 in 10^15.
    fn assert_pearson(x: &[f64], y: &[f64], rows: usize, r: f64) {
        let (ours, seen) = pearson(x, y);
        assert_eq!(ours, rows);
        assert!((seen.unwrap() - r).abs() < 1e-15, "{seen:?}");
    }

    #[test]
    fn a_line_has_r_one_and_its_mirror_minus_one() {
        let x = [1.0, 2.0, 3.0, 4.0];
        assert_pearson(&x, &x.map(|x| 10.0 + 5.0 * x), 4, 1.0);
        assert_pearson(&x, &x.map(|x| -x), 4, -1.0);
    }

    #[test]
    fn only_rows_with_both_values_count() {
        let gap = f64::NAN;
        assert_pearson(
            &[1.0, gap, 2.0, 3.0, 9.0],
            &[2.0, 5.0, 4.0, 6.0, gap],
            3,
            1.0,
        );
        assert_eq!(pearson(&[1.0, gap], &[gap, 1.0]), (0, None));
    }

    #[test]
    fn too_few_rows_or_no_variation_give_no_r() {
        assert_eq!(pearson(&[1.0, 2.0], &[1.0, 2.0]), (2, None));
        // Varies as a column, but not in the common rows.
        let x = [0.1, 0.1, 0.1, 0.1, 7.0];
        assert_eq!(pearson(&x, &[1.0, 2.0, 3.0, 4.0, f64::NAN]), (4, None));
    }

    #[test]
    fn every_pair_comes_once_and_every_column_is_reported() {
        let x = [1.0, 2.0, 4.0];
        let y = [3.0, 1.0, 3.0];
        let mut heard = Vec::new();
        let pairs = pairs(&[Some(&x), None, Some(&y)], |done| heard.push(done));
        assert_eq!(heard, [1, 2, 3]);
        let places: Vec<(usize, usize)> =
            pairs.iter().map(|pair| (pair.first, pair.second)).collect();
        assert_eq!(places, [(0, 1), (0, 2), (1, 2)]);
        assert_eq!(
            pairs[0],
            Pair {
                first: 0,
                second: 1,
                rows: 0,
                r: None
            }
        );
        assert!(matches!(
            pairs[1],
            Pair {
                rows: 3,
                r: Some(_),
                ..
            }
        ));
    }
}
