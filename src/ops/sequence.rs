//! Sequences and optionals. An optional that is there is the value itself.

use super::concat::{concat_tensors, split_tensor};
use super::pieces::{split, stack};
use super::shape::resolve_axis;
use super::{Call, Entry, Operator, Spec, onnx, several, single};
use crate::error::{Error, Result};
use crate::tensor::{Dims, Tensor};
use crate::value::Value;

pub const ENTRIES: &[Entry] = &[
    onnx("ConcatFromSequence", concat_from_sequence),
    onnx("Optional", optional),
    onnx("OptionalGetElement", optional_get_element),
    onnx("OptionalHasElement", optional_has_element),
    onnx("SequenceAt", sequence_at),
    onnx("SequenceConstruct", sequence_construct),
    onnx("SequenceEmpty", |_| several(|_| Ok(vec![Vec::new().into()]))),
    onnx("SequenceErase", sequence_erase),
    onnx("SequenceInsert", sequence_insert),
    onnx("SequenceLength", |_| single(|call| Ok(Tensor::scalar(call.value(0)?.sequence()?.len() as i64)))),
    onnx("SequenceMap", sequence_map),
    onnx("SplitToSequence", split_to_sequence),
];

/// <https://onnx.ai/onnx/operators/onnx__SequenceConstruct.html>
fn sequence_construct(_: &mut Spec) -> Result<Operator> {
    several(|call| {
        let values = (0..call.len()).map(|index| call.take_value(index)).collect::<Result<Vec<Value>>>()?;
        Ok(vec![values.into()])
    })
}

/// The position that an input names among `count` places; the last of them where it is missing.
fn read_position(call: &Call, index: usize, count: usize) -> Result<usize> {
    let Some(position) = call.optional(index)? else { return Ok(count.saturating_sub(1)) };
    let position = position.to_i64s()?.first().copied().unwrap_or(0);
    resolve_axis(position, count)
        .map_err(|_| Error::execution(format!("position {position} is outside a sequence with {count} places")))
}

/// <https://onnx.ai/onnx/operators/onnx__SequenceAt.html>
fn sequence_at(_: &mut Spec) -> Result<Operator> {
    several(|call| {
        let values = call.value(0)?.sequence()?;
        let position = read_position(call, 1, values.len())?;
        Ok(values.get(position).cloned().into_iter().collect())
    })
}

/// <https://onnx.ai/onnx/operators/onnx__SequenceInsert.html>
fn sequence_insert(_: &mut Spec) -> Result<Operator> {
    several(|call| {
        let places = call.value(0)?.sequence()?.len() + 1;
        let position = read_position(call, 2, places)?;
        let mut values = call.take_value(0)?.into_sequence()?;
        values.insert(position, call.take_value(1)?);
        Ok(vec![values.into()])
    })
}

/// <https://onnx.ai/onnx/operators/onnx__SequenceErase.html>
fn sequence_erase(_: &mut Spec) -> Result<Operator> {
    several(|call| {
        let count = call.value(0)?.sequence()?.len();
        if count == 0 {
            return Err(Error::execution("the sequence is empty"));
        }
        let position = read_position(call, 1, count)?;
        let mut values = call.take_value(0)?.into_sequence()?;
        values.remove(position);
        Ok(vec![values.into()])
    })
}

/// Runs the body on the elements of sequences; inputs that are tensors are the same for all.
/// <https://onnx.ai/onnx/operators/onnx__SequenceMap.html>
fn sequence_map(spec: &mut Spec) -> Result<Operator> {
    let body = spec.plan("body")?;
    several(move |call| {
        let inputs = (0..call.len()).map(|index| call.take_value(index)).collect::<Result<Vec<Value>>>()?;
        let captures = call.take_captures();
        let count = inputs.first().map(Value::sequence).transpose()?.map_or(0, <[Value]>::len);
        let mut results: Vec<Vec<Value>> = vec![Vec::with_capacity(count); body.outputs().len()];
        for index in 0..count {
            let element = |value: &Value| match value {
                Value::Sequence(values) => values.get(index).cloned(),
                other => Some(other.clone()),
            };
            let element = |value| element(value).ok_or_else(|| Error::execution("the sequences differ in length"));
            let turn = inputs.iter().map(element).collect::<Result<Vec<Value>>>()?;
            let outputs = body.run(turn.into_iter().chain(captures.iter().cloned()))?;
            results.iter_mut().zip(outputs).for_each(|(values, value)| values.push(value));
        }
        Ok(results.into_iter().map(Value::from).collect())
    })
}

/// <https://onnx.ai/onnx/operators/onnx__ConcatFromSequence.html>
fn concat_from_sequence(spec: &mut Spec) -> Result<Operator> {
    let adds_axis = spec.flag("new_axis", false);
    let axis = spec.int("axis").ok_or_else(|| spec.invalid("no axis"))?;
    single(move |call| {
        let values = call.value(0)?.sequence()?;
        let tensors = values.iter().map(Value::tensor).collect::<Result<Vec<&Tensor>>>()?;
        let rank = tensors.first().map_or(0, |tensor| tensor.rank());
        let axis = resolve_axis(axis, rank + usize::from(adds_axis))?;
        match adds_axis {
            true => stack(tensors.into_iter().cloned().collect(), axis),
            false => concat_tensors(&tensors, axis as i64),
        }
    })
}

/// <https://onnx.ai/onnx/operators/onnx__SplitToSequence.html>
fn split_to_sequence(spec: &mut Spec) -> Result<Operator> {
    let (axis, keeps_axis) = (spec.int_or("axis", 0), spec.flag("keepdims", true));
    several(move |call| {
        let tensor = call.tensor(0)?;
        let axis = resolve_axis(axis, tensor.rank())?;
        let size = tensor.dims().get(axis).copied().unwrap_or(0);
        let values = match call.optional(1)? {
            None => split(tensor, axis, keeps_axis)?,
            Some(sizes) => split_tensor(tensor, axis, &list_sizes(sizes, size)?)?,
        };
        Ok(vec![values.into()])
    })
}

/// The sizes of the parts: as listed, or all of one size but for the last.
fn list_sizes(split: &Tensor, size: usize) -> Result<Vec<usize>> {
    let wrong = || Error::execution(format!("an axis of {size} elements cannot be split so"));
    let sizes = split.to_i64s()?;
    let sizes = sizes.iter().map(|&size| usize::try_from(size).map_err(|_| wrong())).collect::<Result<Vec<usize>>>()?;
    match (split.rank(), sizes.as_slice()) {
        (0, [0]) => Err(wrong()),
        (0, [each]) => Ok((0..size).step_by(*each).map(|start| (*each).min(size - start)).collect()),
        _ if sizes.iter().try_fold(0usize, |sum, size| sum.checked_add(*size)) == Some(size) => Ok(sizes),
        _ => Err(wrong()),
    }
}

/// <https://onnx.ai/onnx/operators/onnx__Optional.html>
fn optional(_: &mut Spec) -> Result<Operator> {
    several(|call| match call.is_empty() {
        true => Ok(vec![Value::Nothing]),
        false => Ok(vec![call.take_value(0)?]),
    })
}

/// <https://onnx.ai/onnx/operators/onnx__OptionalHasElement.html>
fn optional_has_element(_: &mut Spec) -> Result<Operator> {
    single(|call| {
        let is_there = call.optional_value(0).is_some_and(|value| !matches!(value, Value::Nothing));
        Tensor::new(&Dims::new(), vec![is_there])
    })
}

/// <https://onnx.ai/onnx/operators/onnx__OptionalGetElement.html>
fn optional_get_element(_: &mut Spec) -> Result<Operator> {
    several(|call| match call.take_value(0)? {
        Value::Nothing => Err(Error::execution("the optional holds nothing")),
        value => Ok(vec![value]),
    })
}
