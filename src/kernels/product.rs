//! Matrix products.

use super::lanes::Lanes;

/// `a`, `[m, k]`, times `b`, `[k, n]`, into `out`, `[m, n]`.
pub fn product<L: Lanes>(k: usize, n: usize, a: &[L::Item], b: &[L::Item], out: &mut [L::Item]) {
    out.fill(L::item(0.0));
    if k == 0 || n == 0 {
        return;
    }
    let (mut rows, mut outs) = (a.chunks_exact(4 * k), out.chunks_exact_mut(4 * n));
    for (rows, outs) in rows.by_ref().zip(outs.by_ref()) {
        multiply_four::<L>(k, n, rows, b, outs);
    }
    for (row, out) in rows.remainder().chunks_exact(k).zip(outs.into_remainder().chunks_exact_mut(n)) {
        for (&a, b) in row.iter().zip(b.chunks_exact(n)) {
            add_scaled::<L>(out, b, a);
        }
    }
}

#[inline(always)]
fn add_scaled<L: Lanes>(out: &mut [L::Item], b: &[L::Item], factor: L::Item) {
    let factor = L::splat(factor);
    super::lanes::map_pairs::<L>(out, b, |out, b| out.add(b.mul(factor)));
}

/// Four rows of the product, by tiles of two times the lanes that stay in registers.
fn multiply_four<L: Lanes>(k: usize, n: usize, a: &[L::Item], b: &[L::Item], out: &mut [L::Item]) {
    let mut rows = a.chunks_exact(k);
    let (Some(a0), Some(a1), Some(a2), Some(a3)) = (rows.next(), rows.next(), rows.next(), rows.next()) else { return };
    let step = 2 * L::WIDTH;
    let tiled = n - n % step;
    for column in (0..tiled).step_by(step) {
        let mut sums = [[L::splat(L::item(0.0)); 2]; 4];
        for ((((b, &a0), &a1), &a2), &a3) in b.chunks_exact(n).zip(a0).zip(a1).zip(a2).zip(a3) {
            let Some(b) = b.get(column..column + step) else { return };
            let (low, high) = b.split_at(L::WIDTH);
            let (low, high) = (L::read(low), L::read(high));
            for (sums, a) in sums.iter_mut().zip([a0, a1, a2, a3]) {
                let a = L::splat(a);
                *sums = [sums[0].add(a.mul(low)), sums[1].add(a.mul(high))];
            }
        }
        for (sums, out) in sums.into_iter().zip(out.chunks_exact_mut(n)) {
            let Some(out) = out.get_mut(column..column + step) else { return };
            let (low, high) = out.split_at_mut(L::WIDTH);
            sums[0].write(low);
            sums[1].write(high);
        }
    }
    for (a, out) in a.chunks_exact(k).zip(out.chunks_exact_mut(n)) {
        let Some(out) = out.get_mut(tiled..) else { return };
        for (&a, b) in a.iter().zip(b.chunks_exact(n)) {
            add_scaled::<L>(out, b.get(tiled..).unwrap_or_default(), a);
        }
    }
}

/// `a`, `[m, k]`, times `b`, `[n, k]`, transposed, into `out`, `[m, n]`: for few rows.
pub fn product_transposed<L: Lanes>(k: usize, n: usize, a: &[L::Item], b: &[L::Item], out: &mut [L::Item]) {
    out.fill(L::item(0.0));
    if k == 0 || n == 0 {
        return;
    }
    for (a, out) in a.chunks_exact(k).zip(out.chunks_exact_mut(n)) {
        for (b, out) in b.chunks_exact(k).zip(out) {
            *out = dot::<L>(a, b);
        }
    }
}

/// The sum of the products of two rows.
pub fn dot<L: Lanes>(a: &[L::Item], b: &[L::Item]) -> L::Item {
    let mut sums = [L::splat(L::item(0.0)); 2];
    let (mut blocks, mut others) = (a.chunks_exact(2 * L::WIDTH), b.chunks_exact(2 * L::WIDTH));
    for (a, b) in blocks.by_ref().zip(others.by_ref()) {
        let ((a0, a1), (b0, b1)) = (a.split_at(L::WIDTH), b.split_at(L::WIDTH));
        sums = [sums[0].add(L::read(a0).mul(L::read(b0))), sums[1].add(L::read(a1).mul(L::read(b1)))];
    }
    let mut sum = L::splat(sums[0].add(sums[1]).fold(L::add));
    for (&a, &b) in blocks.remainder().iter().zip(others.remainder()) {
        sum = sum.add(L::splat(a).mul(L::splat(b)));
    }
    sum.first()
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::kernels::lanes::One;
    use crate::kernels::simd::F32x4;

    #[test]
    fn products_agree_with_the_definition() {
        for (m, k, n) in [(1, 1, 1), (4, 3, 8), (5, 7, 9), (9, 64, 17), (3, 0, 2), (0, 2, 2), (4, 2, 0), (8, 5, 16)] {
            let a: Vec<f32> = (0..m * k).map(|i| (i * 7 % 11) as f32 - 5.0).collect();
            let b: Vec<f32> = (0..k * n).map(|i| (i * 5 % 13) as f32 - 6.0).collect();
            let transposed: Vec<f32> = (0..n * k).map(|i| b[i % k * n + i / k]).collect();
            let expected: Vec<f32> =
                (0..m * n).map(|i| (0..k).map(|p| a[i / n * k + p] * b[p * n + i % n]).sum()).collect();
            let mut out = vec![f32::NAN; m * n];
            product::<F32x4>(k, n, &a, &b, &mut out);
            assert_eq!(out, expected, "{m} {k} {n}");
            product_transposed::<F32x4>(k, n, &a, &transposed, &mut out);
            assert_eq!(out, expected, "{m} {k} {n}");
            let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
            let mut out = vec![f64::NAN; m * n];
            product::<One<f64>>(k, n, &wide(&a), &wide(&b), &mut out);
            assert_eq!(out, wide(&expected), "{m} {k} {n}");
        }
    }
}
