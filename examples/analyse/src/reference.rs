//! Our figures of a real table against those of other programs.
//!
//! The vectors were computed with Python 3: fields read with `csv.DictReader`; mean and standard deviation in
//! exact rational arithmetic (`fractions.Fraction`, the root with 40 digits of `decimal`), equal to
//! `statistics.mean` and `statistics.stdev`; quantiles with numpy 2.4.6, `numpy.quantile(x, p,
//! method="linear")`; r in exact rational arithmetic, equal to `numpy.corrcoef` within 2 in 10^16.

use std::collections::BTreeMap;

use crate::correlation::pairs;
use crate::figures::Figures;
use crate::table::{Table, Values};

/// Column, mean, standard deviation, min, quantiles, max.
type Vector = (&'static str, f64, f64, f64, [f64; 5], f64);

const VECTORS: [Vector; 4] = [
    (
        "radius_mean",
        14.127_291_739_894_552,
        3.524_048_826_212_077_5,
        6.981,
        [9.5292, 11.7, 13.37, 15.78, 20.576],
        28.11,
    ),
    (
        "area_worst",
        880.583_128_295_254_8,
        569.356_992_669_949,
        185.2,
        [331.06, 515.3, 686.5, 1084.0, 2009.6],
        4254.0,
    ),
    (
        "concavity_mean",
        0.088_799_315_817_223_2,
        0.079_719_808_707_893_48,
        0.0,
        [0.004_982_6, 0.029_56, 0.061_54, 0.1307, 0.243_02],
        0.4268,
    ),
    (
        "fractal_dimension_se",
        0.003_794_903_866_432_337_4,
        0.002_646_070_967_089_195,
        0.000_894_8,
        [0.001_521_6, 0.002_248, 0.003_187, 0.004_558, 0.007_959_8],
        0.029_84,
    ),
];

const R: [(&str, &str, f64); 3] = [
    ("radius_mean", "perimeter_mean", 0.997_855_281_493_810_9),
    ("radius_worst", "perimeter_worst", 0.993_707_916_102_951),
    (
        "radius_mean",
        "fractal_dimension_mean",
        -0.311_630_826_309_290_2,
    ),
];

fn numbers() -> BTreeMap<String, Vec<f64>> {
    let bytes = include_bytes!("../data/breast-cancer-wisconsin.csv");
    let table = Table::read(bytes, b',').unwrap();
    assert_eq!((table.rows, table.columns.len()), (569, 31));
    let columns = table
        .columns
        .into_iter()
        .filter_map(|column| match column.values {
            Values::Numbers(values) => Some((column.name, values)),
            Values::None | Values::Text { .. } => None,
        });
    columns.collect()
}

fn assert_close(what: &str, ours: f64, reference: f64) {
    assert!(
        (ours - reference).abs() <= 1e-14 * reference.abs(),
        "{what}: {ours} is not {reference}"
    );
}

#[test]
fn figures_of_a_real_table_are_those_of_exact_arithmetic() {
    let numbers = numbers();
    assert_eq!(numbers.len(), 30);
    for (name, mean, deviation, min, quantiles, max) in VECTORS {
        let figures = Figures::of(&numbers[name]).unwrap();
        assert_close(name, figures.moments.mean(), mean);
        assert_close(name, figures.moments.deviation().unwrap(), deviation);
        assert_close(name, figures.min, min);
        assert_close(name, figures.max, max);
        for (ours, reference) in figures.quantiles.into_iter().zip(quantiles) {
            assert_close(name, ours, reference);
        }
    }
}

#[test]
fn correlations_of_a_real_table_are_those_of_exact_arithmetic() {
    let mut numbers = numbers();
    for column in numbers.values_mut() {
        assert!(Figures::of(column).unwrap().moments.standardise(column));
    }
    for (first, second, reference) in R {
        let pairs = pairs(&[Some(&numbers[first]), Some(&numbers[second])], |_| ());
        assert_eq!(pairs[0].rows, 569);
        assert_close(first, pairs[0].r.unwrap(), reference);
    }
}
