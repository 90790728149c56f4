//! Functions of one number, applied to every element.

use super::cast::{decode_small, is_small};
use super::integer::narrow;
use super::{Call, Entry, Operator, Spec, onnx, single};
use crate::error::{Error, Result};
use crate::kernels::math::{self, map_in_place};
use crate::kernels::simd::F32x4;
use crate::tensor::{Dims, ElementType, Tensor, reserve};

pub const ENTRIES: &[Entry] = &[
    onnx("Abs", |_| numbers(|v| map_in_place(v, F32x4::abs), f64::abs, i64::wrapping_abs, |x| x)),
    onnx("Acos", |_| precise(f64::acos)),
    onnx("Acosh", |_| precise(f64::acosh)),
    onnx("Asin", |_| precise(f64::asin)),
    onnx("Asinh", |_| precise(f64::asinh)),
    onnx("Atan", |_| precise(f64::atan)),
    onnx("Atanh", |_| precise(f64::atanh)),
    onnx("Ceil", |_| floats(|v| v.iter_mut().for_each(|x| *x = x.ceil()), f64::ceil)),
    onnx("Cos", |_| precise(f64::cos)),
    onnx("Cosh", |_| precise(f64::cosh)),
    onnx("Erf", |_| truncated(math::erf_in_place, math::erf_f64)),
    onnx("Exp", |_| floats(math::exp_in_place, f64::exp)),
    onnx("Floor", |_| floats(|v| v.iter_mut().for_each(|x| *x = x.floor()), f64::floor)),
    onnx("IsInf", is_infinite),
    onnx("IsNaN", |_| test(|x| x.is_nan())),
    onnx("Log", |_| precise(f64::ln)),
    onnx("Neg", |_| {
        numbers(|v| map_in_place(v, |x| x.mul(F32x4::splat(-1.0))), |x| -x, i64::wrapping_neg, u64::wrapping_neg)
    }),
    onnx("Reciprocal", |_| floats(|v| map_in_place(v, |x| F32x4::splat(1.0).div(x)), f64::recip)),
    onnx("Round", |_| floats(|v| map_in_place(v, F32x4::nearest), f64::round_ties_even)),
    onnx("Sign", |_| {
        numbers(
            sign,
            |x| {
                if x > 0.0 {
                    1.0
                } else if x < 0.0 {
                    -1.0
                } else {
                    x
                }
            },
            i64::signum,
            |x| x.min(1),
        )
    }),
    onnx("Sin", |_| precise(f64::sin)),
    onnx("Sinh", |_| precise(f64::sinh)),
    onnx("Sqrt", |_| floats(|v| map_in_place(v, F32x4::sqrt), f64::sqrt)),
    onnx("Tan", |_| precise(f64::tan)),
    onnx("Tanh", |_| floats(math::tanh_in_place, f64::tanh)),
];

/// A part that stays in the cache between being copied and being computed.
const PART: usize = 4096;

/// Elements of an input as a function of float32 changes them, in place where nobody else needs them.
pub fn map_f32(call: &mut Call, index: usize, run: &dyn Fn(&mut [f32])) -> Result<Tensor> {
    if call.is_owned(index) {
        let tensor = call.take(index)?;
        let dims = Dims::from_slice(tensor.dims());
        let mut values = tensor.into_vec::<f32>()?;
        run(&mut values);
        return Tensor::new(&dims, values);
    }
    let tensor = call.tensor(index)?;
    let mut values = reserve(tensor.dims())?;
    for part in tensor.slice::<f32>()?.chunks(PART) {
        let start = values.len();
        values.extend_from_slice(part);
        run(values.get_mut(start..).unwrap_or_default());
    }
    Tensor::new(tensor.dims(), values)
}

/// Elements of an input of type float64 as a function changes them.
fn map_f64(call: &mut Call, index: usize, run: &dyn Fn(f64) -> f64) -> Result<Tensor> {
    let tensor = call.take(index)?;
    let dims = Dims::from_slice(tensor.dims());
    let mut values = tensor.into_vec::<f64>()?;
    values.iter_mut().for_each(|value| *value = run(*value));
    Tensor::new(&dims, values)
}

/// An operator on floating-point numbers: how it changes float32 in bulk, and one float64.
pub fn floats(
    narrow: impl Fn(&mut [f32]) + Send + Sync + 'static,
    wide: impl Fn(f64) -> f64 + Send + Sync + 'static,
) -> Result<Operator> {
    single(move |call| map_floats(call, &narrow, &wide))
}

fn map_floats(call: &mut Call, narrow: &dyn Fn(&mut [f32]), wide: &dyn Fn(f64) -> f64) -> Result<Tensor> {
    match call.tensor(0)?.element_type() {
        ElementType::Float32 => map_f32(call, 0, narrow),
        ElementType::Float64 => map_f64(call, 0, wide),
        _ => Err(Error::execution("expected floating-point numbers")),
    }
}

/// An operator on numbers of any type, of which integers are computed as float64.
pub fn truncated(
    narrow: impl Fn(&mut [f32]) + Send + Sync + 'static,
    wide: impl Fn(f64) -> f64 + Send + Sync + 'static,
) -> Result<Operator> {
    single(move |call| {
        let tensor = call.tensor(0)?;
        match tensor.element_type() {
            element_type if element_type.is_float() => map_floats(call, &narrow, &wide),
            _ => map_integers(tensor, &|x| wide(x as f64) as i64),
        }
    })
}

/// An operator on floating-point numbers that are computed as float64.
fn precise(f: fn(f64) -> f64) -> Result<Operator> {
    floats(move |values| values.iter_mut().for_each(|value| *value = f(f64::from(*value)) as f32), f)
}

/// An operator on numbers of any type.
pub fn numbers(
    narrow: fn(&mut [f32]),
    wide: fn(f64) -> f64,
    signed: fn(i64) -> i64,
    unsigned: fn(u64) -> u64,
) -> Result<Operator> {
    single(move |call| {
        let tensor = call.tensor(0)?;
        match tensor.element_type() {
            ElementType::Bool => Err(Error::execution("expected numbers")),
            element_type if element_type.is_float() => map_floats(call, &narrow, &wide),
            ElementType::Uint64 => {
                let values = tensor.slice::<u64>()?.iter().map(|&value| unsigned(value)).collect();
                Tensor::new::<u64>(tensor.dims(), values)
            }
            _ => map_integers(tensor, &signed),
        }
    })
}

/// Integers as a function changes them; they wrap around.
pub fn map_integers(tensor: &Tensor, run: &dyn Fn(i64) -> i64) -> Result<Tensor> {
    let values = tensor.to_i64s()?.iter().map(|&value| run(value)).collect();
    narrow(tensor.element_type(), tensor.dims(), values)
}

fn sign(values: &mut [f32]) {
    let [zero, one, minus_one] = [0.0, 1.0, -1.0].map(F32x4::splat);
    map_in_place(values, |x| x.select_below(zero, minus_one, zero.select_below(x, one, x)));
}

/// An operator that tells of each number whether something is so.
fn test(is_so: impl Fn(f64) -> bool + Send + Sync + 'static) -> Result<Operator> {
    single(move |call| {
        let tensor = call.tensor(0)?;
        let values = match tensor.element_type() {
            ElementType::Float32 => tensor.slice::<f32>()?.iter().map(|&value| is_so(value.into())).collect(),
            ElementType::Float64 => tensor.slice::<f64>()?.iter().map(|&value| is_so(value)).collect(),
            small if is_small(small) => {
                tensor.slice::<u8>()?.iter().map(|&bits| is_so(decode_small(small, bits).into())).collect()
            }
            _ => return Err(Error::execution("expected floating-point numbers")),
        };
        Tensor::new::<bool>(tensor.dims(), values)
    })
}

/// <https://onnx.ai/onnx/operators/onnx__IsInf.html>
fn is_infinite(spec: &mut Spec) -> Result<Operator> {
    let (negative, positive) = (spec.flag("detect_negative", true), spec.flag("detect_positive", true));
    test(move |x| (positive && x == f64::INFINITY) || (negative && x == f64::NEG_INFINITY))
}
