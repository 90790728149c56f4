//! Clip.

use crate::error::Result;
use crate::kernels::math::map_in_place;
use crate::kernels::simd::F32x4;
use crate::ops::cast::cast;
use crate::ops::unary::{map_f32, map_integers};
use crate::ops::{Call, Operator, Spec, single};
use crate::tensor::{Dims, Element, ElementType, Tensor};

/// The ends are attributes before opset 11, and inputs from there on. <https://onnx.ai/onnx/operators/onnx__Clip.html>
pub fn clip(spec: &mut Spec) -> Result<Operator> {
    let attributes = (spec.float("min"), spec.float("max"));
    let is_old = spec.opset() < 11;
    single(move |call| {
        let element_type = call.tensor(0)?.element_type();
        let (low, high) = match is_old {
            true => {
                let end = |end: Option<f32>| end.map(|end| cast(Tensor::scalar(end), element_type)).transpose();
                (end(attributes.0)?, end(attributes.1)?)
            }
            false => (call.optional(1)?.cloned(), call.optional(2)?.cloned()),
        };
        let clip = Ends { low: low.as_ref(), high: high.as_ref() };
        match element_type {
            ElementType::Float32 => clip.floats(call),
            ElementType::Float64 => clip.numbers(call, f64::MIN, f64::MAX),
            ElementType::Uint64 => clip.numbers(call, u64::MIN, u64::MAX),
            ElementType::Int64 => clip.numbers(call, i64::MIN, i64::MAX),
            _ => {
                let end = |end: Option<&Tensor>| -> Result<Option<i64>> {
                    let Some(end) = end else { return Ok(None) };
                    cast(end.clone(), ElementType::Int64)?.only().map(Some)
                };
                let (low, high) = (end(clip.low)?, end(clip.high)?);
                map_integers(call.tensor(0)?, &|x| {
                    let x = low.map_or(x, |low| x.max(low));
                    high.map_or(x, |high| x.min(high))
                })
            }
        }
    })
}

/// The ends of a range, those of the element type where they are missing. Where the lower one is above the other, the result is
/// the other.
struct Ends<'a> {
    low: Option<&'a Tensor>,
    high: Option<&'a Tensor>,
}

impl Ends<'_> {
    fn read<T: Element>(&self, lowest: T, highest: T) -> Result<(T, T)> {
        let low = self.low.map(Tensor::only).transpose()?;
        let high = self.high.map(Tensor::only).transpose()?;
        Ok((low.unwrap_or(lowest), high.unwrap_or(highest)))
    }

    fn floats(&self, call: &mut Call) -> Result<Tensor> {
        let (low, high) = self.read(f32::MIN, f32::MAX)?;
        let (low, high) = (F32x4::splat(low), F32x4::splat(high));
        map_f32(call, 0, &|values| {
            map_in_place(values, |x| x.at_least(low).at_most(high));
        })
    }

    fn numbers<T: Element + Copy + PartialOrd>(&self, call: &mut Call, lowest: T, highest: T) -> Result<Tensor> {
        let (low, high) = self.read(lowest, highest)?;
        let tensor = call.take(0)?;
        let dims = Dims::from_slice(tensor.dims());
        let mut values = tensor.into_vec::<T>()?;
        for value in &mut values {
            *value = if *value < low { low } else { *value };
            *value = if *value > high { high } else { *value };
        }
        Tensor::new(&dims, values)
    }
}
