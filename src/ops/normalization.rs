//! Tensors scaled by statistics of their own or by known ones.

mod batch;
mod embed;
mod groups;
mod layer;
mod local;

pub use embed::embed;

use std::borrow::Cow;

use super::{Entry, contrib, onnx};
use crate::error::{Error, Result};
use crate::kernels::lanes::Lanes;
use crate::tensor::Tensor;

pub(super) const ENTRIES: &[Entry] = &[
    onnx("BatchNormalization", batch::batch),
    onnx("GroupNormalization", groups::group),
    onnx("InstanceNormalization", groups::instance),
    onnx("LayerNormalization", layer::layer),
    onnx("LpNormalization", local::lp),
    onnx("LRN", local::lrn),
    onnx("MeanVarianceNormalization", groups::mean_variance),
    onnx("RMSNormalization", layer::root_mean_square),
    onnx("SimplifiedLayerNormalization", layer::root_mean_square),
    contrib("EmbedLayerNormalization", embed),
    contrib("SimplifiedLayerNormalization", layer::root_mean_square),
    contrib("SkipLayerNormalization", layer::skip),
    contrib("SkipSimplifiedLayerNormalization", layer::skip),
];

/// Runs `$body` with `$L` standing for the lanes of `$tensor`'s elements, which are float32 or float64.
macro_rules! with_floats {
    ($tensor:expr, $L:ident => $body:expr) => {
        match $tensor.element_type() {
            $crate::tensor::ElementType::Float32 => {
                type $L = $crate::kernels::simd::F32x4;
                $body
            }
            $crate::tensor::ElementType::Float64 => {
                type $L = $crate::kernels::lanes::One<f64>;
                $body
            }
            other => {
                Err($crate::error::Error::execution(format!("expected a floating-point type, got {}", other.name())))
            }
        }
    };
}
pub(super) use with_floats;

/// The elements of a parameter, whatever floating-point type it has.
fn parameter<L: Lanes>(tensor: &Tensor) -> Result<Cow<'_, [L::Item]>> {
    match tensor.slice::<L::Item>() {
        Ok(values) => Ok(Cow::Borrowed(values)),
        Err(_) => Ok(tensor.to_f64s()?.iter().map(|&value| L::item(value)).collect()),
    }
}

/// The elements of a parameter of `count`.
fn parameter_of<'a, L: Lanes>(tensor: &'a Tensor, what: &str, count: usize) -> Result<Cow<'a, [L::Item]>> {
    if tensor.len() != count {
        return Err(Error::execution(format!("expected a {what} of {count} elements, got {}", tensor.len())));
    }
    parameter::<L>(tensor)
}

/// The number of elements of `dims`, or the greatest number there is.
pub(super) fn size(dims: &[usize]) -> usize {
    dims.iter().fold(1usize, |size, &dim| size.saturating_mul(dim))
}
