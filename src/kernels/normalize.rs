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
    let Some(bias) = bias else {
        return map_pairs::<L>(row, scale, |x, scale| x.sub(mean).mul(factor).mul(scale));
    };
    let change = |x: L, scale: L, bias: L| x.sub(mean).mul(factor).mul(scale).add(bias);
    let mut rows = row.chunks_exact_mut(L::WIDTH);
    let (mut scales, mut biases) = (scale.chunks_exact(L::WIDTH), bias.chunks_exact(L::WIDTH));
    for ((x, scale), bias) in rows.by_ref().zip(scales.by_ref()).zip(biases.by_ref()) {
        change(L::read(x), L::read(scale), L::read(bias)).write(x);
    }
    let rest = scales.remainder().iter().zip(biases.remainder());
    for (x, (&scale, &bias)) in rows.into_remainder().iter_mut().zip(rest) {
        *x = change(L::splat(*x), L::splat(scale), L::splat(bias)).first();
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::kernels::simd::F32x4;

    #[test]
    fn rows_of_any_length_are_normalised() {
        for n in [1, 3, 4, 7, 16, 37] {
            let ramp = |step: usize| (0..n).map(|i| ((i * step % 11) as f32 - 5.0) / 4.0).collect::<Vec<f32>>();
            let (x, scale, bias) = (ramp(7), ramp(3), ramp(5));
            let wide = || x.iter().map(|&x| f64::from(x));
            let mean = wide().sum::<f64>() / n as f64;
            let variance = wide().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64;
            assert!((mean_of::<F32x4>(&x) - mean).abs() < 1e-6);
            assert!((mean_square_of::<F32x4>(&x, mean) - variance).abs() < 1e-6);
            for bias in [None, Some(bias.as_slice())] {
                let mut row = x.clone();
                scale_row_by::<F32x4>(&mut row, mean, 2.0, &scale, bias);
                for i in 0..n {
                    let expected = (f64::from(x[i]) - mean) * 2.0 * f64::from(scale[i]);
                    let expected = expected + bias.map_or(0.0, |bias| f64::from(bias[i]));
                    assert!((f64::from(row[i]) - expected).abs() < 1e-5, "{i} of {n}");
                }
            }
        }
    }
}
