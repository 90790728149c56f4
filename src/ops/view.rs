//! What operators that move elements share: tensors from views and from places.

use super::Call;
use crate::error::{Error, Result};
use crate::kernels::runs;
use crate::kernels::strided::{View, collect};
use crate::tensor::{Dims, Tensor, reserve};
use crate::with_bits;

/// The elements of a view, copied unless they are all those of the tensor in order.
pub fn copy_view(tensor: Tensor, view: &View) -> Result<Tensor> {
    if view.is_whole(tensor.len()) {
        return tensor.reshape(&view.dims);
    }
    with_bits!(tensor, T => {
        let mut values = reserve::<T>(&view.dims)?;
        collect(tensor.bits::<T>()?, view, &mut values)?;
        Tensor::from_bits(tensor.element_type(), &view.dims, values)
    })
}

/// The runs of `run` elements that start at the places, as a tensor of `dims`.
pub fn copy_places(tensor: &Tensor, places: &[usize], run: usize, dims: &[usize]) -> Result<Tensor> {
    with_bits!(tensor, T => {
        let mut values = reserve::<T>(dims)?;
        runs::gather(tensor.bits::<T>()?, places, run, &mut values)?;
        Tensor::from_bits(tensor.element_type(), dims, values)
    })
}

/// An index into an axis; a negative one counts from the end.
pub fn resolve_index(index: i64, size: usize, axis: usize) -> Result<usize> {
    let resolved = if index < 0 { index.saturating_add(size as i64) } else { index };
    let resolved = usize::try_from(resolved).ok().filter(|&resolved| resolved < size);
    resolved.ok_or_else(|| Error::execution(format!("index {index} is outside axis {axis} of {size} elements")))
}

/// Sizes that an input of integers gives.
pub fn read_dims(call: &Call, input: usize) -> Result<Dims> {
    let values = call.tensor(input)?.to_i64s()?;
    let sizes = values.iter().map(|&value| usize::try_from(value).ok());
    sizes.collect::<Option<Dims>>().ok_or_else(|| Error::execution(format!("expected sizes, got {values:?}")))
}

/// The elements of an input of integers, where the node has it.
pub fn read_integers(call: &Call, input: usize) -> Result<Option<Vec<i64>>> {
    call.optional(input)?.map(|tensor| tensor.to_i64s().map(|values| values.into_owned())).transpose()
}

/// The one element of an integer input, whatever its dims.
pub fn read_integer(call: &Call, input: usize) -> Result<i64> {
    let tensor = call.tensor(input)?;
    match *tensor.to_i64s()? {
        [value] => Ok(value),
        _ => Err(Error::execution(format!("expected one integer, got {tensor}"))),
    }
}

/// The product of dims, which belong to a tensor that is there or are about to be checked.
pub fn product(dims: &[usize]) -> usize {
    dims.iter().fold(1, |product, &dim| product.saturating_mul(dim))
}
