//! Blends of values along one axis, by a table of where they come from.

use super::real::Real;
use super::simd::F32x4;

/// For each position of an axis of the output: positions of the input, and their weights.
pub struct Taps {
    input: usize,
    width: usize,
    indices: Vec<usize>,
    weights: Vec<f32>,
}

impl Taps {
    /// An empty table for an input axis of a size and `width` positions for each of the output.
    pub fn new(input: usize, width: usize) -> Taps {
        Taps { input: input.max(1), width: width.max(1), indices: Vec::new(), weights: Vec::new() }
    }

    /// Adds a position of the output: at most `width` weights for the positions from `first`. Those outside the input count
    /// for the position at its edge.
    pub fn push(&mut self, first: i64, weights: impl IntoIterator<Item = f32>) {
        let end = self.indices.len() + self.width;
        for (position, weight) in (first..).zip(weights.into_iter().take(self.width)) {
            self.indices.push(position.clamp(0, self.input as i64 - 1) as usize);
            self.weights.push(weight);
        }
        let last = self.indices.last().copied().unwrap_or(0);
        self.indices.resize(end, last);
        self.weights.resize(end, 0.0);
    }

    /// The number of positions of the output.
    pub fn output(&self) -> usize {
        self.indices.len() / self.width
    }

    /// The positions and weights for each position of the output.
    pub fn positions(&self) -> impl Iterator<Item = impl Iterator<Item = (usize, f32)> + Clone> + Clone {
        let indices = self.indices.chunks_exact(self.width);
        let weights = self.weights.chunks_exact(self.width);
        indices.zip(weights).map(|(indices, weights)| indices.iter().copied().zip(weights.iter().copied()))
    }

    /// Changes the weights of each position of the output.
    pub fn adjust_weights(&mut self, adjust: impl FnMut(&mut [f32])) {
        self.weights.chunks_exact_mut(self.width).for_each(adjust);
    }
}

/// Blends along the middle axis of values of dims `[.., taps.input(), inner]`. `into` has those of the output.
pub fn blend<T: Rows>(from: &[T], into: &mut [T], inner: usize, taps: &Taps) {
    let inner = inner.max(1);
    let blocks = from.chunks_exact(taps.input * inner).zip(into.chunks_exact_mut((taps.output() * inner).max(1)));
    for (from, into) in blocks {
        match (inner, taps.width) {
            (1, 2) => blend_pairs(from, into, taps),
            (1, _) => blend_many(from, into, taps),
            _ => {
                let row = |index: usize| from.get(index * inner..(index + 1) * inner).unwrap_or_default();
                for (into, mut position) in into.chunks_exact_mut(inner).zip(taps.positions()) {
                    let first = position.next().unwrap_or((0, 0.0));
                    let second = position.next().unwrap_or((0, 0.0));
                    T::blend(into, row(first.0), T::from(first.1), row(second.0), T::from(second.1));
                    position.for_each(|(index, weight)| T::add_row(into, row(index), T::from(weight)));
                }
            }
        }
    }
}

fn blend_pairs<T: Real>(from: &[T], into: &mut [T], taps: &Taps) {
    let Some(from) = from.get(..taps.input) else { return };
    let pairs = taps.indices.as_chunks::<2>().0.iter().zip(taps.weights.as_chunks::<2>().0);
    for (into, (&[first, second], &[weight, other])) in into.iter_mut().zip(pairs) {
        // SAFETY: indices are below `input`, as `push` clamps them.
        let (a, b) = unsafe { (*from.get_unchecked(first), *from.get_unchecked(second)) };
        *into = a * T::from(weight) + b * T::from(other);
    }
}

fn blend_many<T: Real>(from: &[T], into: &mut [T], taps: &Taps) {
    let Some(from) = from.get(..taps.input) else { return };
    for (into, position) in into.iter_mut().zip(taps.positions()) {
        // SAFETY: indices are below `input`, as `push` clamps them.
        let parts = position.map(|(index, weight)| unsafe { *from.get_unchecked(index) } * T::from(weight));
        *into = parts.fold(T::from(0.0), |sum, part| sum + part);
    }
}

fn plain_blend<T: Real>(into: &mut [T], a: &[T], weight: T, b: &[T], other: T) {
    for ((into, &a), &b) in into.iter_mut().zip(a).zip(b) {
        *into = a * weight + b * other;
    }
}

fn plain_add<T: Real>(into: &mut [T], from: &[T], weight: T) {
    for (into, &from) in into.iter_mut().zip(from) {
        *into = *into + from * weight;
    }
}

/// Sums of rows times weights.
pub trait Rows: Real {
    /// `a * weight + b * other`
    fn blend(into: &mut [Self], a: &[Self], weight: Self, b: &[Self], other: Self);
    /// Adds `from * weight`.
    fn add_row(into: &mut [Self], from: &[Self], weight: Self);
}

impl Rows for f64 {
    fn blend(into: &mut [f64], a: &[f64], weight: f64, b: &[f64], other: f64) {
        plain_blend(into, a, weight, b, other);
    }

    fn add_row(into: &mut [f64], from: &[f64], weight: f64) {
        plain_add(into, from, weight);
    }
}

impl Rows for f32 {
    fn blend(into: &mut [f32], a: &[f32], weight: f32, b: &[f32], other: f32) {
        let wide = into.len().min(a.len()).min(b.len()) & !3;
        let ((head, tail), (a, a_tail), (b, b_tail)) = (into.split_at_mut(wide), a.split_at(wide), b.split_at(wide));
        let (weights, others) = (F32x4::splat(weight), F32x4::splat(other));
        for ((into, a), b) in head.chunks_exact_mut(4).zip(a.chunks_exact(4)).zip(b.chunks_exact(4)) {
            // SAFETY: each chunk has four values.
            unsafe {
                let sum = F32x4::load(a.as_ptr()).mul(weights).add(F32x4::load(b.as_ptr()).mul(others));
                sum.store(into.as_mut_ptr());
            }
        }
        plain_blend(tail, a_tail, weight, b_tail, other);
    }

    fn add_row(into: &mut [f32], from: &[f32], weight: f32) {
        let wide = into.len().min(from.len()) & !3;
        let ((head, tail), (from, from_tail)) = (into.split_at_mut(wide), from.split_at(wide));
        let weights = F32x4::splat(weight);
        for (into, from) in head.chunks_exact_mut(4).zip(from.chunks_exact(4)) {
            // SAFETY: each chunk has four values.
            unsafe {
                let sum = F32x4::load(into.as_ptr()).add(F32x4::load(from.as_ptr()).mul(weights));
                sum.store(into.as_mut_ptr());
            }
        }
        plain_add(tail, from_tail, weight);
    }
}

/// Blends values from anywhere: `width` positions and weights for each value. Positions outside count as 0.
pub fn blend_scattered<T: Real>(from: &[T], into: &mut [T], taps: &[(usize, T)], width: usize) {
    for (into, taps) in into.iter_mut().zip(taps.chunks_exact(width.max(1))) {
        let parts = taps.iter().map(|&(index, weight)| from.get(index).copied().unwrap_or_default() * weight);
        *into = parts.fold(T::default(), |sum, part| sum + part);
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    const INNER: usize = 11;

    #[test]
    fn rows_and_columns_are_blended_alike() {
        for (input, output, width) in [(1, 3, 2), (4, 9, 2), (5, 3, 4), (7, 7, 5), (3, 4, 1)] {
            let mut taps = Taps::new(input, width);
            for index in 0..output {
                let weights = (0..width).map(|tap| (index * 3 + tap) as f32 * 0.25 - 1.0);
                taps.push((index * input / output) as i64 - 1, weights);
            }
            let from: Vec<f32> = (0..input * 2 * INNER).map(|index| ((index * 7) % 13) as f32).collect();
            let at = |row: usize, tap: usize, column: usize| from[(row * input + tap) * INNER + column];
            let mut rows = vec![0.0; output * 2 * INNER];
            blend(&from, &mut rows, INNER, &taps);
            for row in 0..2 {
                for column in 0..INNER {
                    let line: Vec<f32> = (0..input).map(|tap| at(row, tap, column)).collect();
                    let mut blended = vec![0.0; output];
                    blend(&line, &mut blended, 1, &taps);
                    let expected: Vec<f32> =
                        taps.positions().map(|p| p.map(|(index, weight)| line[index] * weight).sum()).collect();
                    let strided: Vec<f32> =
                        (0..output).map(|index| rows[(row * output + index) * INNER + column]).collect();
                    for ((a, b), c) in blended.iter().zip(&strided).zip(&expected) {
                        assert!((a - c).abs() < 1e-4 && (b - c).abs() < 1e-4, "{input} {output} {width}");
                    }
                }
            }
        }
    }
}
