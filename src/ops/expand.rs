//! Elements that come more than once.

use super::cast::cast;
use super::shape::resolve_axis;
use super::view::{copy_view, read_dims, read_integer};
use super::{Call, Entry, Operator, Spec, contrib, onnx, single};
use crate::error::{Error, Result};
use crate::kernels::strided::{Strides, View, row_major};
use crate::tensor::{Dims, ElementType};

pub const ENTRIES: &[Entry] =
    &[onnx("Expand", expand), contrib("ExpandDims", expand_dims), onnx("Tile", tile), contrib("UnfoldTensor", unfold)];

/// A tensor of `dims` repeated along axes of one element until it has the dims that it has together with `shape`.
pub fn broadcast(dims: &[usize], shape: &[usize]) -> Result<View> {
    let rank = dims.len().max(shape.len());
    let strides = row_major(dims);
    let mut view = View { start: 0, dims: Dims::new(), strides: Strides::new() };
    for axis in 0..rank {
        let own = (axis + dims.len()).checked_sub(rank);
        let size = own.and_then(|own| dims.get(own)).copied().unwrap_or(1);
        let stride = own.and_then(|own| strides.get(own)).copied().unwrap_or(0);
        let wanted = (axis + shape.len()).checked_sub(rank).and_then(|own| shape.get(own)).copied().unwrap_or(1);
        match (size, wanted) {
            (1, _) => view.push(wanted, 0),
            (_, 1) => view.push(size, stride),
            _ if size == wanted => view.push(size, stride),
            _ => {
                return Err(Error::execution(format!("dims {dims:?} cannot be broadcast to {shape:?}")));
            }
        }
    }
    Ok(view)
}

/// <https://onnx.ai/onnx/operators/onnx__Expand.html>
fn expand(_: &mut Spec) -> Result<Operator> {
    single(|call| {
        let shape = read_dims(call, 1)?;
        let tensor = call.take(0)?;
        let view = broadcast(tensor.dims(), &shape)?;
        copy_view(tensor, &view)
    })
}

/// Repeats of all axes from those of one, and the axis; both are of the type of what is repeated.
fn read_tiles(call: &Call) -> Result<Dims> {
    let rank = call.tensor(0)?.rank();
    let read = |input: usize| cast(call.tensor(input)?.clone(), ElementType::Int64)?.only::<i64>();
    let (count, axis) = (read(1)?, resolve_axis(read(2)?, rank)?);
    let count = usize::try_from(count).map_err(|_| Error::execution(format!("expected a count, got {count}")))?;
    Ok((0..rank).map(|index| if index == axis { count } else { 1 }).collect())
}

/// Before opset 6 one axis alone is repeated, which is the third input. <https://onnx.ai/onnx/operators/onnx__Tile.html>
fn tile(spec: &mut Spec) -> Result<Operator> {
    let is_old = spec.opset() < 6;
    single(move |call| {
        let repeats = if is_old { read_tiles(call)? } else { read_dims(call, 1)? };
        let tensor = call.take(0)?;
        if repeats.len() != tensor.rank() {
            return Err(Error::execution(format!("{} repeats do not fit {} axes", repeats.len(), tensor.rank())));
        }
        let mut view = View { start: 0, dims: Dims::new(), strides: Strides::new() };
        let mut dims = Dims::new();
        for ((&dim, stride), &repeat) in tensor.dims().iter().zip(row_major(tensor.dims())).zip(&repeats) {
            view.push(repeat, 0);
            view.push(dim, stride);
            let size = dim.checked_mul(repeat);
            dims.push(size.ok_or_else(|| Error::limit(format!("{dim} elements cannot be repeated {repeat} times")))?);
        }
        copy_view(tensor, &view)?.reshape(&dims)
    })
}

/// An axis of one element; Unsqueeze before ONNX had it.
fn expand_dims(_: &mut Spec) -> Result<Operator> {
    single(|call| {
        let axis = read_integer(call, 1)?;
        let tensor = call.take(0)?;
        let axis = resolve_axis(axis, tensor.rank() + 1)?;
        let mut dims = Dims::from_slice(tensor.dims());
        dims.insert(axis.min(tensor.rank()), 1);
        tensor.reshape(&dims)
    })
}

/// Windows along an axis, their elements along a new one behind all others.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.UnfoldTensor>
fn unfold(spec: &mut Spec) -> Result<Operator> {
    let (axis, size, step) = (spec.int_or("dim", -1), spec.int_or("size", 0), spec.int_or("step", 1));
    let at_least_one = |value: i64| usize::try_from(value).ok().filter(|&value| value > 0);
    let (Some(size), Some(step)) = (at_least_one(size), at_least_one(step)) else {
        return Err(spec.invalid(&format!("size={size} and step={step}")));
    };
    single(move |call| {
        let tensor = call.take(0)?;
        let axis = resolve_axis(axis, tensor.rank())?;
        let mut view = View::whole(tensor.dims());
        let (Some(dim), Some(stride)) = (view.dims.get_mut(axis), view.strides.get_mut(axis)) else {
            return Err(Error::execution("expected one axis or more"));
        };
        let room = dim.checked_sub(size);
        let room = room.ok_or_else(|| Error::execution(format!("a window of {size} does not fit an axis of {dim}")))?;
        *dim = room / step + 1;
        let own = *stride;
        *stride = if *dim == 1 { 0 } else { own * step as isize };
        view.push(size, own);
        copy_view(tensor, &view)
    })
}
