//! Elements chosen by their values: the largest, the different, those that are not zero.

mod key;
mod unique;

use super::shape::resolve_axis;
use super::view::{copy_places, product, read_integer};
use super::{Entry, Operator, Spec, contrib, onnx, several, single};
use crate::error::{Error, Result};
use crate::kernels::strided::row_major;
use crate::tensor::{Bits, Dims, ElementType, Tensor, count_elements};
use crate::with_bits;
use key::Numbers;

pub const ENTRIES: &[Entry] = &[
    onnx("NonZero", non_zero),
    onnx("TopK", top_k),
    onnx("Unique", unique::unique),
    contrib("Unique", unique::unique_in_order),
];

/// K is an attribute before opset 10 and an input from then on. <https://onnx.ai/onnx/operators/onnx__TopK.html>
fn top_k(spec: &mut Spec) -> Result<Operator> {
    let (axis, old) = (spec.int_or("axis", -1), spec.int("k"));
    let is_largest = spec.flag("largest", true);
    several(move |call| {
        let count = if let Some(count) = old { count } else { read_integer(call, 1)? };
        let tensor = call.tensor(0)?;
        let axis = resolve_axis(axis, tensor.rank())?;
        let size = tensor.dims().get(axis).copied().unwrap_or(0);
        let count = usize::try_from(count).ok().filter(|&count| count <= size).ok_or_else(|| {
            Error::execution(format!("{count} elements cannot be chosen along axis {axis} of {size} elements"))
        })?;
        let mut dims = Dims::from_slice(tensor.dims());
        if let Some(dim) = dims.get_mut(axis) {
            *dim = count;
        }
        let inner = product(dims.get(axis + 1..).unwrap_or_default());
        let outer = product(dims.get(..axis).unwrap_or_default());
        let total = count_elements::<i64>(&dims)?;
        let (mut indices, mut places) = (vec![0i64; total], vec![0usize; total]);
        let numbers = Numbers::of(tensor)?;
        let mut chosen = vec![];
        for column in (0..outer * inner).filter(|_| count > 0) {
            let (start, result) = ((column / inner) * size * inner, (column / inner) * count * inner);
            let (start, result) = (start + column % inner, result + column % inner);
            numbers.select(start, inner, size, count, is_largest, &mut chosen);
            for (rank, &(_, index)) in chosen.iter().enumerate() {
                let slot = result + rank * inner;
                if let (Some(to), Some(place)) = (indices.get_mut(slot), places.get_mut(slot)) {
                    *to = i64::from(index);
                    *place = start + index as usize * inner;
                }
            }
        }
        Ok(vec![copy_places(tensor, &places, 1, &dims)?.into(), Tensor::new(&dims, indices)?.into()])
    })
}

/// <https://onnx.ai/onnx/operators/onnx__NonZero.html>
fn non_zero(_: &mut Spec) -> Result<Operator> {
    single(|call| {
        let tensor = call.tensor(0)?;
        let places = match tensor.element_type() {
            // Zero has two signs.
            ElementType::Float32 => find(tensor.bits::<u32>()?, |bits| bits << 1 != 0),
            ElementType::Float64 => find(tensor.bits::<u64>()?, |bits| bits << 1 != 0),
            _ => with_bits!(tensor, T => find(tensor.bits::<T>()?, |value| *value != T::default())),
        };
        let dims = if tensor.rank() == 0 { &[1] } else { tensor.dims() };
        let mut coordinates = Vec::with_capacity(count_elements::<i64>(&[dims.len(), places.len()])?);
        for (&dim, stride) in dims.iter().zip(row_major(dims)) {
            let (dim, stride) = (dim.max(1), (stride as usize).max(1));
            coordinates.extend(places.iter().map(|place| (place / stride % dim) as i64));
        }
        Tensor::new(&[dims.len(), places.len()], coordinates)
    })
}

fn find<T: Bits>(values: &[T], matches: impl Fn(&T) -> bool) -> Vec<usize> {
    values.iter().enumerate().filter(|(_, value)| matches(value)).map(|(place, _)| place).collect()
}
