//! Products and gates of recurrent layers: a weight matrix is packed once into panels, so that the product of one row, which
//! is what each step of a sequence costs, reads memory in order.

mod gates;

use std::ops::{Add, Mul, Sub};

use super::simd::F32x4;
use crate::tensor::Element;

/// Columns of a panel: four registers, so that one row keeps eight sums going and two rows as many.
const WIDTH: usize = 16;

/// Rows whose elements stay in the cache while all panels pass.
const BLOCK: usize = 64;

/// The floating-point types that recurrent layers compute on.
pub trait Real: Element + Copy + PartialOrd + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    /// Zero.
    const ZERO: Self;
    /// The nearest number.
    fn from_f64(value: f64) -> Self;
    /// The number.
    fn to_f64(self) -> f64;
    /// The sums of `rows` (one or two) over a panel.
    fn sum_panel(rows: &[&[Self]], panel: &[Self], sums: &mut [[Self; WIDTH]]);
    /// 1 / (1 + e^-x)
    fn sigmoid(values: &mut [Self]);
    /// The hyperbolic tangent.
    fn tanh(values: &mut [Self]);
    /// The end of an LSTM step for one row, with the activations that the specification defaults to: from the sums of the
    /// gates `iofc`, each as long as the state, to the state.
    fn finish_lstm(gates: &[Self], cell: &mut [Self], hidden: &mut [Self]);
}

impl Real for f32 {
    const ZERO: f32 = 0.0;

    fn from_f64(value: f64) -> f32 {
        value as f32
    }

    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    fn sum_panel(rows: &[&[f32]], panel: &[f32], sums: &mut [[f32; WIDTH]]) {
        match (rows, sums) {
            ([row], [sums]) => *sums = sum_row(row, panel),
            ([first, second], [first_sums, second_sums]) => {
                [*first_sums, *second_sums] = sum_two_rows(first, second, panel);
            }
            _ => {}
        }
    }

    fn sigmoid(values: &mut [f32]) {
        gates::map(values, gates::sigmoid);
    }

    fn tanh(values: &mut [f32]) {
        gates::map(values, gates::tanh);
    }

    fn finish_lstm(gates: &[f32], cell: &mut [f32], hidden: &mut [f32]) {
        gates::finish_lstm(gates, cell, hidden);
    }
}

impl Real for f64 {
    const ZERO: f64 = 0.0;

    fn from_f64(value: f64) -> f64 {
        value
    }

    fn to_f64(self) -> f64 {
        self
    }

    fn sum_panel(rows: &[&[f64]], panel: &[f64], sums: &mut [[f64; WIDTH]]) {
        for (row, sums) in rows.iter().zip(sums) {
            for (value, weights) in row.iter().zip(panel.as_chunks::<WIDTH>().0) {
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += value * weight;
                }
            }
        }
    }

    fn sigmoid(values: &mut [f64]) {
        values.iter_mut().for_each(|value| *value = 1.0 / (1.0 + (-*value).exp()));
    }

    fn tanh(values: &mut [f64]) {
        values.iter_mut().for_each(|value| *value = value.tanh());
    }

    fn finish_lstm(gates: &[f64], cell: &mut [f64], hidden: &mut [f64]) {
        let sigmoid = |value: f64| 1.0 / (1.0 + (-value).exp());
        let mut parts = gates.chunks_exact(cell.len().max(1));
        let mut next = || parts.next().unwrap_or_default();
        let (input, output, forget, fresh) = (next(), next(), next(), next());
        let states = cell.iter_mut().zip(hidden);
        for ((cell, hidden), (((i, o), f), c)) in states.zip(input.iter().zip(output).zip(forget).zip(fresh)) {
            *cell = sigmoid(*f) * *cell + sigmoid(*i) * c.tanh();
            *hidden = sigmoid(*o) * cell.tanh();
        }
    }
}

/// The sums of one row, even and odd elements apart: an addition takes longer than the next one has to wait for.
fn sum_row(row: &[f32], panel: &[f32]) -> [f32; WIDTH] {
    let steps = row.len().min(panel.len() / WIDTH);
    let mut sums = [F32x4::splat(0.0); 8];
    let (mut from, mut weights) = (row.as_ptr(), panel.as_ptr());
    for _ in 0..steps / 2 {
        // SAFETY: two elements of `row` and two lines of `panel` are left in each of these iterations.
        unsafe {
            let (even, odd) = (F32x4::load_splat(from), F32x4::load_splat(from.add(1)));
            for (index, sum) in sums.iter_mut().enumerate() {
                let value = if index < 4 { even } else { odd };
                *sum = value.mul_add(F32x4::load(weights.add(4 * index)), *sum);
            }
            (from, weights) = (from.add(2), weights.add(2 * WIDTH));
        }
    }
    if steps % 2 == 1 {
        // SAFETY: one element of `row` and one line of `panel` are left.
        unsafe {
            let value = F32x4::load_splat(from);
            for (index, sum) in sums.iter_mut().take(4).enumerate() {
                *sum = value.mul_add(F32x4::load(weights.add(4 * index)), *sum);
            }
        }
    }
    let [a, b, c, d, e, f, g, h] = sums;
    join([a.add(e), b.add(f), c.add(g), d.add(h)])
}

fn sum_two_rows(first: &[f32], second: &[f32], panel: &[f32]) -> [[f32; WIDTH]; 2] {
    let steps = first.len().min(second.len()).min(panel.len() / WIDTH);
    let (mut sums, mut others) = ([F32x4::splat(0.0); 4], [F32x4::splat(0.0); 4]);
    let (mut one, mut two, mut weights) = (first.as_ptr(), second.as_ptr(), panel.as_ptr());
    for _ in 0..steps {
        // SAFETY: an element of both rows and a line of `panel` are left in each of these iterations.
        unsafe {
            let (a, b) = (F32x4::load_splat(one), F32x4::load_splat(two));
            for (index, (sum, other)) in sums.iter_mut().zip(&mut others).enumerate() {
                let weights = F32x4::load(weights.add(4 * index));
                *sum = a.mul_add(weights, *sum);
                *other = b.mul_add(weights, *other);
            }
            (one, two, weights) = (one.add(1), two.add(1), weights.add(WIDTH));
        }
    }
    [join(sums), join(others)]
}

fn join(sums: [F32x4; 4]) -> [f32; WIDTH] {
    let mut joined = [0.0; WIDTH];
    for (to, sum) in joined.as_chunks_mut::<4>().0.iter_mut().zip(sums) {
        *to = sum.to_array();
    }
    joined
}

/// A matrix to multiply rows with: its columns in panels of [`WIDTH`], each panel row by row, the last one filled up with
/// zeros.
#[derive(Debug)]
pub struct Panels<T> {
    data: Vec<T>,
    inner: usize,
    columns: usize,
}

impl<T: Real> Panels<T> {
    /// The matrix of `inner` rows and `columns` columns whose elements are `element(row, column)`.
    pub fn new(inner: usize, columns: usize, element: impl Fn(usize, usize) -> Option<T>) -> Panels<T> {
        let mut data = Vec::with_capacity(inner * columns.next_multiple_of(WIDTH));
        for start in (0..columns).step_by(WIDTH) {
            for row in 0..inner {
                data.extend((start..start + WIDTH).map(|column| {
                    let inside = Some(column).filter(|&column| column < columns);
                    inside.and_then(|column| element(row, column)).unwrap_or(T::ZERO)
                }));
            }
        }
        Panels { data, inner, columns }
    }

    /// The number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Adds the products of rows to rows: row `r` of `out`, from `r * out_stride` on, grows by row `r` of `rows`, of as many
    /// elements as the matrix has rows, times the matrix. There are as many rows as both have room for.
    pub fn multiply(&self, rows: &[T], out: &mut [T], out_stride: usize) {
        if self.inner == 0 || self.columns == 0 {
            return;
        }
        let stride = out_stride.max(self.columns);
        for (rows, out) in rows.chunks(self.inner * BLOCK).zip(out.chunks_mut(stride * BLOCK)) {
            for (index, panel) in self.data.chunks_exact(self.inner * WIDTH).enumerate() {
                let pairs = rows.chunks(2 * self.inner).zip(out.chunks_mut(2 * stride));
                for (rows, out) in pairs {
                    self.multiply_pair(index, panel, rows, (&mut *out, stride));
                }
            }
        }
    }

    /// One panel's part of the products of one row or two.
    fn multiply_pair(&self, index: usize, panel: &[T], rows: &[T], (out, stride): (&mut [T], usize)) {
        let start = index * WIDTH;
        let width = WIDTH.min(self.columns - start);
        let mut sums = [[T::ZERO; WIDTH]; 2];
        match rows.split_at_checked(self.inner) {
            Some((first, second)) if second.len() == self.inner => T::sum_panel(&[first, second], panel, &mut sums),
            Some((first, [])) => {
                let [sums, _] = &mut sums;
                T::sum_panel(&[first], panel, std::slice::from_mut(sums));
            }
            _ => return,
        }
        for (out, sums) in out.chunks_mut(stride).zip(&sums) {
            let Some(out) = out.get_mut(start..start + width) else { continue };
            out.iter_mut().zip(sums).for_each(|(out, &sum)| *out = *out + sum);
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn noise<T: Real>(count: usize, seed: usize) -> Vec<T> {
        (0..count).map(|index| T::from_f64((((index + seed) * 7919) % 1013) as f64 / 500.0 - 1.0)).collect()
    }

    fn check<T: Real>() {
        for (rows, inner, columns) in [(1, 1, 1), (1, 5, 16), (2, 4, 17), (3, 7, 33), (67, 3, 20), (0, 3, 4), (2, 0, 3)]
        {
            let (x, weights) = (noise::<T>(rows * inner, 1), noise::<T>(inner * columns, 2));
            let panels = Panels::new(inner, columns, |row, column| weights.get(column * inner + row).copied());
            let stride = columns + 3;
            let start = noise::<T>(rows * stride, 3);
            let mut out = start.clone();
            panels.multiply(&x, &mut out, stride);
            for (index, (&before, &after)) in start.iter().zip(&out).enumerate() {
                let (row, column) = (index / stride, index % stride);
                let sum: f64 = (0..if column < columns { inner } else { 0 })
                    .map(|k| x[row * inner + k].to_f64() * weights[column * inner + k].to_f64())
                    .sum();
                let difference = (before.to_f64() + sum - after.to_f64()).abs();
                assert!(difference < 1e-5, "{rows} {inner} {columns}: {difference}");
            }
        }
    }

    #[test]
    fn products_are_those_of_plain_loops() {
        check::<f32>();
        check::<f64>();
    }
}
