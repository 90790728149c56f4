//! Products with weights of four or eight bits that share a scale by blocks.
//!
//! The other side is rounded to 15 bits and a scale for each block, so that the products are those of integers: its error, about
//! 2^-16 of the greatest of a block, is far below what the weights lost, and the sums are exact.

use super::lanes::{I16x8, I32x4};
use crate::kernels::simd::F32x4;

/// Weights that are widened at once: blocks are whole numbers of them.
pub const UNIT: usize = 16;

/// Rows that are multiplied with a row of weights at once.
const TILE: usize = 4;

/// A row of numbers rounded by blocks, in units of which the even elements come before the odd ones where `splits`.
pub struct Coarse {
    values: Vec<i16>,
    /// The scale of each block, and with it the sum of its values.
    scales: Vec<(f32, f32)>,
}

impl Coarse {
    /// Rounds rows of `depth` numbers, each padded to `blocks` blocks.
    pub fn round(rows: &[f32], depth: usize, blocks: usize, block: usize, weights: &Packed) -> Coarse {
        let count = rows.len() / depth.max(1);
        let mut coarse = Coarse { values: Vec::new(), scales: Vec::with_capacity(count * blocks) };
        coarse.values.resize(count * blocks * block, 0);
        // Sums of a block's products stay within int32.
        let greatest_weight = if weights.has_nibbles { 15.0 } else { 255.0 };
        let range = (2e9 / (greatest_weight * block as f32)).floor().min(32767.0);
        let targets = coarse.values.chunks_exact_mut((blocks * block).max(1));
        for (row, target) in rows.chunks_exact(depth.max(1)).zip(targets) {
            for (values, target) in row.chunks(block).zip(target.chunks_exact_mut(block)) {
                let greatest = values.iter().fold(0f32, |greatest, value| greatest.max(value.abs()));
                // Infinity and NaN make the sum neither a number nor 0.
                let poison = values.iter().fold(0f32, |sum, value| sum + value * 0.0);
                let factor = if greatest > 0.0 { range / greatest } else { 0.0 };
                let mut sum = 0i32;
                for (value, target) in values.iter().zip(target.iter_mut()) {
                    *target = (value * factor).round_ties_even() as i16;
                    sum += i32::from(*target);
                }
                if weights.has_nibbles {
                    target.as_chunks_mut::<UNIT>().0.iter_mut().for_each(split_parity);
                }
                let scale = greatest / range + poison;
                coarse.scales.push((scale, scale * sum as f32));
            }
        }
        coarse
    }
}

fn split_parity(unit: &mut [i16; UNIT]) {
    let from = *unit;
    let (even, odd) = unit.split_at_mut(UNIT / 2);
    for ((even, odd), pair) in even.iter_mut().zip(odd).zip(from.as_chunks::<2>().0) {
        [*even, *odd] = *pair;
    }
}

/// Rows of weights, as many bytes each.
#[derive(Clone, Copy)]
pub struct Packed<'a> {
    /// One row after another; two weights a byte, the lower four bits first, or one.
    pub values: &'a [u8],
    /// Whether there are two weights a byte.
    pub has_nibbles: bool,
    /// The scale of each block of each row.
    pub scales: &'a [f32],
    /// The zero point of each block of each row, or one for all.
    pub zeros: &'a [f32],
    /// Weights of a block.
    pub block: usize,
    /// Blocks of a row.
    pub blocks: usize,
}

/// Multiplies rows with rows of weights: `out` has one row of `stride` for each row, and is filled from `first` on with as many
/// as there are rows of weights.
pub fn multiply_packed(rows: &Coarse, weights: &Packed, out: &mut [f32], stride: usize, first: usize) {
    let depth = weights.blocks * weights.block;
    let bytes = if weights.has_nibbles { depth / 2 } else { depth };
    if depth == 0 || stride == 0 || !weights.block.is_multiple_of(UNIT) {
        return;
    }
    let scales = weights.scales.chunks_exact(weights.blocks);
    for (index, (values, scales)) in weights.values.chunks_exact(bytes).zip(scales).enumerate() {
        let own = index * weights.blocks..(index + 1) * weights.blocks;
        let zeros = weights.zeros.get(own).unwrap_or(weights.zeros);
        let weights = Packed { values, scales, zeros, ..*weights };
        let tiles = rows.values.chunks(TILE * depth).zip(rows.scales.chunks(TILE * weights.blocks));
        for ((values, scales), out) in tiles.zip(out.chunks_mut(TILE * stride)) {
            let sums = match (values.len() / depth, weights.has_nibbles) {
                (4, true) => multiply_row::<4, true>(values, scales, &weights),
                (4, false) => multiply_row::<4, false>(values, scales, &weights),
                (_, true) => multiply_each::<true>(values, scales, &weights),
                (_, false) => multiply_each::<false>(values, scales, &weights),
            };
            for (out, sum) in out.chunks_mut(stride).zip(sums) {
                out.iter_mut().skip(first + index).take(1).for_each(|out| *out = sum);
            }
        }
    }
}

/// Fewer rows than a tile has, one by one.
fn multiply_each<const NIBBLES: bool>(rows: &[i16], scales: &[(f32, f32)], weights: &Packed) -> [f32; TILE] {
    let mut sums = [0.0; TILE];
    let rows = rows.chunks_exact(weights.blocks * weights.block).zip(scales.chunks_exact(weights.blocks));
    for (sum, (row, scales)) in sums.iter_mut().zip(rows) {
        let [own] = multiply_row::<1, NIBBLES>(row, scales, weights);
        *sum = own;
    }
    sums
}

/// Some rows times one row of weights.
fn multiply_row<const ROWS: usize, const NIBBLES: bool>(
    rows: &[i16],
    row_scales: &[(f32, f32)],
    weights: &Packed,
) -> [f32; ROWS] {
    let depth = weights.blocks * weights.block;
    let bytes = if NIBBLES { depth / 2 } else { depth };
    if rows.len() != ROWS * depth || row_scales.len() != ROWS * weights.blocks || weights.values.len() != bytes {
        return [0.0; ROWS];
    }
    let mut totals = [F32x4::splat(0.0); ROWS];
    let mut offsets = [0f32; ROWS];
    let (rows, values) = (rows.as_ptr(), weights.values.as_ptr());
    for (index, &scale) in weights.scales.iter().enumerate().take(weights.blocks) {
        let zero = weights.zeros.get(index).or(weights.zeros.first()).copied().unwrap_or_default();
        let mut sums = [I32x4::zero(); ROWS];
        for k in (index * weights.block..(index + 1) * weights.block).step_by(UNIT) {
            // SAFETY: `k + UNIT <= depth`, the length of each row and of the weights.
            unsafe {
                let (left, right) = if NIBBLES {
                    I16x8::widen_unsigned(values.add(k / 2)).split_nibbles()
                } else {
                    (I16x8::widen_unsigned(values.add(k)), I16x8::widen_unsigned(values.add(k + UNIT / 2)))
                };
                for (row, sum) in sums.iter_mut().enumerate() {
                    let from = rows.add(row * depth + k);
                    let products = I16x8::load(from).dot(left).add(I16x8::load(from.add(UNIT / 2)).dot(right));
                    *sum = sum.add(products);
                }
            }
        }
        let scales = row_scales.iter().skip(index).step_by(weights.blocks);
        for (((total, offset), sum), (row_scale, row_sum)) in totals.iter_mut().zip(&mut offsets).zip(sums).zip(scales)
        {
            *total = sum.to_floats().mul_add(F32x4::splat(scale * row_scale), *total);
            *offset += scale * zero * row_sum;
        }
    }
    let mut out = [0.0; ROWS];
    for ((out, total), offset) in out.iter_mut().zip(totals).zip(offsets) {
        let [a, b, c, d] = total.to_array();
        *out = (a + b) + (c + d) - offset;
    }
    out
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn products_are_those_of_the_unpacked_weights() {
        for (has_nibbles, rows, count, block, depth) in [
            (true, 1, 3, 16, 40),
            (true, 5, 2, 32, 64),
            (false, 4, 3, 16, 16),
            (false, 7, 1, 64, 65),
            (true, 2, 2, 256, 300),
        ] {
            let blocks = usize::div_ceil(depth, block);
            let mut state = 7u32;
            let mut next = || {
                state = state.wrapping_mul(1664525).wrapping_add(1013904223);
                (state >> 8) as f32 / (1 << 24) as f32
            };
            let per_byte = if has_nibbles { 2 } else { 1 };
            let values: Vec<u8> = (0..count * blocks * block / per_byte).map(|_| (next() * 256.0) as u8).collect();
            let scales: Vec<f32> = (0..count * blocks).map(|_| next()).collect();
            let zeros: Vec<f32> = (0..count * blocks).map(|_| (next() * 15.0).floor()).collect();
            let left: Vec<f32> = (0..rows * depth).map(|_| next() - 0.4).collect();
            let packed = Packed { values: &values, has_nibbles, scales: &scales, zeros: &zeros, block, blocks };
            let mut out = vec![0.0; rows * count];
            multiply_packed(&Coarse::round(&left, depth, blocks, block, &packed), &packed, &mut out, count, 0);
            for row in 0..rows {
                for column in 0..count {
                    let weight = |k: usize| {
                        let at = column * blocks * block + k;
                        let byte = values[at / per_byte];
                        let level = if has_nibbles { byte >> (k % 2 * 4) & 15 } else { byte };
                        let index = column * blocks + k / block;
                        f64::from((f32::from(level) - zeros[index]) * scales[index])
                    };
                    let products = || (0..depth).map(|k| f64::from(left[row * depth + k]) * weight(k));
                    let (expected, size) = (products().sum::<f64>(), products().map(f64::abs).sum::<f64>());
                    let actual = f64::from(out[row * count + column]);
                    assert!((actual - expected).abs() <= 3e-5 * size, "{actual} for {expected}");
                }
            }
        }
    }

    #[test]
    fn nan_and_infinity_do_not_get_lost() {
        let packed =
            Packed { values: &[0x99; 8], has_nibbles: true, scales: &[1.0], zeros: &[8.0], block: 16, blocks: 1 };
        for bad in [f32::NAN, f32::INFINITY] {
            let mut out = [0.0];
            multiply_packed(&Coarse::round(&[1.0, bad], 2, 1, 16, &packed), &packed, &mut out, 1, 0);
            assert!(out[0].is_nan());
        }
    }
}
