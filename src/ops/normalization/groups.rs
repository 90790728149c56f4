//! Normalisation of channels, or of groups of channels.

use super::{parameter_of, size, with_floats};
use crate::error::{Error, Result};
use crate::kernels::gathered::{gather_strided, strides_of};
use crate::kernels::lanes::Lanes;
use crate::kernels::normalize::{mean_of, mean_square_of, scale_row};
use crate::ops::shape::resolve_axis;
use crate::ops::{Operator, Spec, single};
use crate::tensor::{self, Dims, Tensor};

/// <https://onnx.ai/onnx/operators/onnx__InstanceNormalization.html>
pub(super) fn instance(spec: &mut Spec) -> Result<Operator> {
    let epsilon = f64::from(spec.float_or("epsilon", 1e-5));
    single(move |call| {
        let x = call.take(0)?;
        let channels = x.dims().get(1).copied().unwrap_or(1);
        with_floats!(x, L => normalize::<L>(x, channels, epsilon, call.tensor(1)?, call.tensor(2)?))
    })
}

/// Scale and bias are those of groups in opset 18, and of channels from opset 21 on.
/// <https://onnx.ai/onnx/operators/onnx__GroupNormalization.html>
pub(super) fn group(spec: &mut Spec) -> Result<Operator> {
    let epsilon = f64::from(spec.float_or("epsilon", 1e-5));
    let groups = spec.int_or("num_groups", 0);
    let groups = usize::try_from(groups).ok().filter(|&groups| groups > 0);
    let groups = groups.ok_or_else(|| spec.invalid("no num_groups above 0"))?;
    single(move |call| {
        let x = call.take(0)?;
        with_floats!(x, L => normalize::<L>(x, groups, epsilon, call.tensor(1)?, call.tensor(2)?))
    })
}

fn normalize<L: Lanes>(x: Tensor, groups: usize, epsilon: f64, scale: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let dims = Dims::from_slice(x.dims());
    let [_, channels, inner @ ..] = dims.as_slice() else {
        return Err(Error::execution("expected a batch axis and a channel axis"));
    };
    let inner = size(inner);
    if x.is_empty() {
        return Ok(x);
    }
    if channels.checked_rem(groups) != Some(0) {
        return Err(Error::execution(format!("{channels} channels do not make {groups} groups")));
    }
    // Opset 18 has parameters for groups; which ones these are tells their number.
    let count = if scale.len() == groups { groups } else { *channels };
    let (scale, bias) = (parameter_of::<L>(scale, "scale", count)?, parameter_of::<L>(bias, "bias", count)?);
    let (in_group, repeat) = (channels / groups, channels / count);
    let mut values = x.into_vec::<L::Item>()?;
    for (index, group) in values.chunks_exact_mut(in_group * inner).enumerate() {
        let mean = mean_of::<L>(group);
        let factor = 1.0 / (mean_square_of::<L>(group, mean) + epsilon).sqrt();
        let first = index % groups * in_group;
        for (channel, row) in (first..).zip(group.chunks_exact_mut(inner)) {
            if let (Some(&scale), Some(&bias)) = (scale.get(channel / repeat), bias.get(channel / repeat)) {
                scale_row::<L>(row, mean, factor * L::to_f64(scale), L::to_f64(bias));
            }
        }
    }
    Tensor::new(&dims, values)
}

/// <https://onnx.ai/onnx/operators/onnx__MeanVarianceNormalization.html>
pub(super) fn mean_variance(spec: &mut Spec) -> Result<Operator> {
    let axes = spec.ints("axes").unwrap_or(&[0, 2, 3]).to_vec();
    single(move |call| {
        let x = call.tensor(0)?;
        let axes = axes.iter().map(|&axis| resolve_axis(axis, x.rank())).collect::<Result<Vec<_>>>()?;
        with_floats!(x, L => normalize_axes::<L>(x, &axes))
    })
}

/// Moves the axes behind the others, normalises, and moves them back.
fn normalize_axes<L: Lanes>(x: &Tensor, axes: &[usize]) -> Result<Tensor> {
    let kept = (0..x.rank()).filter(|axis| !axes.contains(axis));
    let order: Vec<usize> = kept.chain((0..x.rank()).filter(|axis| axes.contains(axis))).collect();
    let pick = |from: &[usize], order: &[usize]| -> Vec<usize> {
        order.iter().filter_map(|&axis| from.get(axis)).copied().collect()
    };
    let mut back: Vec<usize> = (0..order.len()).collect();
    back.sort_by_key(|&place| order.get(place).copied());
    let moved = pick(x.dims(), &order);
    let mut values = tensor::reserve::<L::Item>(&moved)?;
    if !x.is_empty() {
        gather_strided(x.slice()?, &moved, &pick(&strides_of(x.dims()), &order), &mut values);
    }
    let n = axes.iter().filter_map(|&axis| x.dims().get(axis)).fold(1usize, |n, &dim| n.saturating_mul(dim));
    for row in values.chunks_exact_mut(n.max(1)) {
        let mean = mean_of::<L>(row);
        // The small number is that of ONNX's definition.
        scale_row::<L>(row, mean, 1.0 / (mean_square_of::<L>(row, mean).sqrt() + 1e-9), 0.0);
    }
    let mut out = tensor::reserve::<L::Item>(x.dims())?;
    if !x.is_empty() {
        gather_strided(&values, x.dims(), &pick(&strides_of(&moved), &back), &mut out);
    }
    Tensor::new(x.dims(), out)
}
