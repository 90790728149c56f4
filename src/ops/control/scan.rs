//! Scan: a body for every element along an axis of its inputs. <https://onnx.ai/onnx/operators/onnx__Scan.html>

use super::{collect, finish};
use crate::error::{Error, Result};
use crate::ops::pieces::{select, stack};
use crate::ops::shape::resolve_axis;
use crate::ops::{Operator, Spec, several};
use crate::plan::Plan;
use crate::tensor::Tensor;
use crate::value::Value;

/// What the attributes say.
struct Scan {
    body: Plan,
    states: usize,
    input_axes: Vec<i64>,
    input_directions: Vec<i64>,
    output_axes: Vec<i64>,
    output_directions: Vec<i64>,
}

pub fn scan(spec: &mut Spec) -> Result<Operator> {
    let body = spec.plan("body")?;
    let scanned = spec.int_or("num_scan_inputs", 0);
    let states = usize::try_from(scanned).ok().and_then(|count| body.inputs().checked_sub(count));
    let states = states.filter(|&states| states <= body.outputs().len());
    let states =
        states.ok_or_else(|| spec.invalid(&format!("num_scan_inputs={scanned}, which does not fit its body")))?;
    let list = |name: &str| spec.ints(name).map(<[i64]>::to_vec).unwrap_or_default();
    let is_batched = spec.opset() < 9;
    let scan = Scan {
        body,
        states,
        input_axes: list("scan_input_axes"),
        input_directions: list(if is_batched { "directions" } else { "scan_input_directions" }),
        output_axes: list("scan_output_axes"),
        output_directions: list("scan_output_directions"),
    };
    several(move |call| {
        let first = usize::from(is_batched);
        let lengths = if is_batched { call.optional(0)?.cloned() } else { None };
        let inputs = (first..call.len()).map(|index| call.take_value(index)).collect::<Result<Vec<Value>>>()?;
        let captures = call.take_captures();
        match is_batched {
            true => scan.run_batch(inputs, lengths, &captures),
            false => scan.run(inputs, None, &captures),
        }
    })
}

impl Scan {
    /// Turns over all elements, or over the first `length`.
    fn run(&self, mut inputs: Vec<Value>, length: Option<usize>, captures: &[Value]) -> Result<Vec<Value>> {
        let scanned = inputs.split_off(self.states.min(inputs.len()));
        let scanned = scanned.into_iter().map(Value::into_tensor).collect::<Result<Vec<Tensor>>>()?;
        let mut axes = Vec::with_capacity(scanned.len());
        for (index, tensor) in scanned.iter().enumerate() {
            axes.push(resolve_axis(self.input_axes.get(index).copied().unwrap_or(0), tensor.rank())?);
        }
        let mut sizes = scanned.iter().zip(&axes).filter_map(|(tensor, &axis)| tensor.dims().get(axis).copied());
        let size = sizes.next().unwrap_or(0);
        if let Some(other) = sizes.find(|other| *other != size) {
            return Err(Error::execution(format!("the inputs to scan have {size} and {other} elements")));
        }
        let turns = length.unwrap_or(size).min(size);
        let mut state = inputs;
        let mut stacks: Vec<Vec<Tensor>> = vec![Vec::new(); self.body.outputs().len() - self.states];
        for turn in 0..turns {
            let mut given = state;
            for (index, (tensor, &axis)) in scanned.iter().zip(&axes).enumerate() {
                let place = if self.input_directions.get(index) == Some(&1) { turns - 1 - turn } else { turn };
                given.push(select(tensor, axis, place)?.into());
            }
            let mut outputs = self.body.run(given.into_iter().chain(captures.iter().cloned()))?.into_iter();
            state = outputs.by_ref().take(self.states).collect();
            collect(outputs, &mut stacks)?;
        }
        for (index, stack) in stacks.iter_mut().enumerate() {
            if self.output_directions.get(index) == Some(&1) {
                stack.reverse();
            }
        }
        state.extend(finish(stacks, &self.body, self.states, &self.output_axes)?);
        Ok(state)
    }

    /// Operator set 8: a batch axis in front of everything, and a length for each of its elements.
    fn run_batch(&self, inputs: Vec<Value>, lengths: Option<Tensor>, captures: &[Value]) -> Result<Vec<Value>> {
        let inputs = inputs.into_iter().map(Value::into_tensor).collect::<Result<Vec<Tensor>>>()?;
        let batch = inputs.first().and_then(|tensor| tensor.dims().first().copied()).unwrap_or(0);
        let lengths = lengths.map(|lengths| lengths.to_i64s().map(|lengths| lengths.into_owned())).transpose()?;
        let mut rows: Vec<Vec<Tensor>> = vec![Vec::new(); self.body.outputs().len()];
        for index in 0..batch {
            let row = inputs.iter().map(|tensor| select(tensor, 0, index).map(Value::from)).collect::<Result<_>>()?;
            let length = lengths.as_ref().and_then(|lengths| lengths.get(index)).map(|&length| length.max(0) as usize);
            collect(self.run(row, length, captures)?.into_iter(), &mut rows)?;
        }
        rows.into_iter().map(|tensors| stack(tensors, 0).map(Value::from)).collect()
    }
}
