//! A recurrent layer over the steps of its input.

use super::activation::Activation;
use super::cell::{Cell, Rows};
use super::dynamic::round_to_bytes;
use super::places::Places;
use super::weights::{Weights, part};
use super::{Kind, Layer};
use crate::error::{Error, Result};
use crate::kernels::recurrent::Real;
use crate::ops::Call;
use crate::tensor::{Tensor, fill, reserve};
use crate::value::Value;

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

/// What all directions read.
struct Inputs<'a, T> {
    places: Places,
    /// Rows of `inner` elements, one for each step of each row of the batch.
    values: &'a [T],
    inner: usize,
    lengths: Option<Vec<usize>>,
    /// The initial state and, of LSTM, cell state.
    initial: [Option<&'a [T]>; 2],
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
    // As in onnxruntime, steps that no sequence has do not take part in the range that is rounded to.
    let longest = lengths.as_ref().and_then(|lengths| lengths.iter().max()).filter(|_| !layer.is_batch_first);
    let used = longest.copied().unwrap_or(steps).saturating_mul(batch).saturating_mul(inner);
    let rounded = if layer.rounds { Some(round(x.slice::<T>()?, used)) } else { None };
    let values = rounded.as_deref().map_or_else(|| x.slice::<T>(), Ok)?;
    let inputs = Inputs { places, values, inner, lengths, initial };
    // Without elements there is nothing to compute, and no size to cut rows by.
    let directions = if steps == 0 || batch == 0 || size == 0 { 0 } else { places.directions };
    for (direction, (backwards, activations)) in layer.directions.iter().enumerate().take(directions) {
        let Some(packed) = weights.directions.get(direction) else { continue };
        let peepholes = part(peepholes, direction, places.directions);
        let is_plain = layer.clip.is_none() && Activation::are_default(activations);
        let cell = Cell { layer, activations, weights: packed, peepholes, size, is_plain };
        let states = run_direction(&cell, &inputs, (direction, *backwards), &mut output)?;
        for (states, all) in states.iter().zip(&mut finals) {
            for (row, state) in states.chunks_exact(size).enumerate() {
                // As in onnxruntime, an empty sequence ends in zeros, not in its initial state.
                if inputs.lengths.as_ref().is_none_or(|lengths| lengths.get(row) != Some(&0)) {
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

/// Runs one direction, puts the state of each step into `output`, unless that is empty, and gives the last states.
fn run_direction<T: Real>(
    cell: &Cell<T>,
    inputs: &Inputs<T>,
    (direction, backwards): (usize, bool),
    output: &mut [T],
) -> Result<[Vec<T>; 2]> {
    let (places, size, bias) = (&inputs.places, cell.size, &cell.weights.bias);
    let [hidden, cell_state] = inputs.initial;
    let mut hidden = gather(hidden, places, direction, size)?;
    let mut cell_state = gather(cell_state, places, direction, size)?;
    let mut scratch = fill(&[places.batch, size], T::ZERO)?;
    let mut gates: Vec<T> = reserve(&[places.part(), places.batch, bias.len()])?;
    for steps in places.parts(backwards) {
        gates.clear();
        for (first, count) in places.inputs(&steps) {
            let start = gates.len();
            (0..count).for_each(|_| gates.extend_from_slice(bias));
            let rows = inputs.values.get(first * inputs.inner..(first + count) * inputs.inner).unwrap_or_default();
            cell.weights.input.multiply(rows, gates.get_mut(start..).unwrap_or_default(), bias.len());
        }
        for index in 0..steps.len() {
            let step = if backwards { steps.end - 1 - index } else { steps.start + index };
            // A row whose sequence is over waits; backwards it begins where its sequence ends.
            let goes_on = |row: usize| match &inputs.lengths {
                Some(lengths) => lengths.get(row).is_some_and(|&length| step < length),
                None => true,
            };
            let (first, apart) = places.step(&steps, step);
            cell.step(Rows {
                gates: gates.get_mut(first * bias.len()..).unwrap_or_default(),
                stride: apart * bias.len(),
                hidden: &mut hidden,
                cell: &mut cell_state,
                scratch: &mut scratch,
                goes_on: &goes_on,
            });
            if !output.is_empty() {
                for (row, hidden) in hidden.chunks_exact(size).enumerate().filter(|(row, _)| goes_on(*row)) {
                    row_of(output, places.output(step, direction, row), size).copy_from_slice(hidden);
                }
            }
        }
    }
    Ok([hidden, cell_state])
}

/// A copy of `values`, the first `count` of which are rounded to 8 bits.
fn round<T: Real>(values: &[T], count: usize) -> Vec<T> {
    let mut rounded = values.to_vec();
    round_to_bytes(rounded.get_mut(..count.min(values.len())).unwrap_or_default());
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
