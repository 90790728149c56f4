//! The activations of gates on four float32 at a time.

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

/// e^x, to about 1e-7 of it; 0 is the smallest normal number and infinity the largest finite one.
#[inline(always)]
fn exp(x: F32x4) -> F32x4 {
    let x = x.max(F32x4::splat(-87.3)).min(F32x4::splat(88.3));
    // x = whole * ln 2 + rest, ln 2 in two parts of which the first times `whole` is exact.
    let whole = x.mul(F32x4::splat(std::f32::consts::LOG2_E)).nearest();
    let rest = whole.mul_add(F32x4::splat(-0.693_359_4), x);
    let rest = whole.mul_add(F32x4::splat(2.121_944_4e-4), rest);
    // The series to the seventh power: what is left out is below 1e-8 for |rest| < 0.35.
    let sum = F32x4::splat(1.0 / 5040.0).mul_add(rest, F32x4::splat(1.0 / 720.0));
    let sum = sum.mul_add(rest, F32x4::splat(1.0 / 120.0)).mul_add(rest, F32x4::splat(1.0 / 24.0));
    let sum = sum.mul_add(rest, F32x4::splat(1.0 / 6.0)).mul_add(rest, F32x4::splat(0.5));
    let sum = sum.mul_add(rest, F32x4::splat(1.0)).mul_add(rest, F32x4::splat(1.0));
    sum.mul(whole.exp2_whole())
}

/// 1 / (1 + e^-x)
#[inline(always)]
pub fn sigmoid(x: F32x4) -> F32x4 {
    let one = F32x4::splat(1.0);
    one.div(one.add(exp(F32x4::splat(0.0).sub(x))))
}

/// (1 - e^-2x) / (1 + e^-2x); near 0, where that loses digits, a polynomial (Cephes, tanhf).
#[inline(always)]
pub fn tanh(x: F32x4) -> F32x4 {
    let (one, zero) = (F32x4::splat(1.0), F32x4::splat(0.0));
    let size = x.abs();
    let decay = exp(size.mul(F32x4::splat(-2.0)));
    let large = one.sub(decay).div(one.add(decay));
    let large = x.select_below(zero, zero.sub(large), large);
    let square = x.mul(x);
    let sum = F32x4::splat(-5.704_988_7e-3).mul_add(square, F32x4::splat(2.063_909e-2));
    let sum = sum.mul_add(square, F32x4::splat(-5.373_971_6e-2)).mul_add(square, F32x4::splat(1.333_144_2e-1));
    let sum = sum.mul_add(square, F32x4::splat(-3.333_328e-1));
    let small = sum.mul(square).mul_add(x, x);
    size.select_below(F32x4::splat(0.625), small, large)
}

/// Puts `function` of every value in its place.
#[inline(always)]
pub fn map(values: &mut [f32], function: impl Fn(F32x4) -> F32x4) {
    for at in (0..values.len()).step_by(4) {
        let result = function(load(values, at));
        store(result, values, at);
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
    fn functions_are_those_of_the_standard_library() {
        let mut points: Vec<f32> = (-2000..2000).map(|index| index as f32 / 100.0).collect();
        points.extend([1e-30, -1e-6, 100.0, -100.0, 1e30, -1e30, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, -0.0]);
        let (mut sigmoids, mut tanhs) = (points.clone(), points.clone());
        map(&mut sigmoids, sigmoid);
        map(&mut tanhs, tanh);
        for ((&x, sigmoid), tanh) in points.iter().zip(sigmoids).zip(tanhs) {
            let exact = 1.0 / (1.0 + (-f64::from(x)).exp());
            let close = |value: f32, exact: f64| (f64::from(value) - exact).abs() <= 3e-7 * exact.abs() + 1e-37;
            assert!(close(sigmoid, exact) || (x.is_nan() && sigmoid.is_nan()), "sigmoid({x}) = {sigmoid}");
            let exact = f64::from(x).tanh();
            assert!(close(tanh, exact) || (x.is_nan() && tanh.is_nan()), "tanh({x}) = {tanh}");
        }
    }

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
