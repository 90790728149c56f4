//! Tensors cut along an axis and joined along one, for sequences and loops.

use crate::error::{Error, Result};
use crate::tensor::{Bits, Dims, Element, Tensor, check_bytes, reserve};
use crate::with_bits;

/// Elements before an axis and after it.
fn split_dims(dims: &[usize], axis: usize) -> (usize, usize) {
    let (outer, rest) = dims.split_at(axis.min(dims.len()));
    (outer.iter().product(), rest.iter().skip(1).product())
}

/// The elements of `tensor` from `start` on, `count` along `axis`, which the tensor has.
pub fn extract(tensor: &Tensor, axis: usize, start: usize, count: usize) -> Result<Tensor> {
    let (_, inner) = split_dims(tensor.dims(), axis);
    let size = tensor.dims().get(axis).copied().unwrap_or(1);
    if start.checked_add(count).is_none_or(|end| end > size) {
        return Err(Error::execution(format!("{count} elements from {start} on are not in an axis of {size}")));
    }
    let mut dims = Dims::from_slice(tensor.dims());
    if let Some(dim) = dims.get_mut(axis) {
        *dim = count;
    }
    with_bits!(tensor, T => {
        let source = tensor.bits::<T>()?;
        let rows = source.chunks(size.saturating_mul(inner).max(1));
        let parts = rows.filter_map(|row| row.get(start * inner..(start + count) * inner));
        Tensor::from_bits::<T>(tensor.element_type(), &dims, parts.flatten().cloned().collect())
    })
}

/// `tensor` at `index` along `axis`, which is dropped.
pub fn select(tensor: &Tensor, axis: usize, index: usize) -> Result<Tensor> {
    let part = extract(tensor, axis, index, 1)?;
    let mut dims = Dims::from_slice(part.dims());
    dims.remove(axis);
    part.reshape(&dims)
}

/// Tensors one after the other along `axis`; all other dims are the same.
pub fn concatenate(tensors: &[&Tensor], axis: usize) -> Result<Tensor> {
    let Some(first) = tensors.first() else {
        return Err(Error::execution("there are no tensors to join"));
    };
    let mut dims = Dims::from_slice(first.dims());
    let mut size = 0;
    for tensor in tensors {
        let mut others = tensor.dims().iter().zip(first.dims()).enumerate();
        let fits = others.all(|(index, (own, other))| index == axis || own == other) && axis < tensor.rank();
        if !fits || tensor.rank() != first.rank() || tensor.element_type() != first.element_type() {
            return Err(Error::execution(format!("{first} and {tensor} cannot be joined along axis {axis}")));
        }
        size += tensor.dims().get(axis).copied().unwrap_or(0);
    }
    if let Some(dim) = dims.get_mut(axis) {
        *dim = size;
    }
    check_bytes(first.element_type(), &dims)?;
    with_bits!(first, T => join::<T>(tensors, axis, &dims))
}

fn join<T: Bits + Element>(tensors: &[&Tensor], axis: usize, dims: &[usize]) -> Result<Tensor> {
    let Some(first) = tensors.first() else { return Err(Error::execution("there are no tensors to join")) };
    let (outer, _) = split_dims(dims, axis);
    let mut values: Vec<T> = reserve(dims)?;
    let mut rows = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let values = tensor.bits::<T>()?;
        rows.push(values.chunks((values.len() / outer.max(1)).max(1)));
    }
    for _ in 0..outer {
        rows.iter_mut().filter_map(Iterator::next).for_each(|row| values.extend_from_slice(row));
    }
    Tensor::from_bits(first.element_type(), dims, values)
}

/// Tensors of the same dims side by side along a new axis.
pub fn stack(tensors: Vec<Tensor>, axis: usize) -> Result<Tensor> {
    let add_axis = |tensor: Tensor| {
        let mut dims = Dims::from_slice(tensor.dims());
        dims.insert(axis.min(dims.len()), 1);
        tensor.reshape(&dims)
    };
    let tensors = tensors.into_iter().map(add_axis).collect::<Result<Vec<Tensor>>>()?;
    concatenate(&tensors.iter().collect::<Vec<_>>(), axis)
}
