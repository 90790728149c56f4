//! Operators that change the type of elements.

mod small;
mod text;

pub use small::{decode_small, encode_small, is_small};

use half::{bf16, f16};

use super::integer::narrow;
use super::{Entry, Operator, Spec, onnx, single};
use crate::error::{Error, Result};
use crate::kernels::real::Real;
use crate::tensor::{Element, ElementType, Tensor, count_elements};
use small::Rounding;

pub const ENTRIES: &[Entry] = &[onnx("BitCast", bit_cast), onnx("Cast", cast_to), onnx("CastLike", cast_like)];

/// How elements are converted.
#[derive(Clone, Copy)]
struct Conversion {
    /// Half-precision types round, and are held as float32.
    to: ElementType,
    /// Whether what a float8 cannot hold becomes its largest number, rather than infinity or NaN.
    saturates: bool,
    /// For float8e8m0.
    rounding: Rounding,
}

impl Conversion {
    fn read(spec: &Spec, to: ElementType) -> Result<Conversion> {
        let rounding = match spec.text_or("round_mode", "up") {
            "up" => Rounding::Up,
            "down" => Rounding::Down,
            "nearest" => Rounding::Nearest,
            other => return Err(spec.invalid(&format!("round_mode={other}"))),
        };
        Ok(Conversion { to, saturates: spec.flag("saturate", true), rounding })
    }
}

/// <https://onnx.ai/onnx/operators/onnx__Cast.html>
fn cast_to(spec: &mut Spec) -> Result<Operator> {
    let to = spec.exact_element_type("to")?.ok_or_else(|| spec.invalid("no type to cast to"))?;
    let conversion = Conversion::read(spec, to)?;
    single(move |call| convert(call.take(0)?, conversion))
}

/// Half-precision targets are float32 here: what follows rounds. <https://onnx.ai/onnx/operators/onnx__CastLike.html>
fn cast_like(spec: &mut Spec) -> Result<Operator> {
    let conversion = Conversion::read(spec, ElementType::Float32)?;
    single(move |call| {
        let to = call.tensor(1)?.element_type();
        convert(call.take(0)?, Conversion { to, ..conversion })
    })
}

/// Half-precision bits become the float32 that they stand for. <https://onnx.ai/onnx/operators/onnx__BitCast.html>
fn bit_cast(spec: &mut Spec) -> Result<Operator> {
    let to = spec.exact_element_type("to")?.ok_or_else(|| spec.invalid("no type to cast to"))?;
    single(move |call| {
        let tensor = call.take(0)?;
        let from = tensor.element_type();
        let is_text = from == ElementType::String || to == ElementType::String;
        if is_text || from.bytes() != to.bytes() || from.packed() != to.packed() {
            let names = (from.name(), to.name());
            return Err(Error::execution(format!("elements of {} have other bits than those of {}", names.0, names.1)));
        }
        match (from, to) {
            // Types of less than a byte are held with the sign they have.
            (ElementType::Int4 | ElementType::Uint4 | ElementType::Int2 | ElementType::Uint2, _)
            | (_, ElementType::Int4 | ElementType::Int2) => {
                let mask = if to.packed() == 4 { 3 } else { 15 };
                let bits = tensor.bits::<u8>()?.iter().map(|&bits| i64::from(bits & mask)).collect();
                narrow(to, tensor.dims(), bits)
            }
            (_, ElementType::Bool) => {
                let values = tensor.bits::<u8>()?.iter().map(|&bits| bits != 0).collect();
                Tensor::new::<bool>(tensor.dims(), values)
            }
            _ => Ok(crate::graph::widen_half(tensor.retype(to))),
        }
    })
}

/// Numbers as a tensor of any numeric type, cut to what it holds; bool is whether they are not 0.
pub fn lower<T: Real>(element_type: ElementType, dims: &[usize], values: Vec<T>) -> Result<Tensor> {
    let values = values.into_iter().map(T::to_f64);
    macro_rules! lower {
        ($($name:ident => $type:ty),*) => {
            match element_type {
                $(ElementType::$name => Tensor::new(dims, values.map(|value| value as $type).collect()),)*
                ElementType::Bool => Tensor::new(dims, values.map(|value| value != 0.0).collect()),
                _ => Err(Error::execution(format!("no numbers of type {}", element_type.name()))),
            }
        };
    }
    lower!(Float32 => f32, Float64 => f64, Int8 => i8, Int16 => i16, Int32 => i32, Int64 => i64, Uint8 => u8,
        Uint16 => u16, Uint32 => u32, Uint64 => u64)
}

/// The elements as a type that operators compute on.
pub fn cast(tensor: Tensor, to: ElementType) -> Result<Tensor> {
    convert(tensor, Conversion { to, saturates: true, rounding: Rounding::Up })
}

fn convert(tensor: Tensor, conversion: Conversion) -> Result<Tensor> {
    let (from, to) = (tensor.element_type(), conversion.to);
    if from == to {
        return Ok(tensor);
    }
    // Most conversions pass through numbers of eight bytes.
    count_elements::<i64>(tensor.dims())?;
    if is_small(from) {
        let values = tensor.slice::<u8>()?.iter().map(|&bits| decode_small(from, bits)).collect();
        return convert(Tensor::new::<f32>(tensor.dims(), values)?, conversion);
    }
    if is_small(to) {
        let tensor = to_floats(tensor)?;
        let encode = |&value: &f32| match to {
            ElementType::Float8E8M0 => small::encode_exponent(value, conversion.saturates, conversion.rounding),
            _ => encode_small(to, value, conversion.saturates),
        };
        let bits = tensor.slice::<f32>()?.iter().map(encode).collect();
        return Tensor::from_bits::<u8>(to, tensor.dims(), bits);
    }
    match to {
        ElementType::Float32 => to_floats(tensor),
        ElementType::Float16 => round(to_floats(tensor)?, |value| f16::from_f32(value).to_f32()),
        ElementType::Bfloat16 => round(to_floats(tensor)?, |value| bf16::from_f32(value).to_f32()),
        ElementType::Float64 if from == ElementType::String => {
            Tensor::new::<f64>(tensor.dims(), text::parse_all(&tensor, text::parse_float)?)
        }
        ElementType::Float64 => Tensor::new::<f64>(tensor.dims(), tensor.to_f64s()?.into_owned()),
        ElementType::String => Tensor::new::<String>(tensor.dims(), text::format_all(&tensor)?),
        ElementType::Bool if from.is_float() => {
            let values = tensor.to_f64s()?.iter().map(|&value| value != 0.0).collect();
            Tensor::new::<bool>(tensor.dims(), values)
        }
        _ => {
            let dims = tensor.dims();
            narrow(to, dims, to_integers(&tensor, to)?)
        }
    }
}

fn round(tensor: Tensor, to_half: fn(f32) -> f32) -> Result<Tensor> {
    let dims = tensor.dims().to_vec();
    let mut values = tensor.into_vec::<f32>()?;
    values.iter_mut().for_each(|value| *value = to_half(*value));
    Tensor::new(&dims, values)
}

fn to_floats(tensor: Tensor) -> Result<Tensor> {
    fn direct<T: Element + Copy>(tensor: &Tensor, to_float: impl Fn(T) -> f32) -> Result<Tensor> {
        Tensor::new(tensor.dims(), tensor.slice::<T>()?.iter().map(|&value| to_float(value)).collect())
    }
    match tensor.element_type() {
        ElementType::Float32 => Ok(tensor),
        // The types that models cast in bulk.
        ElementType::Bool => direct::<bool>(&tensor, |value| u8::from(value).into()),
        ElementType::Uint8 => direct::<u8>(&tensor, f32::from),
        ElementType::Int8 => direct::<i8>(&tensor, f32::from),
        ElementType::Int32 => direct::<i32>(&tensor, |value| value as f32),
        ElementType::Int64 => direct::<i64>(&tensor, |value| value as f32),
        ElementType::String => Tensor::new::<f32>(tensor.dims(), text::parse_all(&tensor, text::parse_float)?),
        _ => Tensor::new::<f32>(tensor.dims(), tensor.to_f32s()?.into_owned()),
    }
}

/// The elements as integers that only need to be wrapped to those of a type.
fn to_integers(tensor: &Tensor, to: ElementType) -> Result<Vec<i64>> {
    let from = tensor.element_type();
    if from == ElementType::String {
        let parse = if to == ElementType::Uint64 { text::parse_unsigned } else { text::parse_signed };
        return text::parse_all(tensor, parse);
    }
    if !from.is_float() {
        return Ok(tensor.to_i64s()?.into_owned());
    }
    let truncate: fn(f64) -> i64 = match to {
        ElementType::Int64 | ElementType::Uint32 => truncate_long,
        ElementType::Uint64 => |value| if value >= LONG_END { value as u64 as i64 } else { truncate_long(value) },
        ElementType::Int4 | ElementType::Uint4 | ElementType::Int2 | ElementType::Uint2 => |value| value.round() as i64,
        _ => |value| {
            let whole = value.trunc();
            let fits = whole >= f64::from(i32::MIN) && whole <= f64::from(i32::MAX);
            if fits { whole as i64 } else { i32::MIN.into() }
        },
    };
    match tensor.slice::<f32>() {
        Ok(values) => Ok(values.iter().map(|&value| truncate(value.into())).collect()),
        Err(_) => Ok(tensor.slice::<f64>()?.iter().map(|&value| truncate(value)).collect()),
    }
}

/// 2 to the power of 63.
const LONG_END: f64 = 9_223_372_036_854_775_808.0;

/// What ONNX leaves open, numbers out of range and NaN, is what it is in onnxruntime on x86.
fn truncate_long(value: f64) -> i64 {
    if (-LONG_END..LONG_END).contains(&value) { value as i64 } else { i64::MIN }
}
