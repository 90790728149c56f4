//! Tensors cut along an axis and stacked along a new one, for sequences and loops.

use super::concat::{concat_tensors, split_tensor};
use super::view::copy_view;
use crate::error::{Error, Result};
use crate::kernels::strided::View;
use crate::tensor::{Dims, Tensor};
use crate::value::Value;

/// `tensor` at `index` along `axis`, which is dropped.
pub fn select(tensor: &Tensor, axis: usize, index: usize) -> Result<Tensor> {
    let mut view = View::whole(tensor.dims());
    let size = tensor.dims().get(axis).copied().unwrap_or(0);
    if index >= size {
        return Err(Error::execution(format!("element {index} is outside an axis of {size}")));
    }
    view.dims.remove(axis);
    view.start += view.strides.remove(axis) * index as isize;
    copy_view(tensor.clone(), &view)
}

/// The elements of `tensor` along an axis in order, each with the axis or without.
pub fn split(tensor: &Tensor, axis: usize, keeps_axis: bool) -> Result<Vec<Value>> {
    let size = tensor.dims().get(axis).copied().unwrap_or(0);
    match keeps_axis {
        true => split_tensor(tensor, axis, &vec![1; size]),
        false => (0..size).map(|index| select(tensor, axis, index).map(Value::Tensor)).collect(),
    }
}

/// Tensors of the same dims side by side along a new axis.
pub fn stack(tensors: Vec<Tensor>, axis: usize) -> Result<Tensor> {
    let add_axis = |tensor: Tensor| {
        let mut dims = Dims::from_slice(tensor.dims());
        dims.insert(axis.min(dims.len()), 1);
        tensor.reshape(&dims)
    };
    let tensors = tensors.into_iter().map(add_axis).collect::<Result<Vec<Tensor>>>()?;
    concat_tensors(&tensors.iter().collect::<Vec<_>>(), axis as i64)
}
