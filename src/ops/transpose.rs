//! Axes in another order.

use super::view::copy_view;
use super::{Entry, Operator, Spec, onnx, single};
use crate::error::{Error, Result};
use crate::kernels::strided::{Strides, View, row_major};
use crate::tensor::{Dims, Tensor};

pub const ENTRIES: &[Entry] =
    &[onnx("DepthToSpace", depth_to_space), onnx("SpaceToDepth", space_to_depth), onnx("Transpose", transpose)];

/// A tensor of `dims` with its axes in the order of `permutation`.
fn permute(dims: &[usize], permutation: &[usize]) -> Option<View> {
    let strides = row_major(dims);
    let mut view = View { start: 0, dims: Dims::new(), strides: Strides::new() };
    for (index, &axis) in permutation.iter().enumerate() {
        if permutation.iter().take(index).any(|&earlier| earlier == axis) {
            return None;
        }
        view.push(*dims.get(axis)?, *strides.get(axis)?);
    }
    (permutation.len() == dims.len()).then_some(view)
}

/// <https://onnx.ai/onnx/operators/onnx__Transpose.html>
fn transpose(spec: &mut Spec) -> Result<Operator> {
    let permutation = spec.sizes("perm")?;
    single(move |call| {
        let tensor = call.take(0)?;
        let reverse = || (0..tensor.rank()).rev().collect();
        let permutation = permutation.clone().unwrap_or_else(reverse);
        let view = permute(tensor.dims(), &permutation).ok_or_else(|| {
            Error::execution(format!("the axes {permutation:?} are not those of a tensor of {} axes", tensor.rank()))
        })?;
        copy_view(tensor, &view)
    })
}

fn block_size(spec: &Spec) -> Result<usize> {
    let size = spec.int("blocksize").and_then(|size| usize::try_from(size).ok()).filter(|&size| size > 0);
    size.ok_or_else(|| spec.invalid("no blocksize above 0"))
}

fn image_dims(tensor: &Tensor) -> Result<[usize; 4]> {
    tensor.dims().try_into().map_err(|_| Error::execution(format!("expected 4 axes, got {tensor}")))
}

fn indivisible(dims: &[usize], block: usize) -> Error {
    Error::execution(format!("the dims {dims:?} cannot be divided by the block size {block}"))
}

/// <https://onnx.ai/onnx/operators/onnx__DepthToSpace.html>
fn depth_to_space(spec: &mut Spec) -> Result<Operator> {
    let block = block_size(spec)?;
    let by_rows = match spec.text_or("mode", "DCR") {
        "DCR" => false,
        "CRD" => true,
        other => return Err(spec.invalid(&format!("mode={other}"))),
    };
    single(move |call| {
        let tensor = call.take(0)?;
        let [batch, depth, height, width] = image_dims(&tensor)?;
        let channels = block.checked_mul(block).filter(|area| depth % area == 0).map(|area| depth / area);
        let channels = channels.ok_or_else(|| indivisible(tensor.dims(), block))?;
        let view = if by_rows {
            permute(&[batch, channels, block, block, height, width], &[0, 1, 4, 2, 5, 3])
        } else {
            permute(&[batch, block, block, channels, height, width], &[0, 3, 4, 1, 5, 2])
        };
        let view = view.ok_or_else(|| indivisible(tensor.dims(), block))?;
        let large = |size: usize| size.checked_mul(block).ok_or_else(|| indivisible(&[size], block));
        copy_view(tensor, &view)?.reshape(&[batch, channels, large(height)?, large(width)?])
    })
}

/// <https://onnx.ai/onnx/operators/onnx__SpaceToDepth.html>
fn space_to_depth(spec: &mut Spec) -> Result<Operator> {
    let block = block_size(spec)?;
    single(move |call| {
        let tensor = call.take(0)?;
        let [batch, channels, height, width] = image_dims(&tensor)?;
        if height % block != 0 || width % block != 0 {
            return Err(indivisible(tensor.dims(), block));
        }
        let dims = [batch, channels, height / block, block, width / block, block];
        let view = permute(&dims, &[0, 3, 5, 1, 2, 4]).ok_or_else(|| indivisible(tensor.dims(), block))?;
        let area = block.checked_mul(block).and_then(|area| channels.checked_mul(area));
        let depth = area.ok_or_else(|| indivisible(tensor.dims(), block))?;
        copy_view(tensor, &view)?.reshape(&[batch, depth, height / block, width / block])
    })
}
