//! Pooling undone.

use super::split_dims;
use crate::error::{Error, Result};
use crate::ops::{Operator, Spec, single};
use crate::tensor::{Dims, Element, Tensor, fill};
use crate::with_bits;

/// The dims without an output_shape are the smallest ones that the windows cover.
/// <https://onnx.ai/onnx/operators/onnx__MaxUnpool.html>
pub fn max_unpool(spec: &mut Spec) -> Result<Operator> {
    let kernel = spec.sizes("kernel_shape")?.ok_or_else(|| spec.invalid("no kernel_shape"))?;
    let strides = spec.sizes("strides")?.filter(|strides| !strides.is_empty()).unwrap_or(vec![1; kernel.len()]);
    let pads = spec.sizes("pads")?.filter(|pads| !pads.is_empty()).unwrap_or(vec![0; kernel.len() * 2]);
    if strides.len() != kernel.len() || pads.len() != kernel.len() * 2 {
        return Err(spec.invalid(&format!("kernel_shape={kernel:?}, strides={strides:?} and pads={pads:?}")));
    }
    single(move |call| {
        let tensor = call.tensor(0)?;
        let (mut dims, spatial) = split_dims(tensor)?;
        let (before, after) = pads.split_at(kernel.len());
        let axes = spatial.iter().zip(&kernel).zip(&strides).zip(before.iter().zip(after));
        for (((&size, &kernel), &stride), (before, after)) in axes {
            let covered = size.checked_sub(1).and_then(|steps| steps.checked_mul(stride)?.checked_add(kernel));
            let dim = covered.and_then(|covered| covered.checked_sub(before.checked_add(*after)?));
            dims.push(dim.ok_or_else(|| Error::execution("the padding is larger than what the windows cover"))?);
        }
        if let Some(wanted) = call.optional(2)? {
            let wanted = wanted.to_i64s()?;
            let sizes = wanted.iter().map(|&size| usize::try_from(size));
            dims = sizes
                .collect::<std::result::Result<Dims, _>>()
                .map_err(|_| Error::execution(format!("output_shape {wanted:?}")))?;
        }
        let indices = call.tensor(1)?;
        if indices.dims() != tensor.dims() {
            return Err(Error::execution("expected as many indices as values"));
        }
        let indices = indices.to_i64s()?;
        with_bits!(tensor, T => {
            let output = scatter(tensor.bits::<T>()?, &indices, &dims)?;
            Tensor::from_bits(tensor.element_type(), &dims, output)
        })
    })
}

fn scatter<T: Element>(values: &[T], indices: &[i64], dims: &[usize]) -> Result<Vec<T>> {
    let mut output = fill(dims, T::default())?;
    for (value, &index) in values.iter().zip(indices) {
        let place = usize::try_from(index).ok().and_then(|index| output.get_mut(index));
        *place.ok_or_else(|| Error::execution(format!("index {index} is outside the dims {dims:?}")))? = value.clone();
    }
    Ok(output)
}
