//! Many numbers to one: sums, products, extremes.

use super::lanes::Lanes;
use super::simd::F32x4;

/// How numbers become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Their sum.
    Sum,
    /// The sum of their sizes without sign.
    SumAbs,
    /// The sum of their squares.
    SumSquare,
    /// Their product.
    Product,
    /// The largest; NaN where there is one.
    Max,
    /// The smallest; NaN where there is one.
    Min,
    /// The logarithm of the sum of their exponentials.
    LogSumExp,
}

impl Fold {
    /// How results of parts become the whole result.
    pub fn of_parts(self) -> Fold {
        match self {
            Fold::SumAbs | Fold::SumSquare => Fold::Sum,
            other => other,
        }
    }

    #[inline(always)]
    fn step<L: Lanes>(self, sum: L, x: L) -> L {
        match self {
            Fold::Sum | Fold::LogSumExp => sum.add(x),
            Fold::SumAbs => sum.add(x.abs()),
            Fold::SumSquare => sum.add(x.mul(x)),
            Fold::Product => sum.mul(x),
            Fold::Max => sum.max(x),
            Fold::Min => sum.min(x),
        }
    }
}

/// Folds the middle axis of `[outer, n, inner]` float32 into `out`, `[outer, inner]`, which holds what the fold of nothing is.
pub fn fold_f32(fold: Fold, x: &[f32], n: usize, inner: usize, out: &mut [f32]) {
    // A loop of its own for each: the choice is made once.
    match fold {
        Fold::Sum => fold_axis::<F32x4>(x, n, inner, out, |a, x| a.add(x), Fold::Sum),
        Fold::SumAbs => fold_axis::<F32x4>(x, n, inner, out, |a, x| Fold::SumAbs.step(a, x), Fold::Sum),
        Fold::SumSquare => fold_axis::<F32x4>(x, n, inner, out, |a, x| x.mul_add(x, a), Fold::Sum),
        Fold::Product => fold_axis::<F32x4>(x, n, inner, out, |a, x| a.mul(x), Fold::Product),
        Fold::Max => fold_axis::<F32x4>(x, n, inner, out, |a, x| a.max(x), Fold::Max),
        Fold::Min => fold_axis::<F32x4>(x, n, inner, out, |a, x| a.min(x), Fold::Min),
        Fold::LogSumExp => fold_log_sum_exp::<F32x4>(x, n, inner, out),
    }
}

/// Like [`fold_f32`], for other numbers.
pub fn fold_one<L: Lanes>(fold: Fold, x: &[L::Item], n: usize, inner: usize, out: &mut [L::Item]) {
    match fold {
        Fold::LogSumExp => fold_log_sum_exp::<L>(x, n, inner, out),
        _ => fold_axis::<L>(x, n, inner, out, |a, x| fold.step(a, x), fold.of_parts()),
    }
}

#[inline(always)]
fn fold_axis<L: Lanes>(
    x: &[L::Item],
    n: usize,
    inner: usize,
    out: &mut [L::Item],
    step: impl Fn(L, L) -> L + Copy,
    parts: Fold,
) {
    if x.is_empty() {
        return;
    }
    if inner == 1 {
        for (row, out) in x.chunks_exact(n).zip(out) {
            *out = fold_row(row, *out, step, parts);
        }
        return;
    }
    for (slab, out) in x.chunks_exact(n * inner).zip(out.chunks_exact_mut(inner)) {
        for row in slab.chunks_exact(inner) {
            let (mut rows, mut outs) = (row.chunks_exact(L::WIDTH), out.chunks_exact_mut(L::WIDTH));
            for (row, out) in rows.by_ref().zip(outs.by_ref()) {
                step(L::read(out), L::read(row)).write(out);
            }
            for (&x, out) in rows.remainder().iter().zip(outs.into_remainder()) {
                *out = step(L::splat(*out), L::splat(x)).first();
            }
        }
    }
}

/// Folds a row onto `start`, what the fold of nothing is.
#[inline(always)]
pub fn fold_row<L: Lanes>(row: &[L::Item], start: L::Item, step: impl Fn(L, L) -> L, parts: Fold) -> L::Item {
    let mut sums = [L::splat(start); 4];
    let mut blocks = row.chunks_exact(4 * L::WIDTH);
    for block in blocks.by_ref() {
        for (sum, x) in sums.iter_mut().zip(block.chunks_exact(L::WIDTH)) {
            *sum = step(*sum, L::read(x));
        }
    }
    let mut rest = blocks.remainder().chunks_exact(L::WIDTH);
    let [mut a, b, c, d] = sums;
    for x in rest.by_ref() {
        a = step(a, L::read(x));
    }
    let combine = |a: L, b: L| parts.step(a, b);
    let mut all = L::splat(combine(combine(a, b), combine(c, d)).fold(combine));
    for &x in rest.remainder() {
        all = step(all, L::splat(x));
    }
    all.first()
}

fn fold_log_sum_exp<L: Lanes>(x: &[L::Item], n: usize, inner: usize, out: &mut [L::Item]) {
    if x.is_empty() {
        return;
    }
    let mut sums = vec![L::item(0.0); inner];
    for (slab, out) in x.chunks_exact(n * inner).zip(out.chunks_exact_mut(inner)) {
        fold_axis::<L>(slab, n, inner, out, |a, x| a.max(x), Fold::Max);
        sums.fill(L::item(0.0));
        if let ([sum], [largest]) = (sums.as_mut_slice(), &*out) {
            let largest = L::splat(*largest);
            *sum = fold_row::<L>(slab, L::item(0.0), |sum, x| sum.add(x.sub(largest).exp()), Fold::Sum);
        } else {
            for row in slab.chunks_exact(inner) {
                for ((&x, &largest), sum) in row.iter().zip(&*out).zip(&mut sums) {
                    *sum = L::splat(*sum).add(L::splat(x).sub(L::splat(largest)).exp()).first();
                }
            }
        }
        for (out, &sum) in out.iter_mut().zip(&sums) {
            let largest = L::to_f64(*out);
            // Where the largest is infinite, so is the result, and the differences to it mean nothing.
            if largest.is_finite() {
                *out = L::item(largest + L::to_f64(sum).ln());
            }
        }
    }
}

/// Where the best of each row along the middle axis of `[outer, n, inner]` stands, by `is_better(candidate, best)`.
pub fn find_best<T: Copy>(x: &[T], n: usize, inner: usize, out: &mut [i64], is_better: impl Fn(T, T) -> bool + Copy) {
    if x.is_empty() {
        return;
    }
    let mut best: Vec<T> = Vec::with_capacity(inner);
    for (slab, out) in x.chunks_exact(n * inner).zip(out.chunks_exact_mut(inner)) {
        let mut rows = slab.chunks_exact(inner);
        best.clear();
        best.extend(rows.next().into_iter().flatten());
        for (index, row) in rows.enumerate() {
            for ((&x, best), out) in row.iter().zip(&mut best).zip(out.iter_mut()) {
                if is_better(x, *best) {
                    (*best, *out) = (x, index as i64 + 1);
                }
            }
        }
    }
}

/// Where the first of the largest of each row of `n` stands.
pub fn find_largest(x: &[f32], n: usize, out: &mut [i64]) {
    if n == 0 {
        return;
    }
    for (row, out) in x.chunks_exact(n).zip(out) {
        let largest = fold_row::<F32x4>(row, f32::NEG_INFINITY, |a, x| a.max(x), Fold::Max);
        match row.iter().position(|&x| x == largest) {
            Some(index) => *out = index as i64,
            // There is a NaN.
            None => find_best(row, n, 1, std::slice::from_mut(out), |x, best| x > best),
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::kernels::lanes::One;

    #[test]
    fn lanes_agree_with_one_by_one() {
        let folds = [Fold::Sum, Fold::SumAbs, Fold::SumSquare, Fold::Product, Fold::Max, Fold::Min, Fold::LogSumExp];
        for (outer, n, inner) in [(1, 1, 1), (2, 37, 1), (3, 5, 7), (2, 16, 4), (1, 3, 19), (2, 0, 3), (1, 70, 2)] {
            let x: Vec<f32> = (0..outer * n * inner).map(|i| ((i * 37 % 23) as f32 - 11.0) / 9.0).collect();
            let wide: Vec<f64> = x.iter().map(|&x| f64::from(x)).collect();
            for fold in folds {
                let start = match fold {
                    Fold::Product => 1.0,
                    Fold::Max | Fold::LogSumExp => f32::NEG_INFINITY,
                    Fold::Min => f32::INFINITY,
                    _ => 0.0,
                };
                let mut actual = vec![start; outer * inner];
                let mut expected = vec![f64::from(start); outer * inner];
                fold_f32(fold, &x, n, inner, &mut actual);
                fold_one::<One<f64>>(fold, &wide, n, inner, &mut expected);
                for (a, e) in actual.iter().zip(&expected) {
                    let same = f64::from(*a) == *e || (f64::from(*a) - e).abs() <= 1e-5 * (1.0 + e.abs());
                    assert!(same, "{fold:?} of {outer} {n} {inner}: {a} for {e}");
                }
            }
        }
    }

    #[test]
    fn nan_stays() {
        for at in [0, 5, 18, 19] {
            let mut x = vec![1f32; 20];
            x[at] = f32::NAN;
            for fold in [Fold::Max, Fold::Min, Fold::Sum, Fold::LogSumExp] {
                let mut out = [if fold == Fold::Min { f32::INFINITY } else { f32::NEG_INFINITY }];
                fold_f32(fold, &x, 20, 1, &mut out);
                assert!(out[0].is_nan(), "{fold:?} at {at}");
            }
        }
    }
}
