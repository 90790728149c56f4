//! Products and gates of recurrent layers: a weight matrix is packed once into panels, so that the product of one row, which
//! is what each step of a sequence costs, reads memory in order.

mod gates;

use super::math;
use super::real;
use super::simd::F32x4;

/// Columns of a panel: eight sums of one row, or of two rows half as many columns at a time, hide what an addition takes and fit the
/// registers with what one step loads (gemm/tile.rs says why it is one).
pub const WIDTH: usize = 32;

/// Rows whose elements stay in the cache while all panels pass.
const BLOCK: usize = 64;

/// The floating-point types that recurrent layers compute on.
pub trait Real: real::Real {
    /// Zero.
    const ZERO: Self;
    /// Adds the product of a row and a panel to `out`, which may be narrower than the panel.
    fn add_row(row: &[Self], panel: &[Self], out: &mut [Self]);
    /// [`Real::add_row`] of two rows.
    fn add_two_rows(rows: [&[Self]; 2], panel: &[Self], outs: [&mut [Self]; 2]) {
        rows.into_iter().zip(outs).for_each(|(row, out)| Self::add_row(row, panel, out));
    }
    /// 1 / (1 + e^-x)
    fn sigmoid(values: &mut [Self]);
    /// The hyperbolic tangent.
    fn tanh(values: &mut [Self]);
    /// The ends of steps where activations are those that the specification defaults to, if there are fast ones.
    const FAST: Option<Ends<Self>>;
}

/// The ends of the steps of layers whose activations are sigmoid and tanh: from the sums of the gates, each as long as the
/// state, to the state of one row.
pub struct Ends<T> {
    /// LSTM: the gates `iofc`, the cell state and the state.
    pub lstm: fn(&[T], &mut [T], &mut [T]),
    /// GRU: the gates `zrh`, the product that the reset gate applies to, and the state.
    pub gru: fn(&[T], &[T], &mut [T]),
}

impl Real for f32 {
    const FAST: Option<Ends<f32>> = Some(Ends { lstm: gates::finish_lstm, gru: gates::finish_gru });
    const ZERO: f32 = 0.0;

    fn add_row(row: &[f32], panel: &[f32], out: &mut [f32]) {
        add_sums(sum_row(row, panel), out);
    }

    fn add_two_rows([one, two]: [&[f32]; 2], panel: &[f32], [out, other]: [&mut [f32]; 2]) {
        let [sums, others] = sum_two_rows(one, two, panel);
        add_sums(sums, out);
        add_sums(others, other);
    }

    fn sigmoid(values: &mut [f32]) {
        math::sigmoid_in_place(values);
    }

    fn tanh(values: &mut [f32]) {
        math::tanh_in_place(values);
    }
}

impl Real for f64 {
    const FAST: Option<Ends<f64>> = None;
    const ZERO: f64 = 0.0;

    fn add_row(row: &[f64], panel: &[f64], out: &mut [f64]) {
        for (value, weights) in row.iter().zip(panel.as_chunks::<WIDTH>().0) {
            out.iter_mut().zip(weights).for_each(|(out, weight)| *out += value * weight);
        }
    }

    fn sigmoid(values: &mut [f64]) {
        values.iter_mut().for_each(|value| *value = 1.0 / (1.0 + (-*value).exp()));
    }

    fn tanh(values: &mut [f64]) {
        values.iter_mut().for_each(|value| *value = value.tanh());
    }
}

/// Sums of the columns of a panel.
type Sums = [F32x4; WIDTH / 4];

fn sum_row(row: &[f32], panel: &[f32]) -> Sums {
    let steps = row.len().min(panel.len() / WIDTH);
    let mut sums = [F32x4::splat(0.0); WIDTH / 4];
    let (mut from, mut line) = (row.as_ptr(), panel.as_ptr());
    for _ in 0..steps {
        // SAFETY: an element of `row` and a line of `panel` are left in each of these iterations.
        unsafe {
            let value = F32x4::load_splat(from);
            for (index, sum) in sums.iter_mut().enumerate() {
                *sum = value.mul_add(F32x4::load(line.add(4 * index)), *sum);
            }
            (from, line) = (from.add(1), line.add(WIDTH));
        }
    }
    sums
}

fn sum_two_rows(first: &[f32], second: &[f32], panel: &[f32]) -> [Sums; 2] {
    const HALF: usize = WIDTH / 8;
    let steps = first.len().min(second.len()).min(panel.len() / WIDTH);
    let mut all = [[F32x4::splat(0.0); WIDTH / 4]; 2];
    for half in 0..2 {
        let mut sums = [[F32x4::splat(0.0); 2]; HALF];
        let (mut one, mut two) = (first.as_ptr(), second.as_ptr());
        let mut line = panel.as_ptr().wrapping_add(half * HALF * 4);
        for _ in 0..steps {
            // SAFETY: an element of both rows and half a line of `panel` are left in each of these iterations.
            unsafe {
                let (x, y) = (F32x4::load_splat(one), F32x4::load_splat(two));
                for (index, [sum, other]) in sums.iter_mut().enumerate() {
                    let weights = F32x4::load(line.add(4 * index));
                    (*sum, *other) = (x.mul_add(weights, *sum), y.mul_add(weights, *other));
                }
                (one, two, line) = (one.add(1), two.add(1), line.wrapping_add(WIDTH));
            }
        }
        let [of_one, of_two] = &mut all;
        let places = of_one.iter_mut().zip(of_two).skip(half * HALF);
        places.zip(sums).for_each(|((one, two), [sum, other])| (*one, *two) = (sum, other));
    }
    all
}

/// Adds the sums of a panel to as many values as `out` has.
fn add_sums(sums: Sums, out: &mut [f32]) {
    let (fours, rest) = out.as_chunks_mut::<4>();
    let mut sums = sums.into_iter();
    for (out, sum) in fours.iter_mut().zip(&mut sums) {
        *out = F32x4::new(*out).add(sum).to_array();
    }
    let last = sums.next().map_or([0.0; 4], F32x4::to_array);
    rest.iter_mut().zip(last).for_each(|(out, sum)| *out += sum);
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
        let columns = start..(start + WIDTH).min(self.columns);
        let (out, other) = out.split_at_mut(stride.min(out.len()));
        let Some(out) = out.get_mut(columns.clone()) else { return };
        let (row, rest) = rows.split_at(self.inner.min(rows.len()));
        match other.get_mut(columns) {
            Some(other) if rest.len() == self.inner => T::add_two_rows([row, rest], panel, [out, other]),
            _ => T::add_row(row, panel, out),
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
