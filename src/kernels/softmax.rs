//! Exponentials of numbers over their sum.

use super::lanes::{Lanes, map, map_pairs};
use super::parallel;
use super::reduce::{Fold, fold_row};

/// Columns that are worked on together, so that their sums stay in the nearest cache.
const COLUMNS: usize = 64;

/// Softmax along the middle axis of `[outer, n, inner]`, or its logarithm, in place.
pub fn softmax_axis<L: Lanes>(x: &mut [L::Item], n: usize, inner: usize, is_log: bool) {
    if x.is_empty() {
        return;
    }
    let size = n * inner;
    let parts = parallel::count_parts(x.len().saturating_mul(16), x.len() / size.max(1));
    parallel::run_chunks(x, size, parts, |_, x| {
        if inner == 1 {
            x.chunks_exact_mut(n).for_each(|row| {
                softmax_row::<L>(row, is_log);
            });
            return;
        }
        for slab in x.chunks_exact_mut(size) {
            for start in (0..inner).step_by(COLUMNS) {
                softmax_columns::<L>(slab, inner, start, COLUMNS.min(inner - start), is_log);
            }
        }
    });
}

/// Softmax of a row, or its logarithm, in place, and the largest of the row as it was. NaN where all are minus infinity.
pub fn softmax_row<L: Lanes>(row: &mut [L::Item], is_log: bool) -> L::Item {
    let zero = L::item(0.0);
    let top = fold_row::<L>(row, L::item(f64::NEG_INFINITY), |a, x| a.max(x), Fold::Max);
    let largest = L::splat(top);
    if is_log {
        let sum = fold_row::<L>(row, zero, |sum, x| sum.add(x.sub(largest).exp()), Fold::Sum);
        let log = L::splat(L::item(L::to_f64(sum).ln()));
        map::<L>(row, |x| x.sub(largest).sub(log));
        return top;
    }
    map::<L>(row, |x| x.sub(largest).exp());
    let sum = fold_row::<L>(row, zero, |sum, x| sum.add(x), Fold::Sum);
    let factor = L::splat(L::item(1.0 / L::to_f64(sum)));
    map::<L>(row, |x| x.mul(factor));
    top
}

fn softmax_columns<L: Lanes>(slab: &mut [L::Item], inner: usize, start: usize, count: usize, is_log: bool) {
    let (mut largest, mut sums) = ([L::item(f64::NEG_INFINITY); COLUMNS], [L::item(0.0); COLUMNS]);
    let (Some(largest), Some(sums)) = (largest.get_mut(..count), sums.get_mut(..count)) else { return };
    let mut each_row = |change: &mut dyn FnMut(&mut [L::Item])| {
        slab.chunks_exact_mut(inner).filter_map(|row| row.get_mut(start..start + count)).for_each(change);
    };
    each_row(&mut |row| map_pairs::<L>(largest, row, |a, x| a.max(x)));
    each_row(&mut |row| {
        map_pairs::<L>(row, largest, |x, largest| x.sub(largest));
        if is_log {
            map_pairs::<L>(sums, row, |sum, x| sum.add(x.exp()));
        } else {
            map::<L>(row, L::exp);
            map_pairs::<L>(sums, row, |sum, x| sum.add(x));
        }
    });
    if is_log {
        sums.iter_mut().for_each(|sum| *sum = L::item(L::to_f64(*sum).ln()));
        each_row(&mut |row| map_pairs::<L>(row, sums, |x, log| x.sub(log)));
    } else {
        sums.iter_mut().for_each(|sum| *sum = L::item(1.0 / L::to_f64(*sum)));
        each_row(&mut |row| map_pairs::<L>(row, sums, |x, factor| x.mul(factor)));
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::kernels::lanes::One;
    use crate::kernels::simd::F32x4;

    #[test]
    fn lanes_agree_with_one_by_one() {
        for (outer, n, inner) in [(1, 1, 1), (2, 37, 1), (3, 5, 7), (1, 3, 133), (2, 0, 3), (1, 70, 2), (1, 4, 64)] {
            let x: Vec<f32> = (0..outer * n * inner).map(|i| ((i * 37 % 23) as f32 - 11.0) / 2.0).collect();
            for is_log in [false, true] {
                let (mut actual, mut expected) = (x.clone(), x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
                softmax_axis::<F32x4>(&mut actual, n, inner, is_log);
                softmax_axis::<One<f64>>(&mut expected, n, inner, is_log);
                for (a, e) in actual.iter().zip(&expected) {
                    assert!((f64::from(*a) - e).abs() <= 2e-6 * (1.0 + e.abs()), "{outer} {n} {inner}: {a} for {e}");
                }
            }
        }
    }

    #[test]
    fn masked_and_lost_numbers() {
        let mut row = [f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY, 0.0, f32::NEG_INFINITY];
        softmax_row::<F32x4>(&mut row, false);
        assert_eq!(row, [0.0, 0.5, 0.0, 0.5, 0.0]);
        for lost in [[f32::NAN, 1.0], [f32::INFINITY, 1.0], [f32::NEG_INFINITY, f32::NEG_INFINITY]] {
            let mut row = lost;
            softmax_row::<F32x4>(&mut row, false);
            assert!(row[0].is_nan(), "{lost:?}");
        }
    }
}
