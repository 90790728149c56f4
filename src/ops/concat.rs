//! Tensors put together and taken apart.

use super::shape::resolve_axis;
use super::view::{copy_view, product, read_integers};
use super::{Call, Entry, Operator, Spec, onnx, several, single};
use crate::error::{Error, Result};
use crate::kernels::strided::{View, interleave};
use crate::tensor::{Dims, Tensor, reserve};
use crate::value::Value;
use crate::with_bits;

pub const ENTRIES: &[Entry] = &[onnx("Concat", concat), onnx("Split", split)];

/// The axis is 1 where a node before opset 4 does not say. <https://onnx.ai/onnx/operators/onnx__Concat.html>
fn concat(spec: &mut Spec) -> Result<Operator> {
    let default = (spec.opset() < 4).then_some(1);
    let axis = spec.int("axis").or(default).ok_or_else(|| spec.invalid("no axis"))?;
    single(move |call| {
        if call.len() == 1 {
            let tensor = call.take(0)?;
            resolve_axis(axis, tensor.rank())?;
            return Ok(tensor);
        }
        let parts = (0..call.len()).map(|index| call.tensor(index)).collect::<Result<Vec<_>>>()?;
        concat_tensors(&parts, axis)
    })
}

/// Tensors one behind the other along an axis.
pub fn concat_tensors(parts: &[&Tensor], axis: i64) -> Result<Tensor> {
    let first = parts.first().ok_or_else(|| Error::execution("expected at least one input, got none"))?;
    let axis = resolve_axis(axis, first.rank())?;
    let mut dims = Dims::from_slice(first.dims());
    let mut size = 0usize;
    for part in parts {
        let own = part.dims().get(axis).copied().unwrap_or(0);
        let fits = |(index, pair): (usize, (&usize, &usize))| index == axis || pair.0 == pair.1;
        let same = part.rank() == first.rank() && part.dims().iter().zip(first.dims()).enumerate().all(fits);
        if !same || part.element_type() != first.element_type() {
            return Err(Error::execution(format!("expected inputs alike but for axis {axis}, got {first} and {part}")));
        }
        size = size.checked_add(own).ok_or_else(|| Error::limit(format!("axis {axis} would be too long")))?;
    }
    if let Some(dim) = dims.get_mut(axis) {
        *dim = size;
    }
    let outer = product(dims.get(..axis).unwrap_or_default());
    with_bits!(first, T => {
        let mut values = reserve::<T>(&dims)?;
        let slices = parts.iter().map(|part| part.bits::<T>()).collect::<Result<Vec<_>>>()?;
        interleave(&slices, outer, &mut values);
        Tensor::from_bits(first.element_type(), &dims, values)
    })
}

/// Where the sizes of a Split come from.
enum Sizes {
    Given(Vec<usize>),
    /// The second input, if it is there.
    Input,
    /// Equal ones, the last smaller where they do not come out even.
    Equal {
        allows_rest: bool,
    },
}

/// The sizes are an attribute before opset 13 and an input from then on.
/// <https://onnx.ai/onnx/operators/onnx__Split.html>
fn split(spec: &mut Spec) -> Result<Operator> {
    let axis = spec.int_or("axis", 0);
    let count = match spec.int("num_outputs") {
        Some(count) if spec.opset() >= 18 => {
            usize::try_from(count).ok().filter(|&count| count > 0 && count >= spec.outputs())
        }
        _ => Some(spec.outputs()),
    };
    let count = count.ok_or_else(|| spec.invalid("num_outputs below the number of outputs"))?;
    let sizes = match spec.sizes("split")? {
        Some(sizes) => Sizes::Given(sizes),
        None if spec.has_input(1) => Sizes::Input,
        None => Sizes::Equal { allows_rest: spec.opset() >= 18 },
    };
    several(move |call| {
        let given = read_sizes(call, &sizes)?;
        let tensor = call.take(0)?;
        let axis = resolve_axis(axis, tensor.rank())?;
        let size = tensor.dims().get(axis).copied().unwrap_or(0);
        let sizes = match given {
            Some(given) => given,
            None => split_evenly(size, count, matches!(sizes, Sizes::Equal { allows_rest: true }))?,
        };
        let sum = sizes.iter().try_fold(0usize, |sum, &part| sum.checked_add(part));
        if sum != Some(size) || sizes.len() < call.outputs() {
            let outputs = call.outputs();
            return Err(Error::execution(format!("{sizes:?} do not split {size} elements into {outputs} outputs")));
        }
        split_tensor(&tensor, axis, &sizes)
    })
}

fn read_sizes(call: &Call, sizes: &Sizes) -> Result<Option<Vec<usize>>> {
    let negative = |values: &[i64]| Error::execution(format!("expected sizes from 0, got {values:?}"));
    let read = |values: Vec<i64>| {
        let sizes = values.iter().map(|&value| usize::try_from(value).ok());
        sizes.collect::<Option<Vec<_>>>().ok_or_else(|| negative(&values))
    };
    match sizes {
        Sizes::Given(sizes) => Ok(Some(sizes.clone())),
        Sizes::Input => read_integers(call, 1)?.map(read).transpose(),
        Sizes::Equal { .. } => Ok(None),
    }
}

fn split_evenly(size: usize, count: usize, allows_rest: bool) -> Result<Vec<usize>> {
    let part = size.div_ceil(count.max(1));
    let last = part.checked_mul(count.saturating_sub(1)).and_then(|rest| size.checked_sub(rest));
    match last {
        Some(last) if last == part || allows_rest => {
            let mut sizes = vec![part; count.saturating_sub(1)];
            sizes.push(last);
            Ok(sizes)
        }
        _ => Err(Error::execution(format!("{size} elements cannot be split into {count} equal parts"))),
    }
}

/// Parts of the given sizes along an axis, in order.
pub fn split_tensor(tensor: &Tensor, axis: usize, sizes: &[usize]) -> Result<Vec<Value>> {
    let mut view = View::whole(tensor.dims());
    let stride = view.strides.get(axis).copied().unwrap_or(0);
    let mut parts = Vec::with_capacity(sizes.len());
    for &size in sizes {
        if let Some(dim) = view.dims.get_mut(axis) {
            *dim = size;
        }
        parts.push(Value::Tensor(copy_view(tensor.clone(), &view)?));
        view.start += stride * size as isize;
    }
    Ok(parts)
}
