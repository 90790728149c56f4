//! Numbers moved to a mean of 0 and scaled to a variance of 1.

use super::lanes::{Lanes, map, map_pairs};
use super::reduce::{Fold, fold_row};

/// The mean of a row.
pub fn mean_of<L: Lanes>(row: &[L::Item]) -> f64 {
    let sum = fold_row::<L>(row, L::item(0.0), |sum, x| sum.add(x), Fold::Sum);
    L::to_f64(sum) / row.len() as f64
}

/// The mean square of what is left of a row without `mean`: the variance where that is the row's mean.
pub fn mean_square_of<L: Lanes>(row: &[L::Item], mean: f64) -> f64 {
    let mean = L::splat(L::item(mean));
    let square = |sum: L, x: L| {
        let rest = x.sub(mean);
        sum.add(rest.mul(rest))
    };
    L::to_f64(fold_row::<L>(row, L::item(0.0), square, Fold::Sum)) / row.len() as f64
}

/// `(x - mean) * factor + shift` in place.
pub fn scale_row<L: Lanes>(row: &mut [L::Item], mean: f64, factor: f64, shift: f64) {
    let [mean, factor, shift] = [mean, factor, shift].map(|value| L::splat(L::item(value)));
    map::<L>(row, |x| x.sub(mean).mul(factor).add(shift));
}

/// `(x - mean) * factor * scale + bias` in place, with a scale and a bias for each number.
pub fn scale_row_by<L: Lanes>(
    row: &mut [L::Item],
    mean: f64,
    factor: f64,
    scale: &[L::Item],
    bias: Option<&[L::Item]>,
) {
    let [mean, factor] = [mean, factor].map(|value| L::splat(L::item(value)));
    map_pairs::<L>(row, scale, |x, scale| x.sub(mean).mul(factor).mul(scale));
    if let Some(bias) = bias {
        map_pairs::<L>(row, bias, L::add);
    }
}
