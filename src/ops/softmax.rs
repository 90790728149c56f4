//! Softmax and what is close to it.

use super::shape::resolve_axis;
use super::{Entry, Operator, Spec, onnx, single};
use crate::error::{Error, Result};
use crate::kernels::lanes::One;
use crate::kernels::simd::F32x4;
use crate::kernels::softmax::softmax_axis;
use crate::tensor::{ElementType, Tensor};

pub(super) const ENTRIES: &[Entry] =
    &[onnx("Hardmax", hardmax), onnx("LogSoftmax", log_softmax), onnx("Softmax", softmax)];

/// <https://onnx.ai/onnx/operators/onnx__Softmax.html>
fn softmax(spec: &mut Spec) -> Result<Operator> {
    along_axis(
        spec,
        |x, n, inner| softmax_axis::<F32x4>(x, n, inner, false),
        |x, n, inner| softmax_axis::<One<f64>>(x, n, inner, false),
    )
}

/// <https://onnx.ai/onnx/operators/onnx__LogSoftmax.html>
fn log_softmax(spec: &mut Spec) -> Result<Operator> {
    along_axis(
        spec,
        |x, n, inner| softmax_axis::<F32x4>(x, n, inner, true),
        |x, n, inner| softmax_axis::<One<f64>>(x, n, inner, true),
    )
}

/// 1 for the first of the largest, 0 for the rest. <https://onnx.ai/onnx/operators/onnx__Hardmax.html>
fn hardmax(spec: &mut Spec) -> Result<Operator> {
    along_axis(spec, mark_largest::<f32>, mark_largest::<f64>)
}

fn mark_largest<T: Copy + PartialOrd + From<u8>>(x: &mut [T], n: usize, inner: usize) {
    if x.is_empty() {
        return;
    }
    for slab in x.chunks_exact_mut(n * inner) {
        for column in 0..inner {
            let along = || (column..).step_by(inner).take(n);
            let mut best: Option<(T, usize)> = None;
            for index in along() {
                if let Some(&value) = slab.get(index)
                    && best.is_none_or(|(largest, _)| value > largest)
                {
                    best = Some((value, index));
                }
            }
            for index in along() {
                if let Some(value) = slab.get_mut(index) {
                    *value = T::from(u8::from(best.is_some_and(|(_, largest)| largest == index)));
                }
            }
        }
    }
}

/// Changes the numbers along an axis in place; before opset 13, those along that axis and all behind it.
fn along_axis(
    spec: &mut Spec,
    change: fn(&mut [f32], usize, usize),
    change_wide: fn(&mut [f64], usize, usize),
) -> Result<Operator> {
    let is_flat = spec.opset() < 13;
    let axis = spec.int_or("axis", if is_flat { 1 } else { -1 });
    single(move |call| {
        let tensor = call.take(0)?;
        let dims = tensor.dims().to_vec();
        let rank = dims.len();
        let axis = resolve_axis(axis, rank.max(1))?;
        let (_, behind) = dims.split_at(axis.min(rank));
        let size = |dims: &[usize]| dims.iter().fold(1usize, |size, &dim| size.saturating_mul(dim));
        let (n, inner) = match behind {
            [n, inner @ ..] if !is_flat => (*n, size(inner)),
            behind => (size(behind), 1),
        };
        match tensor.element_type() {
            ElementType::Float32 => {
                let mut values = tensor.into_vec::<f32>()?;
                change(&mut values, n, inner);
                Tensor::new(&dims, values)
            }
            ElementType::Float64 => {
                let mut values = tensor.into_vec::<f64>()?;
                change_wide(&mut values, n, inner);
                Tensor::new(&dims, values)
            }
            _ => Err(Error::execution("expected a floating-point type")),
        }
    })
}
