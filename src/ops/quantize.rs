//! Numbers as small integers, and back.

mod granularity;
mod levels;
pub mod minifloat;

pub use levels::{find_levels, read_levels, read_scales, read_zeros};
pub use minifloat::Minifloat;

use granularity::{Granularity, Parameters};

use super::{Entry, Operator, Spec, contrib, onnx, several, single};
use crate::error::{Error, Result};
use crate::kernels::int8;
use crate::tensor::{ElementType, Tensor, fill};
use crate::value::Value;

pub const ENTRIES: &[Entry] = &[
    onnx("DequantizeLinear", dequantize_linear),
    onnx("DynamicQuantizeLinear", dynamic_quantize_linear),
    onnx("QuantizeLinear", quantize_linear),
    contrib("DequantizeLinear", dequantize_linear),
    contrib("QuantizeLinear", quantize_linear),
];

/// The axis and the block of the parameters.
fn read_layout(spec: &Spec) -> Result<(i64, usize)> {
    let block = spec.int_or("block_size", 0);
    let block = usize::try_from(block).map_err(|_| spec.invalid(&format!("block_size={block}")))?;
    Ok((spec.int_or("axis", 1), block))
}

/// <https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html>
fn quantize_linear(spec: &mut Spec) -> Result<Operator> {
    let (axis, block) = read_layout(spec)?;
    let (output, saturates) = (spec.element_type("output_dtype")?, spec.flag("saturate", true));
    single(move |call| {
        let (x, scale, zero) = (call.tensor(0)?, call.tensor(1)?, call.optional(2)?);
        let element_type = zero.map(Tensor::element_type).or(output).unwrap_or(ElementType::Uint8);
        let granularity = Granularity::find(x.dims(), scale.dims(), axis, block)?;
        let (values, scales) = (x.to_f32s()?, read_scales(scale)?);
        if let Some(format) = Minifloat::of(element_type) {
            let zeros = zero.map(|zero| format.decode_all(zero)).transpose()?.unwrap_or_default();
            let mut out = fill(x.dims(), 0u8)?;
            let encode = |value: f32, scale: f32, zero: f32| format.encode(value / scale + zero, saturates);
            granularity.zip(&values, &scales, &zeros, &mut out, encode)?;
            return Tensor::from_bits(element_type, x.dims(), out);
        }
        let levels = find_levels(element_type)?;
        let zeros = read_zeros(zero)?;
        let round =
            |value: f32, scale: f32, zero: i32| int8::round_within(value / scale, int8::Levels { zero, ..levels });
        if element_type.bytes() == 2 {
            let mut out = fill(x.dims(), 0u16)?;
            granularity
                .zip(&values, &scales, &zeros, &mut out, |value, scale, zero| round(value, scale, zero) as u16)?;
            return Tensor::from_bits(element_type, x.dims(), out);
        }
        let mut out = fill(x.dims(), 0u8)?;
        if granularity.has_long_runs() {
            granularity.each_run(&mut |range, parameters| {
                let Parameters::One(index) = parameters else { return None };
                let levels = int8::Levels { zero: pick(&zeros, index), ..levels };
                int8::quantise(values.get(range.clone())?, *scales.get(index)?, levels, out.get_mut(range)?);
                Some(())
            })?;
        } else {
            granularity
                .zip(&values, &scales, &zeros, &mut out, |value, scale, zero| round(value, scale, zero) as u8)?;
        }
        Tensor::from_bits(element_type, x.dims(), out)
    })
}

/// A parameter of one for all or one each; of none, 0.
fn pick<T: Copy + Default>(values: &[T], index: usize) -> T {
    values.get(index).or(values.first()).copied().unwrap_or_default()
}

/// <https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html>
fn dequantize_linear(spec: &mut Spec) -> Result<Operator> {
    let (axis, block) = read_layout(spec)?;
    single(move |call| {
        let (x, scale, zero) = (call.tensor(0)?, call.tensor(1)?, call.optional(2)?);
        let granularity = Granularity::find(x.dims(), scale.dims(), axis, block)?;
        let scales = read_scales(scale)?;
        let mut out = fill(x.dims(), 0f32)?;
        let element_type = x.element_type();
        if let Some(format) = Minifloat::of(element_type) {
            let zeros = zero.map(|zero| format.decode_all(zero)).transpose()?.unwrap_or_default();
            let decode = |value: f32, scale: f32, zero: f32| (value - zero) * scale;
            granularity.zip(&format.decode_all(x)?, &scales, &zeros, &mut out, decode)?;
            return Tensor::new(x.dims(), out);
        }
        let zeros = read_zeros(zero)?;
        let is_signed = is_signed_byte(element_type);
        if element_type.bytes() == 1 && granularity.has_long_runs() {
            let values = x.as_bytes();
            granularity.each_run(&mut |range, parameters| {
                let Parameters::One(index) = parameters else { return None };
                let (scale, zero) = (*scales.get(index)?, pick(&zeros, index));
                int8::dequantise(values.get(range.clone())?, is_signed, scale, zero, out.get_mut(range)?);
                Some(())
            })?;
        } else {
            let decode = |value: i64, scale: f32, zero: i32| (value - i64::from(zero)) as f32 * scale;
            granularity.zip(&x.to_i64s()?, &scales, &zeros, &mut out, decode)?;
        }
        Tensor::new(x.dims(), out)
    })
}

/// Whether a type of a byte has negative values.
pub fn is_signed_byte(element_type: ElementType) -> bool {
    matches!(element_type, ElementType::Int8 | ElementType::Int4 | ElementType::Int2)
}

/// Values as `uint8`, with the scale and the zero point that suit them.
pub fn quantize_dynamically(values: &[f32]) -> Result<(Vec<u8>, f32, u8)> {
    let (least, greatest) = int8::find_range(values);
    let scale = if least == greatest { 1.0 } else { (greatest - least) / 255.0 };
    let zero = (-least / scale).clamp(0.0, 255.0).round_ties_even() as u8;
    let mut out = fill(&[values.len()], 0u8)?;
    int8::quantise(values, scale, int8::Levels { low: 0, high: 255, zero: i32::from(zero) }, &mut out);
    Ok((out, scale, zero))
}

/// <https://onnx.ai/onnx/operators/onnx__DynamicQuantizeLinear.html>
fn dynamic_quantize_linear(_: &mut Spec) -> Result<Operator> {
    several(|call| {
        let x = call.tensor(0)?;
        let (out, scale, zero) = quantize_dynamically(&x.to_f32s()?)?;
        let out = Tensor::new(x.dims(), out)?;
        Ok([out, Tensor::scalar(scale), Tensor::scalar(zero)].map(Value::Tensor).into())
    })
}

/// The error for parameters that do not fit their tensor.
fn misfit(name: &str, dims: &[usize], scale: &[usize]) -> Error {
    Error::execution(format!("{name} of dims {scale:?} do not fit a tensor of dims {dims:?}"))
}
