//! Elements, or slices along an axis, without those that are there already.

use super::key::Numbers;
use crate::error::Result;
use crate::kernels::strided::View;
use crate::ops::gather::gather_along;
use crate::ops::shape::resolve_axis;
use crate::ops::view::copy_view;
use crate::ops::{Operator, Spec, several};
use crate::tensor::Tensor;
use crate::value::Value;

/// <https://onnx.ai/onnx/operators/onnx__Unique.html>
pub fn unique(spec: &mut Spec) -> Result<Operator> {
    let (axis, is_sorted) = (spec.int("axis"), spec.flag("sorted", true));
    several(move |call| {
        let (values, [first, inverse, counts]) = find_unique(call.tensor(0)?, axis, is_sorted)?;
        Ok(vec![values.into(), first, inverse, counts])
    })
}

/// Values in the order in which they come, the place of each input among them, and counts.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.Unique>
pub fn unique_in_order(_: &mut Spec) -> Result<Operator> {
    several(|call| {
        let (values, [_, inverse, counts]) = find_unique(call.tensor(0)?, None, false)?;
        Ok(vec![values.into(), inverse, counts])
    })
}

/// What is different, and the first index of each, the place of each input among them, and their counts.
fn find_unique(tensor: &Tensor, axis: Option<i64>, is_sorted: bool) -> Result<(Tensor, [Value; 3])> {
    let (tensor, axis) = match axis {
        Some(axis) => (tensor.clone(), resolve_axis(axis, tensor.rank())?),
        None => (tensor.clone().reshape(&[tensor.len()])?, 0),
    };
    let size = tensor.dims().get(axis).copied().unwrap_or(0);
    let mut view = View::whole(tensor.dims());
    let (dim, stride) = (view.dims.remove(axis), view.strides.remove(axis));
    view.dims.insert(0, dim);
    view.strides.insert(0, stride);
    let rows = copy_view(tensor.clone(), &view)?;
    let keys = Numbers::of(&rows)?.keys();
    let width = keys.len().checked_div(size).unwrap_or(0);
    let row = |index: usize| keys.get(index * width..(index + 1) * width).unwrap_or_default();

    let mut order: Vec<usize> = (0..size).collect();
    order.sort_unstable_by(|&a, &b| row(a).cmp(row(b)).then(a.cmp(&b)));
    let mut groups: Vec<&[usize]> = order.chunk_by(|&a, &b| row(a) == row(b)).collect();
    if !is_sorted {
        groups.sort_unstable_by_key(|group| group.first().copied());
    }
    let mut inverse = vec![0i64; size];
    for (number, group) in groups.iter().enumerate() {
        for &member in *group {
            if let Some(slot) = inverse.get_mut(member) {
                *slot = number as i64;
            }
        }
    }
    let first: Vec<i64> = groups.iter().filter_map(|group| group.first()).map(|&index| index as i64).collect();
    let counts: Vec<i64> = groups.iter().map(|group| group.len() as i64).collect();
    let values = gather_along(&tensor, axis, &first, &[first.len()])?;
    Ok((values, [first, inverse, counts].map(|values| Tensor::vector(values).into())))
}
