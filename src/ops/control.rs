//! Branches and loops. A graph inside a node has a plan of its own, made once with the model's.

mod scan;

use super::pieces::stack;
use super::{Entry, Operator, Spec, onnx, several};
use crate::error::{Error, Result};
use crate::graph::Declared;
use crate::plan::Plan;
use crate::tensor::{ElementType, Tensor, check_bytes};
use crate::value::Value;

pub const ENTRIES: &[Entry] = &[onnx("If", branch), onnx("Loop", repeat), onnx("Scan", scan::scan)];

/// <https://onnx.ai/onnx/operators/onnx__If.html>
fn branch(spec: &mut Spec) -> Result<Operator> {
    let (otherwise, then) = (spec.plan("else_branch")?, spec.plan("then_branch")?);
    several(move |call| {
        let condition = call.tensor(0)?.only::<bool>()?;
        let captures = call.take_captures().into_iter();
        match condition {
            true => then.run(captures.skip(otherwise.captures())),
            false => otherwise.run(captures.take(otherwise.captures())),
        }
    })
}

/// Runs the body up to a number of times, while its condition holds.
/// <https://onnx.ai/onnx/operators/onnx__Loop.html>
fn repeat(spec: &mut Spec) -> Result<Operator> {
    let body = spec.plan("body")?;
    let carried = spec.inputs().saturating_sub(2);
    if body.inputs() != carried + 2 || body.outputs().len() < carried + 1 {
        return Err(spec.invalid("a body whose inputs and outputs are not those of the loop"));
    }
    several(move |call| {
        let most = call.optional(0)?.map(|count| count.only::<i64>()).transpose()?;
        let mut goes_on = call.optional(1)?.map(|condition| condition.only::<bool>()).transpose()?.unwrap_or(true);
        let mut state = (0..carried).map(|index| call.take_value(index + 2)).collect::<Result<Vec<Value>>>()?;
        let captures = call.take_captures();
        let mut stacks: Vec<Vec<Tensor>> = vec![Vec::new(); body.outputs().len() - carried - 1];
        let mut count = 0;
        while goes_on && most.is_none_or(|most| count < most) {
            let inputs = [Tensor::scalar(count).into(), Tensor::scalar(goes_on).into()].into_iter();
            let mut outputs = body.run(inputs.chain(state).chain(captures.iter().cloned()))?.into_iter();
            let condition = outputs.next().ok_or_else(|| Error::execution("the body gives no condition"))?;
            goes_on = condition.tensor()?.only::<bool>()?;
            state = outputs.by_ref().take(carried).collect();
            collect(outputs, &mut stacks)?;
            count += 1;
        }
        state.extend(finish(stacks, &body, carried + 1, &[])?);
        Ok(state)
    })
}

/// What a tensor takes beside its elements, about.
const OVERHEAD: usize = 128;

/// Adds what one turn of a body gives to what the turns before gave, as long as there is room: a loop may have no end.
fn collect(outputs: impl Iterator<Item = Value>, stacks: &mut [Vec<Tensor>]) -> Result<()> {
    for (value, stack) in outputs.zip(stacks) {
        let tensor = value.into_tensor()?;
        let turns = stack.len() + 1;
        if turns.is_power_of_two() {
            let bytes = tensor.bytes().saturating_add(OVERHEAD);
            let is_over =
                |_| Error::limit(format!("{turns} turns that each give {tensor} are over the limit of one tensor"));
            check_bytes(ElementType::Uint8, &[turns, bytes]).map_err(is_over)?;
        }
        stack.push(tensor);
    }
    Ok(())
}

/// The outputs of all turns, each stacked along an axis: 0 where `axes` does not say.
fn finish(stacks: Vec<Vec<Tensor>>, body: &Plan, first: usize, axes: &[i64]) -> Result<Vec<Value>> {
    let mut values = Vec::with_capacity(stacks.len());
    for (index, tensors) in stacks.into_iter().enumerate() {
        let tensor = match tensors.first() {
            None => make_empty(body.outputs().get(first + index))?,
            Some(turn) => {
                let axis = axes.get(index).copied().unwrap_or(0);
                let axis = super::shape::resolve_axis(axis, turn.rank() + 1)?;
                stack(tensors, axis)?
            }
        };
        values.push(tensor.into());
    }
    Ok(values)
}

/// The output of a loop that made no turn. Its dims beyond the first are those that the body declares.
fn make_empty(declared: Option<&Declared>) -> Result<Tensor> {
    let declared = declared.cloned().unwrap_or_default();
    let mut dims = vec![0];
    dims.extend(declared.dims.unwrap_or_default());
    Tensor::zeros(declared.element_type.unwrap_or(ElementType::Float32), &dims)
}
