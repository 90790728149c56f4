//! A recurrent layer over the steps of its input.

use super::activation::Activation;
use super::cell::{Cell, Rows};
use super::dynamic::round_to_bytes;
use super::weights::{Weights, part};
use super::{Kind, Layer};
use crate::error::{Error, Result};
use crate::kernels::recurrent::Real;
use crate::ops::Call;
use crate::tensor::{Tensor, count_elements, fill, reserve};
use crate::value::Value;

/// Where the rows of inputs and outputs are.
#[derive(Clone, Copy)]
struct Places {
    steps: usize,
    batch: usize,
    directions: usize,
    is_batch_first: bool,
}

impl Places {
    /// The dims of the states.
    fn state_dims(&self, size: usize) -> [usize; 3] {
        if self.is_batch_first { [self.batch, self.directions, size] } else { [self.directions, self.batch, size] }
    }

    /// Which row of the states is that of a direction and a row of the batch.
    fn state(&self, direction: usize, row: usize) -> usize {
        if self.is_batch_first { row * self.directions + direction } else { direction * self.batch + row }
    }

    /// The dims of what all steps give.
    fn output_dims(&self, size: usize) -> [usize; 4] {
        if self.is_batch_first {
            [self.batch, self.steps, self.directions, size]
        } else {
            [self.steps, self.directions, self.batch, size]
        }
    }

    /// Which row of what all steps give is that of a step, a direction and a row of the batch.
    fn output(&self, step: usize, direction: usize, row: usize) -> usize {
        if self.is_batch_first {
            (row * self.steps + step) * self.directions + direction
        } else {
            (step * self.directions + direction) * self.batch + row
        }
    }

    /// The first input row of a step, and how far apart its rows are.
    fn input(&self, step: usize) -> (usize, usize) {
        if self.is_batch_first { (step, self.steps) } else { (step * self.batch, 1) }
    }
}

fn row_of<T>(values: &mut [T], row: usize, size: usize) -> &mut [T] {
    values.get_mut(row * size..(row + 1) * size).unwrap_or_default()
}

/// An optional input, which must have these dims.
fn read_optional<'c, T: Real>(call: &'c Call, index: usize, dims: &[usize]) -> Result<Option<&'c [T]>> {
    let Some(tensor) = call.optional(index)? else { return Ok(None) };
    if tensor.dims() != dims {
        return Err(Error::execution(format!("expected the dims {dims:?} for input {index}, got {tensor}")));
    }
    tensor.slice().map(Some)
}

/// The length of each row's sequence; none where all have all steps.
fn read_lengths(call: &Call, steps: usize, batch: usize) -> Result<Option<Vec<usize>>> {
    let Some(tensor) = call.optional(4)? else { return Ok(None) };
    let lengths = tensor.to_i64s()?;
    let valid = lengths.iter().map(|&length| usize::try_from(length).ok().filter(|&length| length <= steps));
    match valid.collect::<Option<Vec<usize>>>() {
        Some(valid) if valid.len() == batch => Ok(Some(valid).filter(|valid| valid.iter().any(|&one| one != steps))),
        _ => Err(Error::execution(format!("expected {batch} sequence_lens from 0 to {steps}, got {lengths:?}"))),
    }
}

/// Runs the layer on a call's inputs, the weights of which are not looked at.
pub fn run<T: Real>(layer: &Layer, weights: &Weights<T>, call: &Call) -> Result<Vec<Value>> {
    let x = call.tensor(0)?;
    let (steps, batch, inner) = match *x.dims() {
        [first, second, inner] if layer.is_batch_first => (second, first, inner),
        [first, second, inner] => (first, second, inner),
        _ => return Err(Error::execution("expected an input of 3 axes")),
    };
    if inner != weights.input {
        return Err(Error::execution(format!("expected {} elements a step, got {inner}", weights.input)));
    }
    let size = weights.hidden;
    let places = Places { steps, batch, directions: layer.directions.len(), is_batch_first: layer.is_batch_first };
    let lengths = read_lengths(call, steps, batch)?;
    let state_dims = places.state_dims(size);
    let initial = [read_optional::<T>(call, 5, &state_dims)?, read_optional::<T>(call, 6, &state_dims)?];
    let peepholes = read_optional::<T>(call, 7, &[layer.directions.len(), 3 * size])?.unwrap_or_default();
    let output_dims = places.output_dims(size);
    let mut output = if call.wants(0) { fill(&output_dims, T::ZERO)? } else { Vec::new() };
    let mut finals = [fill(&state_dims, T::ZERO)?, fill(&state_dims, T::ZERO)?];
    let gates_dims = [steps, batch, layer.kind.gates() * size];
    let mut gates: Vec<T> = reserve(&gates_dims)?;
    // As in onnxruntime, steps that no sequence has do not take part in the range that is rounded to.
    let longest = lengths.as_ref().and_then(|lengths| lengths.iter().max()).filter(|_| !layer.is_batch_first);
    let used = longest.copied().unwrap_or(steps) * batch * inner;
    let rounded = if layer.rounds { Some(round(x.slice::<T>()?, used)) } else { None };
    let values = rounded.as_deref().map_or_else(|| x.slice::<T>(), Ok)?;
    // Without elements there is nothing to compute, and no size to cut rows by.
    let directions = if count_elements::<T>(&gates_dims)? == 0 { 0 } else { places.directions };
    for (direction, (backwards, activations)) in layer.directions.iter().enumerate().take(directions) {
        let Some(packed) = weights.directions.get(direction) else { continue };
        gates.clear();
        (0..steps * batch).for_each(|_| gates.extend_from_slice(&packed.bias));
        packed.input.multiply(values, &mut gates, packed.bias.len());
        let peepholes = part(peepholes, direction, places.directions);
        let is_plain = layer.clip.is_none() && Activation::are_default(activations);
        let cell = Cell { layer, activations, weights: packed, peepholes, size, is_plain };
        let mut state = [gather(initial[0], &places, direction, size)?, gather(initial[1], &places, direction, size)?];
        let mut scratch = fill(&[batch, size], T::ZERO)?;
        for step in 0..steps {
            let step = if *backwards { steps - 1 - step } else { step };
            // A row whose sequence is over waits; backwards it begins where its sequence ends.
            let goes_on = |row: usize| match &lengths {
                Some(lengths) => lengths.get(row).is_some_and(|&length| step < length),
                None => true,
            };
            let (first, apart) = places.input(step);
            let [hidden, cell_state] = &mut state;
            let rows = Rows {
                gates: gates.get_mut(first * packed.bias.len()..).unwrap_or_default(),
                stride: apart * packed.bias.len(),
                hidden,
                cell: cell_state,
                scratch: &mut scratch,
                goes_on: &goes_on,
            };
            cell.step(rows);
            if !output.is_empty() {
                for (row, hidden) in hidden.chunks_exact(size).enumerate().filter(|(row, _)| goes_on(*row)) {
                    row_of(&mut output, places.output(step, direction, row), size).copy_from_slice(hidden);
                }
            }
        }
        for (state, all) in state.iter().zip(&mut finals) {
            for (row, state) in state.chunks_exact(size).enumerate() {
                // As in onnxruntime, an empty sequence ends in zeros, not in its initial state.
                if lengths.as_ref().is_none_or(|lengths| lengths.get(row) != Some(&0)) {
                    row_of(all, places.state(direction, row), size).copy_from_slice(state);
                }
            }
        }
    }
    let all = if call.wants(0) { Tensor::new(&output_dims, output)?.into() } else { Value::Nothing };
    let mut outputs = vec![all];
    for state in finals.into_iter().take(if layer.kind == Kind::Lstm { 2 } else { 1 }) {
        outputs.push(Tensor::new(&state_dims, state)?.into());
    }
    Ok(outputs)
}

/// A copy of `values`, the first `count` of which are rounded to 8 bits.
fn round<T: Real>(values: &[T], count: usize) -> Vec<T> {
    let mut rounded = values.to_vec();
    round_to_bytes(rounded.get_mut(..count).unwrap_or_default());
    rounded
}

/// The initial states of a direction, row after row of the batch.
fn gather<T: Real>(initial: Option<&[T]>, places: &Places, direction: usize, size: usize) -> Result<Vec<T>> {
    let mut state = fill(&[places.batch, size], T::ZERO)?;
    for (row, state) in state.chunks_exact_mut(size).enumerate() {
        let from = places.state(direction, row) * size;
        if let Some(initial) = initial.and_then(|initial| initial.get(from..from + size)) {
            state.copy_from_slice(initial);
        }
    }
    Ok(state)
}
