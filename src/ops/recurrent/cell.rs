//! One step of a recurrent layer, for all rows of a batch.

use super::activation::Activation;
use super::dynamic::round_to_bytes;
use super::weights::{Direction, part};
use super::{Kind, Layer};
use crate::kernels::recurrent::Real;

/// One direction of a layer.
pub struct Cell<'a, T> {
    pub layer: &'a Layer,
    pub activations: &'a [Activation],
    pub weights: &'a Direction<T>,
    /// LSTM: the weights of the cell state in the gates `iof`; none where the node has none.
    pub peepholes: &'a [T],
    /// The length of the state.
    pub size: usize,
    /// Nothing is clipped, and activations are those that the specification defaults to.
    pub is_plain: bool,
}

/// What a step reads and writes, row after row of the batch.
pub struct Rows<'a, T> {
    /// The sums of the gates so far, each row `stride` after the one before.
    pub gates: &'a mut [T],
    pub stride: usize,
    /// The state.
    pub hidden: &'a mut [T],
    /// LSTM: the cell state.
    pub cell: &'a mut [T],
    /// Room for as much as the state.
    pub scratch: &'a mut [T],
    /// Whether a row's sequence goes on; the state of the others stays.
    pub goes_on: &'a dyn Fn(usize) -> bool,
}

impl<T: Real> Cell<'_, T> {
    /// Takes the state one step further.
    pub fn step(&self, rows: Rows<T>) {
        let state: &[T] = if self.layer.rounds {
            rows.scratch.copy_from_slice(rows.hidden);
            round_to_bytes(rows.scratch);
            rows.scratch
        } else {
            rows.hidden
        };
        self.weights.recurrent.multiply(state, rows.gates, rows.stride);
        match self.layer.kind {
            Kind::Lstm => self.finish_lstm(rows),
            Kind::Gru => self.finish_gru(rows),
            Kind::Rnn => {
                for (row, (gates, hidden)) in
                    rows.gates.chunks_mut(rows.stride).zip(rows.hidden.chunks_exact_mut(self.size)).enumerate()
                {
                    if let Some(gates) = gates.get_mut(..self.size).filter(|_| (rows.goes_on)(row)) {
                        self.activate(0, gates);
                        hidden.copy_from_slice(gates);
                    }
                }
            }
        }
    }

    /// Applies activation `index` of the direction.
    fn activate(&self, index: usize, values: &mut [T]) {
        if let Some(activation) = self.activations.get(index) {
            activation.apply(self.layer.clip, values);
        }
    }

    fn finish_lstm(&self, rows: Rows<T>) {
        let is_plain = self.is_plain && !self.layer.couples_forget && self.peepholes.is_empty();
        let fast = T::FAST.filter(|_| is_plain);
        let states = rows.hidden.chunks_exact_mut(self.size).zip(rows.cell.chunks_exact_mut(self.size));
        for (row, (gates, (hidden, cell))) in rows.gates.chunks_mut(rows.stride).zip(states).enumerate() {
            let Some(gates) = gates.get_mut(..4 * self.size).filter(|_| (rows.goes_on)(row)) else { continue };
            match &fast {
                Some(ends) => (ends.lstm)(gates, cell, hidden),
                None => self.finish_any_lstm(gates, cell, hidden),
            }
        }
    }

    /// The end of an LSTM step for one row, whatever the attributes.
    fn finish_any_lstm(&self, gates: &mut [T], cell: &mut [T], hidden: &mut [T]) {
        let peep = |gate: &mut [T], cell: &[T], index: usize| {
            let weights = part(self.peepholes, index, 3);
            gate.iter_mut().zip(cell).zip(weights).for_each(|((gate, &cell), &weight)| *gate = *gate + weight * cell);
        };
        let mut gates = gates.chunks_exact_mut(self.size);
        let (Some(input), Some(output), Some(forget), Some(fresh)) =
            (gates.next(), gates.next(), gates.next(), gates.next())
        else {
            return;
        };
        peep(input, cell, 0);
        self.activate(0, input);
        if self.layer.couples_forget {
            let one = T::from_f64(1.0);
            forget.iter_mut().zip(&*input).for_each(|(forget, &input)| *forget = one - input);
        } else {
            peep(forget, cell, 2);
            self.activate(0, forget);
        }
        self.activate(1, fresh);
        for (((cell, &input), &forget), &fresh) in cell.iter_mut().zip(&*input).zip(&*forget).zip(&*fresh) {
            *cell = forget * *cell + input * fresh;
        }
        peep(output, cell, 1);
        self.activate(0, output);
        hidden.copy_from_slice(cell);
        // The specification clips what goes into activations; onnxruntime does not clip the cell state.
        if let Some(activation) = self.activations.get(2) {
            activation.apply(None, hidden);
        }
        hidden.iter_mut().zip(&*output).for_each(|(hidden, &output)| *hidden = *hidden * output);
    }

    fn finish_gru(&self, rows: Rows<T>) {
        let Rows { gates, stride, hidden, scratch, goes_on, .. } = rows;
        let (size, is_linear) = (self.size, self.layer.resets_product);
        if is_linear {
            scratch.chunks_exact_mut(size).for_each(|row| row.copy_from_slice(&self.weights.fresh_bias));
            self.weights.fresh.multiply(hidden, scratch, size);
        }
        if let Some(ends) = T::FAST.filter(|_| is_linear && self.is_plain) {
            let states = hidden.chunks_exact_mut(size).zip(scratch.chunks_exact(size));
            for (row, (gates, (hidden, product))) in gates.chunks(stride).zip(states).enumerate() {
                if goes_on(row) {
                    (ends.gru)(gates, product, hidden);
                }
            }
            return;
        }
        let states = hidden.chunks_exact(size).zip(scratch.chunks_exact_mut(size));
        for (gates, (hidden, scratch)) in gates.chunks_mut(stride).zip(states) {
            let Some((first, fresh)) = gates.split_at_mut_checked(2 * size) else { continue };
            self.activate(0, first);
            let reset = part(first, 1, 2);
            if is_linear {
                let products = scratch.iter().zip(reset);
                fresh.iter_mut().zip(products).for_each(|(fresh, (&sum, &reset))| *fresh = *fresh + reset * sum);
            } else {
                let products = hidden.iter().zip(reset);
                scratch.iter_mut().zip(products).for_each(|(scratch, (&state, &reset))| *scratch = reset * state);
            }
        }
        if !is_linear && let Some(fresh) = gates.get_mut(2 * size..) {
            self.weights.fresh.multiply(scratch, fresh, stride);
        }
        let one = T::from_f64(1.0);
        for (row, (gates, hidden)) in gates.chunks_mut(stride).zip(hidden.chunks_exact_mut(size)).enumerate() {
            let Some((first, fresh)) = gates.split_at_mut_checked(2 * size).filter(|_| goes_on(row)) else { continue };
            let Some(fresh) = fresh.get_mut(..size) else { continue };
            self.activate(1, fresh);
            for ((hidden, &update), &fresh) in hidden.iter_mut().zip(&*first).zip(&*fresh) {
                *hidden = (one - update) * fresh + update * *hidden;
            }
        }
    }
}
