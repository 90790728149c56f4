//! Columns of blocks put back into an image.

use std::ops::AddAssign;

use super::geometry::Attributes;
use crate::error::{Error, Result};
use crate::kernels::conv::{Geometry, add_columns};
use crate::ops::integer::narrow;
use crate::ops::{Call, Operator, Spec, single};
use crate::tensor::{Dims, Element, ElementType, Tensor, fill};

/// <https://onnx.ai/onnx/operators/onnx__Col2Im.html>
pub fn col2im(spec: &mut Spec) -> Result<Operator> {
    let attributes = Attributes::read(spec)?;
    single(move |call| run(call, &attributes))
}

fn read_sizes(call: &Call, index: usize) -> Result<Vec<usize>> {
    let sizes = call.tensor(index)?.to_i64s()?;
    let sizes = sizes.iter().map(|&size| usize::try_from(size)).collect::<std::result::Result<_, _>>();
    sizes.map_err(|_| Error::execution("expected sizes from 0"))
}

fn run(call: &Call, attributes: &Attributes) -> Result<Tensor> {
    let columns = call.tensor(0)?;
    let (image, block) = (read_sizes(call, 1)?, read_sizes(call, 2)?);
    let geometry = attributes.resolve(&image, &block)?;
    let taps = geometry.taps();
    let (batch, channels) = match *columns.dims() {
        [batch, rows, blocks] if rows.is_multiple_of(taps) && blocks == geometry.output_pixels() => {
            (batch, rows / taps)
        }
        _ => {
            return Err(Error::execution(format!(
                "expected columns of [batch, channels times {taps}, {}]",
                geometry.output_pixels()
            )));
        }
    };
    let mut dims = Dims::from_slice(&[batch, channels]);
    dims.extend_from_slice(&image);
    match columns.element_type() {
        ElementType::Float32 => Tensor::new(&dims, fold::<f32>(&geometry, columns.slice()?, &dims)?),
        ElementType::Float64 => Tensor::new(&dims, fold::<f64>(&geometry, columns.slice()?, &dims)?),
        element_type => narrow(element_type, &dims, fold::<i64>(&geometry, &columns.to_i64s()?, &dims)?),
    }
}

fn fold<T: Element + Copy + AddAssign>(geometry: &Geometry, columns: &[T], dims: &[usize]) -> Result<Vec<T>> {
    let mut values = fill(dims, T::default())?;
    let [depths, rows, _] = geometry.output;
    let size = (geometry.taps() * geometry.output_pixels()).max(1);
    for (columns, image) in columns.chunks_exact(size).zip(values.chunks_exact_mut(geometry.input_pixels().max(1))) {
        add_columns(geometry, 0..depths * rows, columns, image);
    }
    Ok(values)
}
