//! Elements read at places that indices name.

mod places;

pub use places::{places_of_elements, places_of_tuples};

use self::places::places_along;
use super::shape::resolve_axis;
use super::view::{copy_places, copy_view, product, resolve_index};
use super::{Entry, Operator, Spec, contrib, onnx, single};
use crate::error::{Error, Result};
use crate::kernels::runs;
use crate::kernels::strided::View;
use crate::tensor::{Dims, Tensor, reserve};
use crate::with_bits;

pub const ENTRIES: &[Entry] = &[
    onnx("Compress", compress),
    onnx("Gather", gather),
    onnx("GatherElements", gather_elements),
    onnx("GatherND", gather_nd),
    onnx("ReverseSequence", reverse_sequence),
    contrib("GatherND", gather_nd),
];

/// <https://onnx.ai/onnx/operators/onnx__Gather.html>
fn gather(spec: &mut Spec) -> Result<Operator> {
    let axis = spec.int_or("axis", 0);
    single(move |call| {
        let axis = resolve_axis(axis, call.tensor(0)?.rank())?;
        let indices = call.tensor(1)?;
        if indices.len() != 1 {
            return gather_along(call.tensor(0)?, axis, &indices.to_i64s()?, indices.dims());
        }
        let (index, dims) = (indices.to_i64s()?.first().copied().unwrap_or(0), Dims::from_slice(indices.dims()));
        gather_one(call.take(0)?, axis, index, &dims)
    })
}

/// One index makes a view, which is copied best.
fn gather_one(tensor: Tensor, axis: usize, index: i64, indices: &[usize]) -> Result<Tensor> {
    let mut view = View::whole(tensor.dims());
    let size = tensor.dims().get(axis).copied().unwrap_or(0);
    let index = resolve_index(index, size, axis)?;
    view.start = view.strides.get(axis).map_or(0, |stride| stride * index as isize);
    if let Some(dim) = view.dims.get_mut(axis) {
        *dim = 1;
    }
    let dims = replace_axis(tensor.dims(), axis, indices);
    copy_view(tensor, &view)?.reshape(&dims)
}

/// Dims with others in the place of an axis.
fn replace_axis(dims: &[usize], axis: usize, by: &[usize]) -> Dims {
    let outer = dims.iter().take(axis);
    outer.chain(by).chain(dims.iter().skip(axis + 1)).copied().collect()
}

/// The elements at indices along an axis, whose place the dims of the indices take.
pub fn gather_along(tensor: &Tensor, axis: usize, indices: &[i64], indices_dims: &[usize]) -> Result<Tensor> {
    let dims = replace_axis(tensor.dims(), axis, indices_dims);
    let places = places_along(tensor, axis, indices)?;
    let inner = product(tensor.dims().get(axis + 1..).unwrap_or_default());
    let chunk = product(tensor.dims().get(axis..).unwrap_or_default());
    with_bits!(tensor, T => {
        let mut values = reserve::<T>(&dims)?;
        for chunk in tensor.bits::<T>()?.chunks_exact(chunk.max(1)) {
            runs::gather(chunk, &places, inner, &mut values)?;
        }
        Tensor::from_bits(tensor.element_type(), &dims, values)
    })
}

/// <https://onnx.ai/onnx/operators/onnx__GatherElements.html>
fn gather_elements(spec: &mut Spec) -> Result<Operator> {
    let axis = spec.int_or("axis", 0);
    single(move |call| {
        let (tensor, indices) = (call.tensor(0)?, call.tensor(1)?);
        let places = places_of_elements(tensor.dims(), resolve_axis(axis, tensor.rank())?, indices)?;
        copy_places(tensor, &places, 1, indices.dims())
    })
}

/// <https://onnx.ai/onnx/operators/onnx__GatherND.html>
fn gather_nd(spec: &mut Spec) -> Result<Operator> {
    let batch = spec.int_or("batch_dims", 0);
    let batch = usize::try_from(batch).map_err(|_| spec.invalid(&format!("batch_dims={batch}")))?;
    single(move |call| {
        let (tensor, indices) = (call.tensor(0)?, call.tensor(1)?);
        let (places, inner) = places_of_tuples(tensor.dims(), indices, batch)?;
        let outer = indices.dims().iter().take(indices.rank().saturating_sub(1));
        let dims: Dims = outer.chain(inner).copied().collect();
        copy_places(tensor, &places, product(inner), &dims)
    })
}

/// <https://onnx.ai/onnx/operators/onnx__Compress.html>
fn compress(spec: &mut Spec) -> Result<Operator> {
    let axis = spec.int("axis");
    single(move |call| {
        let mut tensor = call.tensor(0)?.clone();
        let axis = match axis {
            Some(axis) => resolve_axis(axis, tensor.rank())?,
            None => {
                let len = tensor.len();
                tensor = tensor.reshape(&[len])?;
                0
            }
        };
        let size = tensor.dims().get(axis).copied().unwrap_or(0);
        let condition = call.slice::<bool>(1)?.iter().take(size).enumerate();
        let chosen: Vec<i64> = condition.filter(|(_, keeps)| **keeps).map(|(index, _)| index as i64).collect();
        gather_along(&tensor, axis, &chosen, &[chosen.len()])
    })
}

/// <https://onnx.ai/onnx/operators/onnx__ReverseSequence.html>
fn reverse_sequence(spec: &mut Spec) -> Result<Operator> {
    let time_first = match (spec.int_or("time_axis", 0), spec.int_or("batch_axis", 1)) {
        (0, 1) => true,
        (1, 0) => false,
        (time, batch) => return Err(spec.invalid(&format!("time_axis={time} and batch_axis={batch}"))),
    };
    single(move |call| {
        let tensor = call.tensor(0)?;
        let [first, second, inner @ ..] = tensor.dims() else {
            return Err(Error::execution(format!("expected at least 2 axes, got {tensor}")));
        };
        let (times, batch) = if time_first { (*first, *second) } else { (*second, *first) };
        let lengths = call.tensor(1)?.to_i64s()?;
        if lengths.len() != batch {
            return Err(Error::execution(format!("{} lengths do not fit a batch of {batch}", lengths.len())));
        }
        let lengths = lengths.iter().map(|&length| usize::try_from(length).ok().filter(|&length| length <= times));
        let lengths = lengths.collect::<Option<Vec<_>>>();
        let lengths = lengths.ok_or_else(|| Error::execution(format!("expected lengths from 0 to {times}")))?;
        let run = product(inner);
        let mut places = Vec::with_capacity(times * batch);
        let place = |time: usize, item: usize, length: usize| {
            let time = if time < length { length - 1 - time } else { time };
            (if time_first { time * batch + item } else { item * times + time }) * run
        };
        if time_first {
            let each = |time| lengths.iter().enumerate().map(move |(item, &length)| place(time, item, length));
            places.extend((0..times).flat_map(each));
        } else {
            for (item, &length) in lengths.iter().enumerate() {
                places.extend((0..times).map(|time| place(time, item, length)));
            }
        }
        copy_places(tensor, &places, run, tensor.dims())
    })
}
