//! Means of bytes.

use super::affine::Affine;
use super::conv::move_channels;
use super::geometry::{Placement, find_place};
use super::product::read_sign;
use crate::error::{Error, Result};
use crate::kernels::int8::{Scales, requantise};
use crate::ops::shape::resolve_axis;
use crate::ops::{Operator, Spec, single};
use crate::tensor::{Dims, Tensor, fill};

/// The most elements of a window: padding can make one of any size fit.
const MOST_TAPS: usize = 1 << 22;

/// The dims and the bytes of a tensor with its channels second.
fn read_channels(x: &Tensor, is_channels_last: bool) -> Result<(Dims, Vec<u8>)> {
    read_sign(x)?;
    if x.rank() < 3 {
        return Err(Error::execution(format!("expected an input of 3 axes or more, got {x}")));
    }
    if is_channels_last {
        return move_channels(x.dims(), x.as_bytes(), true);
    }
    Ok((Dims::from_slice(x.dims()), x.as_bytes().to_vec()))
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearGlobalAveragePool>
pub fn qlinear_global_average_pool(spec: &mut Spec) -> Result<Operator> {
    let is_channels_last = spec.flag("channels_last", false);
    single(move |call| {
        let x = call.tensor(0)?;
        let element_type = x.element_type();
        let (from, to) = (Affine::read(call, 1, element_type)?, Affine::read(call, 3, element_type)?);
        let (mut dims, values) = read_channels(x, is_channels_last)?;
        let size: usize = dims.iter().skip(2).product();
        let sum = |values: &[u8]| values.iter().map(|&value| from.level(value) - from.levels.zero).sum::<i32>();
        let sums: Vec<i32> = values.chunks(size.max(1)).map(sum).collect();
        dims.get_mut(2..).unwrap_or_default().fill(1);
        let mut out = fill(&dims, 0u8)?;
        requantise(&sums, 0, Scales::One(from.scale / (to.scale * size as f32)), to.levels, &mut out);
        if is_channels_last {
            dims.get_mut(1..).unwrap_or_default().rotate_left(1);
        }
        Tensor::from_bits(element_type, &dims, out)
    })
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearAveragePool>
pub fn qlinear_average_pool(spec: &mut Spec) -> Result<Operator> {
    let (is_channels_last, counts_padding) = (spec.flag("channels_last", false), spec.flag("count_include_pad", false));
    let placement = Placement::read(spec)?;
    single(move |call| {
        let x = call.tensor(0)?;
        let element_type = x.element_type();
        let (from, to) = (Affine::read(call, 1, element_type)?, Affine::read(call, 3, element_type)?);
        let (mut dims, values) = read_channels(x, is_channels_last)?;
        let axes = placement.place(dims.get(2..).unwrap_or_default(), &[])?;
        let size: usize = dims.iter().skip(2).product();
        for (dim, axis) in dims.iter_mut().skip(2).zip(&axes) {
            *dim = axis.output;
        }
        let mut means = fill(&dims, 0f32)?;
        let (pixels, taps) = (
            axes.iter().map(|axis| axis.output).product::<usize>(),
            axes.iter().fold(1usize, |taps, axis| taps.saturating_mul(axis.kernel)),
        );
        if taps > MOST_TAPS {
            return Err(Error::execution(format!("a window has {taps} elements, and {MOST_TAPS} are the most")));
        }
        let values = from.decode_all(&values)?;
        for (values, means) in values.chunks(size.max(1)).zip(means.chunks_mut(pixels.max(1))) {
            for (pixel, mean) in means.iter_mut().enumerate() {
                let (mut sum, mut count) = (0f32, 0usize);
                for tap in 0..taps {
                    if let Some(value) = find_place(&axes, pixel, tap).and_then(|position| values.get(position)) {
                        sum += value;
                        count += 1;
                    }
                }
                *mean = sum / if counts_padding { taps } else { count } as f32;
            }
        }
        let out = to.encode_all(&dims, &means, element_type)?;
        if is_channels_last {
            let (dims, out) = move_channels(out.dims(), out.as_bytes(), false)?;
            return Tensor::from_bits(element_type, &dims, out);
        }
        Ok(out)
    })
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QLinearReduceMean>
pub fn qlinear_reduce_mean(spec: &mut Spec) -> Result<Operator> {
    let (axes, keeps) = (spec.ints("axes").map(<[i64]>::to_vec), spec.flag("keepdims", true));
    single(move |call| {
        let x = call.tensor(0)?;
        read_sign(x)?;
        let element_type = x.element_type();
        let (from, to) = (Affine::read(call, 1, element_type)?, Affine::read(call, 3, element_type)?);
        let axes = axes.iter().flatten().map(|&axis| resolve_axis(axis, x.rank())).collect::<Result<Vec<_>>>()?;
        let is_reduced = |axis: usize| axes.is_empty() || axes.contains(&axis);
        let mut values = from.decode_all(x.as_bytes())?;
        let mut inner = 1;
        let mut dims = Dims::new();
        for (axis, &dim) in x.dims().iter().enumerate().rev() {
            if !is_reduced(axis) {
                inner *= dim;
                dims.push(dim);
                continue;
            }
            let mut sums = vec![0f32; values.len() / dim.max(1)];
            for (values, sums) in values.chunks((dim * inner).max(1)).zip(sums.chunks_mut(inner.max(1))) {
                for row in values.chunks(inner.max(1)) {
                    sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += value);
                }
                sums.iter_mut().for_each(|sum| *sum /= dim as f32);
            }
            values = sums;
            if keeps {
                dims.push(1);
            }
        }
        dims.reverse();
        to.encode_all(&dims, &values, element_type)
    })
}
