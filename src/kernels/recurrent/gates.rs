//! The ends of steps on four float32 at a time.

use crate::kernels::math::{sigmoid, tanh};
use crate::kernels::simd::F32x4;

/// Four values from `at` on; zeros beyond the end.
#[inline(always)]
fn load(values: &[f32], at: usize) -> F32x4 {
    if at + 4 <= values.len() {
        // SAFETY: four values follow `at`.
        return unsafe { F32x4::load(values.as_ptr().add(at)) };
    }
    let mut lanes = [0.0; 4];
    lanes.iter_mut().zip(values.iter().skip(at)).for_each(|(lane, &value)| *lane = value);
    F32x4::new(lanes)
}

/// Writes four values from `at` on, those beyond the end not.
#[inline(always)]
fn store(lanes: F32x4, values: &mut [f32], at: usize) {
    if at + 4 <= values.len() {
        // SAFETY: there is room for four values from `at` on.
        unsafe { lanes.store(values.as_mut_ptr().add(at)) };
    } else {
        values.iter_mut().skip(at).zip(lanes.to_array()).for_each(|(value, lane)| *value = lane);
    }
}

/// Part `index` of `gates`, cut into parts of `size`.
#[inline(always)]
fn gate(gates: &[f32], index: usize, size: usize) -> &[f32] {
    gates.get(index * size..(index + 1) * size).unwrap_or_default()
}

/// See [`super::Ends::lstm`].
pub fn finish_lstm(gates: &[f32], cell: &mut [f32], hidden: &mut [f32]) {
    let [input, output, forget, fresh] = [0, 1, 2, 3].map(|index| gate(gates, index, cell.len()));
    for at in (0..cell.len()).step_by(4) {
        let added = sigmoid(load(input, at)).mul(tanh(load(fresh, at)));
        let state = sigmoid(load(forget, at)).mul_add(load(cell, at), added);
        store(state, cell, at);
        store(sigmoid(load(output, at)).mul(tanh(state)), hidden, at);
    }
}

/// See [`super::Ends::gru`].
pub fn finish_gru(gates: &[f32], product: &[f32], hidden: &mut [f32]) {
    let [update, reset, fresh] = [0, 1, 2].map(|index| gate(gates, index, hidden.len()));
    for at in (0..hidden.len()).step_by(4) {
        let fresh = tanh(sigmoid(load(reset, at)).mul_add(load(product, at), load(fresh, at)));
        let update = sigmoid(load(update, at));
        let kept = update.mul(load(hidden, at));
        store(F32x4::splat(1.0).sub(update).mul_add(fresh, kept), hidden, at);
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn a_gru_step_is_that_of_the_equations() {
        for size in [0, 1, 4, 7] {
            let gates: Vec<f32> = (0..3 * size).map(|index| (index as f32 * 0.7).sin() * 2.0).collect();
            let product: Vec<f32> = (0..size).map(|index| (index as f32 * 1.3).sin()).collect();
            let mut hidden: Vec<f32> = (0..size).map(|index| (index as f32).cos()).collect();
            let before = hidden.clone();
            finish_gru(&gates, &product, &mut hidden);
            let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
            for index in 0..size {
                let [z, r, h] = [0, 1, 2].map(|gate| gates[gate * size + index]);
                let fresh = (h + sigmoid(r) * product[index]).tanh();
                let state = (1.0 - sigmoid(z)) * fresh + sigmoid(z) * before[index];
                assert!((hidden[index] - state).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn an_lstm_step_is_that_of_the_equations() {
        for size in [0, 1, 3, 4, 6, 9] {
            let gates: Vec<f32> = (0..4 * size).map(|index| (index as f32 * 0.7).sin() * 2.0).collect();
            let mut cell: Vec<f32> = (0..size).map(|index| (index as f32).cos()).collect();
            let mut hidden = vec![0.0; size];
            let before = cell.clone();
            finish_lstm(&gates, &mut cell, &mut hidden);
            let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
            for index in 0..size {
                let [i, o, f, c] = [0, 1, 2, 3].map(|gate| gates[gate * size + index]);
                let state = sigmoid(f) * before[index] + sigmoid(i) * c.tanh();
                assert!((cell[index] - state).abs() < 1e-6);
                assert!((hidden[index] - sigmoid(o) * state.tanh()).abs() < 1e-6);
            }
        }
    }
}
