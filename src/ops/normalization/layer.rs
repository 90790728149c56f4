//! Normalisation of the last axes.

use std::borrow::Cow;

use super::{parameter, size, with_floats};
use crate::error::{Error, Result};
use crate::kernels::gathered::{broadcast_strides, gather_strided};
use crate::kernels::lanes::{Lanes, map_pairs};
use crate::kernels::normalize::{mean_of, mean_square_of, scale_row_by};
use crate::kernels::parallel;
use crate::ops::cast::cast;
use crate::ops::shape::resolve_axis;
use crate::ops::{Operator, Spec, several};
use crate::tensor::{self, Dims, Tensor};
use crate::value::Value;

/// What is done to each row, whatever the operator.
#[derive(Clone, Copy)]
pub(super) struct Rows {
    pub epsilon: f64,
    /// Whether the mean is taken off.
    pub is_centred: bool,
}

/// Normalised rows, and the mean and the factor of each.
pub(super) struct Normalized {
    pub output: Tensor,
    pub means: Tensor,
    pub factors: Tensor,
}

impl Rows {
    /// Normalises the axes of `x` from `axis` on. Scale and bias can be broadcast to the dims of `x`.
    pub fn run(self, x: Tensor, axis: usize, scale: &Tensor, bias: Option<&Tensor>) -> Result<Normalized> {
        with_floats!(x, L => self.run_lanes::<L>(x, axis, scale, bias))
    }

    fn run_lanes<L: Lanes>(self, x: Tensor, axis: usize, scale: &Tensor, bias: Option<&Tensor>) -> Result<Normalized> {
        let dims = Dims::from_slice(x.dims());
        let (outer, inner) = dims.split_at(axis.min(dims.len()));
        let n = size(inner).max(1);
        let scale = spread::<L>(scale, &dims, inner)?;
        let bias = bias.map(|bias| spread::<L>(bias, &dims, inner)).transpose()?;
        let mut values = x.into_vec::<L::Item>()?;
        let rows = values.len() / n;
        let (mut means, mut factors) = (tensor::reserve::<f32>(outer)?, tensor::reserve::<f32>(outer)?);
        means.resize(rows, 0.0);
        factors.resize(rows, 0.0);
        let parts = parallel::count_parts(values.len().saturating_mul(8), rows);
        parallel::run_rows((&mut values, n), [&mut means, &mut factors], parts, |first, values, [means, factors]| {
            // A scale of the dims of `x` has rows of its own; else its one row serves all.
            let row_of = |all: &'_ [L::Item], row: usize| {
                let start = if all.len() > n { row * n } else { 0 };
                start..start + n
            };
            let places = means.iter_mut().zip(factors);
            for ((row, values), (to_mean, to_factor)) in (first..).zip(values.chunks_exact_mut(n)).zip(places) {
                let mean = if self.is_centred { mean_of::<L>(values) } else { 0.0 };
                let factor = 1.0 / (mean_square_of::<L>(values, mean) + self.epsilon).sqrt();
                let bias = bias.as_deref().and_then(|bias| bias.get(row_of(bias, row)));
                scale_row_by::<L>(values, mean, factor, scale.get(row_of(&scale, row)).unwrap_or_default(), bias);
                (*to_mean, *to_factor) = (mean as f32, factor as f32);
            }
        });
        let kept: Dims = outer.iter().copied().chain(inner.iter().map(|_| 1)).collect();
        if means.is_empty() {
            // Rows without elements.
            (means, factors) = (tensor::fill(outer, f32::NAN)?, tensor::fill(outer, f32::NAN)?);
        }
        Ok(Normalized {
            output: Tensor::new(&dims, values)?,
            means: Tensor::new(&kept, means)?,
            factors: Tensor::new(&kept, factors)?,
        })
    }
}

/// A parameter as one row of dims `inner`, or where it differs from row to row as all rows of `dims`.
fn spread<'a, L: Lanes>(tensor: &'a Tensor, dims: &[usize], inner: &[usize]) -> Result<Cow<'a, [L::Item]>> {
    let values = parameter::<L>(tensor)?;
    let leading = tensor.dims().iter().take_while(|&&dim| dim == 1).count();
    let own = tensor.dims().get(leading..).unwrap_or_default();
    let wanted = inner.get(inner.iter().take_while(|&&dim| dim == 1).count()..).unwrap_or_default();
    if own == wanted {
        return Ok(values);
    }
    let target = if own.len() <= inner.len() { inner } else { dims };
    let strides = broadcast_strides(own, target)
        .ok_or_else(|| Error::execution(format!("{tensor} cannot be broadcast to the dims {dims:?}")))?;
    let mut spread = tensor::reserve(target)?;
    if !target.contains(&0) {
        gather_strided(&values, target, &strides, &mut spread);
    }
    Ok(Cow::Owned(spread))
}

fn make(spec: &mut Spec, is_centred: bool) -> Result<Operator> {
    let axis = spec.int_or("axis", -1);
    let rows = Rows { epsilon: f64::from(spec.float_or("epsilon", 1e-5)), is_centred };
    several(move |call| {
        let x = call.take(0)?;
        let axis = resolve_axis(axis, x.rank())?;
        let done = rows.run(x, axis, call.tensor(1)?, call.optional(2)?)?;
        Ok(match is_centred {
            true => vec![done.output.into(), done.means.into(), done.factors.into()],
            // Without a mean the result is of the type of the scale.
            false => vec![cast(done.output, call.tensor(1)?.element_type())?.into(), done.factors.into()],
        })
    })
}

/// <https://onnx.ai/onnx/operators/onnx__LayerNormalization.html>
pub(super) fn layer(spec: &mut Spec) -> Result<Operator> {
    make(spec, true)
}

/// <https://onnx.ai/onnx/operators/onnx__RMSNormalization.html>
pub(super) fn root_mean_square(spec: &mut Spec) -> Result<Operator> {
    make(spec, false)
}

/// The sum of two tensors and a bias, normalised.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.SkipLayerNormalization>
pub(super) fn skip(spec: &mut Spec) -> Result<Operator> {
    let is_centred = spec.op() == "SkipLayerNormalization";
    let rows = Rows { epsilon: f64::from(spec.float_or("epsilon", 1e-12)), is_centred };
    let wants_sum = spec.has_output(3);
    several(move |call| {
        let x = call.take(0)?;
        let (beta, bias) = if is_centred { (call.optional(3)?, call.optional(4)?) } else { (None, call.optional(3)?) };
        let mut sum = add_rows(x, call.tensor(1)?)?;
        if let Some(bias) = bias {
            sum = add_rows(sum, bias)?;
        }
        let axis = resolve_axis(-1, sum.rank())?;
        let kept = if wants_sum { Value::Tensor(sum.clone()) } else { Value::Nothing };
        let done = rows.run(sum, axis, call.tensor(2)?, beta)?;
        Ok(vec![done.output.into(), done.means.into(), done.factors.into(), kept])
    })
}

/// Adds a tensor whose dims are the last ones of `x`, as often as it fits.
pub(super) fn add_rows(x: Tensor, other: &Tensor) -> Result<Tensor> {
    with_floats!(x, L => add_lanes::<L>(x, other))
}

fn add_lanes<L: Lanes>(x: Tensor, other: &Tensor) -> Result<Tensor> {
    let dims = Dims::from_slice(x.dims());
    let leading = other.dims().iter().take_while(|&&dim| dim == 1).count();
    let own = other.dims().get(leading..).unwrap_or_default();
    if !dims.ends_with(own) {
        return Err(Error::execution(format!("{other} cannot be added to each part of {x}")));
    }
    let mut values = x.into_vec::<L::Item>()?;
    for part in values.chunks_exact_mut(other.len().max(1)) {
        map_pairs::<L>(part, other.slice()?, L::add);
    }
    Tensor::new(&dims, values)
}
