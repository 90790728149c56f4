//! Activation functions: of one number and of parameters that are known at load.

use smallvec::smallvec;

use super::arithmetic::{ADD, Side, apply};
use super::unary::{floats, map_f32, map_integers, numbers};
use super::{Call, Entry, Input, Operator, Spec, contrib, onnx, several, single};
use crate::error::{Error, Result};
use crate::kernels::math::{self, map_in_place};
use crate::kernels::simd::F32x4;
use crate::tensor::{Dims, Element, ElementType, Tensor};

pub const ENTRIES: &[Entry] = &[
    onnx("Celu", celu),
    onnx("Clip", clip),
    onnx("Dropout", dropout),
    onnx("Elu", |spec| exponential(spec.float_or("alpha", 1.0), 1.0)),
    onnx("Gelu", gelu),
    onnx("HardSigmoid", hard_sigmoid),
    onnx("HardSwish", |_| hard_swish()),
    onnx("LeakyRelu", leaky_relu),
    onnx("Mish", |_| floats(math::mish_in_place, |x| x * softplus(x).tanh())),
    onnx("Relu", |_| numbers(relu, |x| if x < 0.0 { 0.0 } else { x }, |x| x.max(0), |x| x)),
    onnx("Selu", |spec| exponential(spec.float_or("alpha", 1.673_263_2), spec.float_or("gamma", 1.050_701))),
    onnx("Shrink", shrink),
    onnx("Sigmoid", |_| floats(math::sigmoid_in_place, sigmoid)),
    onnx("Softplus", |_| floats(math::softplus_in_place, softplus)),
    onnx("Softsign", |_| floats(softsign, |x| x / (1.0 + x.abs()))),
    onnx("Swish", |spec| swish(spec.float_or("alpha", 1.0))),
    onnx("ThresholdedRelu", thresholded_relu),
    contrib("BiasAdd", bias_add),
    contrib("BiasGelu", |_| biased(exact_gelu())),
    contrib("BiasSplitGelu", bias_split_gelu),
    contrib("FastGelu", |_| biased(gelu_by_tanh())),
    contrib("Gelu", gelu),
    contrib("QuickGelu", |spec| swish(spec.float_or("alpha", 1.702))),
];

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn softplus(x: f64) -> f64 {
    (if x < 0.0 { 0.0 } else { x }) + (-x.abs()).exp().ln_1p()
}

fn relu(values: &mut [f32]) {
    let zero = F32x4::splat(0.0);
    map_in_place(values, |x| x.at_least(zero));
}

fn softsign(values: &mut [f32]) {
    map_in_place(values, |x| x.div(x.abs().add(F32x4::splat(1.0))));
}

/// Elu, and Selu, which is a multiple of it. <https://onnx.ai/onnx/operators/onnx__Elu.html>
fn exponential(alpha: f32, gamma: f32) -> Result<Operator> {
    let (wide_alpha, wide_gamma) = (f64::from(alpha), f64::from(gamma));
    let [below, above, zero, one] = [alpha * gamma, gamma, 0.0, 1.0].map(F32x4::splat);
    floats(
        move |values| {
            map_in_place(values, |x| x.select_below(zero, math::exp(x).sub(one).mul(below), x.mul(above)));
        },
        move |x| wide_gamma * if x < 0.0 { wide_alpha * x.exp_m1() } else { x },
    )
}

/// <https://onnx.ai/onnx/operators/onnx__Celu.html>
fn celu(spec: &mut Spec) -> Result<Operator> {
    let alpha = spec.float_or("alpha", 1.0);
    let wide = f64::from(alpha);
    let [alpha, zero, one] = [alpha, 0.0, 1.0].map(F32x4::splat);
    floats(
        move |values| {
            map_in_place(values, |x| {
                let power = math::exp(x.div(alpha)).sub(one).mul(alpha);
                x.at_least(zero).add(power.at_most(zero))
            });
        },
        move |x| (if x < 0.0 { 0.0 } else { x }) + (wide * (x / wide).exp_m1()).min(0.0),
    )
}

/// <https://onnx.ai/onnx/operators/onnx__Gelu.html>
fn gelu(spec: &mut Spec) -> Result<Operator> {
    match spec.text_or("approximate", "none") {
        "none" => exact_gelu(),
        "tanh" => gelu_by_tanh(),
        other => Err(spec.invalid(&format!("approximate={other}"))),
    }
}

fn exact_gelu() -> Result<Operator> {
    floats(math::gelu_in_place, |x| x / 2.0 * (1.0 + math::erf_f64(x * std::f64::consts::FRAC_1_SQRT_2)))
}

fn gelu_by_tanh() -> Result<Operator> {
    floats(math::gelu_by_tanh_in_place, |x| {
        let root = (2.0 / std::f64::consts::PI).sqrt();
        x / 2.0 * (1.0 + (root * (x + 0.044_715 * x * x * x)).tanh())
    })
}

fn clamp_to_one(x: F32x4) -> F32x4 {
    let [zero, one] = [0.0, 1.0].map(F32x4::splat);
    let x = x.at_least(zero);
    one.select_below(x, one, x)
}

/// <https://onnx.ai/onnx/operators/onnx__HardSigmoid.html>
fn hard_sigmoid(spec: &mut Spec) -> Result<Operator> {
    let (alpha, beta) = (spec.float_or("alpha", 0.2), spec.float_or("beta", 0.5));
    let (wide_alpha, wide_beta) = (f64::from(alpha), f64::from(beta));
    let (alpha, beta) = (F32x4::splat(alpha), F32x4::splat(beta));
    floats(
        move |values| map_in_place(values, |x| clamp_to_one(x.mul_add(alpha, beta))),
        move |x| (wide_alpha * x + wide_beta).clamp(0.0, 1.0),
    )
}

/// <https://onnx.ai/onnx/operators/onnx__HardSwish.html>
fn hard_swish() -> Result<Operator> {
    let [sixth, half] = [1.0 / 6.0, 0.5].map(F32x4::splat);
    floats(
        move |values| map_in_place(values, |x| x.mul(clamp_to_one(x.mul_add(sixth, half)))),
        |x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
    )
}

/// <https://onnx.ai/onnx/operators/onnx__LeakyRelu.html>
fn leaky_relu(spec: &mut Spec) -> Result<Operator> {
    let alpha = spec.float_or("alpha", 0.01);
    let wide = f64::from(alpha);
    let [alpha, zero] = [alpha, 0.0].map(F32x4::splat);
    floats(
        move |values| map_in_place(values, |x| x.select_below(zero, x.mul(alpha), x)),
        move |x| if x < 0.0 { x * wide } else { x },
    )
}

/// <https://onnx.ai/onnx/operators/onnx__ThresholdedRelu.html>
fn thresholded_relu(spec: &mut Spec) -> Result<Operator> {
    let alpha = spec.float_or("alpha", 1.0);
    let wide = f64::from(alpha);
    let [alpha, zero] = [alpha, 0.0].map(F32x4::splat);
    floats(
        move |values| map_in_place(values, |x| alpha.select_below(x, x, zero)),
        move |x| if x > wide { x } else { 0.0 },
    )
}

/// `x * sigmoid(alpha * x)`: <https://onnx.ai/onnx/operators/onnx__Swish.html>, and com.microsoft.QuickGelu.
fn swish(alpha: f32) -> Result<Operator> {
    let (wide, alpha) = (f64::from(alpha), F32x4::splat(alpha));
    floats(move |values| map_in_place(values, |x| x.mul(math::sigmoid(x.mul(alpha)))), move |x| x * sigmoid(wide * x))
}

/// Integers are computed as float64. <https://onnx.ai/onnx/operators/onnx__Shrink.html>
fn shrink(spec: &mut Spec) -> Result<Operator> {
    let (bias, edge) = (spec.float_or("bias", 0.0), spec.float_or("lambd", 0.5));
    let wide = (f64::from(bias), f64::from(edge));
    let shrink = move |x: f64| match wide {
        (bias, edge) if x < -edge => x + bias,
        (bias, edge) if x > edge => x - bias,
        _ => 0.0,
    };
    let [bias, above, below, zero] = [bias, edge, -edge, 0.0].map(F32x4::splat);
    let run = floats(
        move |values| {
            let shrink_above = |x: F32x4| above.select_below(x, x.sub(bias), zero);
            map_in_place(values, |x| x.select_below(below, x.add(bias), shrink_above(x)));
        },
        shrink,
    )?;
    Ok(Box::new(move |call| {
        let tensor = call.tensor(0)?;
        if tensor.element_type().is_float() {
            return run(call);
        }
        let shrunk = map_integers(tensor, &|x| shrink(x as f64) as i64)?;
        Ok(super::Outputs::from_elem(shrunk.into(), 1))
    }))
}

/// The ends are attributes before opset 11, and inputs from there on. <https://onnx.ai/onnx/operators/onnx__Clip.html>
fn clip(spec: &mut Spec) -> Result<Operator> {
    let attributes = (spec.float("min"), spec.float("max"));
    let is_old = spec.opset() < 11;
    single(move |call| {
        let element_type = call.tensor(0)?.element_type();
        let (low, high) = match is_old {
            true => {
                let end =
                    |end: Option<f32>| end.map(|end| super::cast::cast(Tensor::scalar(end), element_type)).transpose();
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
                    super::cast::cast(end.clone(), ElementType::Int64)?.only().map(Some)
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

/// Outside training nothing is dropped, and the mask says so; before opset 12 the mask is 0 all over, as in onnxruntime.
/// <https://onnx.ai/onnx/operators/onnx__Dropout.html>
fn dropout(spec: &mut Spec) -> Result<Operator> {
    let is_set = |tensor: &Tensor| tensor.to_f64s().is_ok_and(|values| values.iter().any(|&value| value != 0.0));
    let drops = move |ratio: Option<&Tensor>, training: Option<&Tensor>| {
        training.is_some_and(is_set) && ratio.is_none_or(is_set)
    };
    let is_known = !spec.has_input(1) || spec.constant(1).is_some();
    if is_known && drops(spec.constant(1), spec.constant(2)) {
        return Err(spec.unsupported("training_mode"));
    }
    let opset = spec.opset();
    several(move |call| {
        if drops(call.optional(1)?, call.optional(2)?) {
            return Err(Error::execution("elements are dropped in training alone, which is not supported"));
        }
        let tensor = call.take(0)?;
        if !call.wants(1) {
            return Ok(vec![tensor.into()]);
        }
        let mask_type = if opset < 10 { tensor.element_type() } else { ElementType::Bool };
        let mut mask = Tensor::zeros(mask_type, tensor.dims())?;
        if opset >= 12 {
            mask.as_bytes_mut().fill(1);
        }
        Ok(vec![tensor.into(), mask.into()])
    })
}

/// An operator of one input behind the sum of that and a bias, which may be missing:
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.FastGelu>
fn biased(operator: Result<Operator>) -> Result<Operator> {
    let operator = operator?;
    Ok(Box::new(move |call| {
        if call.optional(1)?.is_none() {
            return operator(call);
        }
        let sum = apply(&ADD, Side::pair(call, 0, 1)?)?;
        operator(&mut Call::new(smallvec![Input::Owned(sum.into())], 1, &[true]))
    }))
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.BiasAdd>
fn bias_add(_: &mut Spec) -> Result<Operator> {
    single(|call| {
        let skip = call.take(2)?;
        let sum = apply(&ADD, Side::pair(call, 0, 1)?)?;
        apply(&ADD, [Side::Owned(sum), Side::Shared(&skip)])
    })
}

/// The first half of each row times the gelu of the second.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.BiasSplitGelu>
fn bias_split_gelu(_: &mut Spec) -> Result<Operator> {
    single(|call| {
        let sum = apply(&ADD, Side::pair(call, 0, 1)?)?;
        let mut dims = Dims::from_slice(sum.dims());
        let half = match dims.last_mut() {
            Some(last) if *last % 2 == 0 => {
                *last /= 2;
                *last
            }
            _ => return Err(Error::execution("expected an even number of channels")),
        };
        let mut values = crate::tensor::reserve::<f32>(&dims)?;
        for row in sum.slice::<f32>()?.chunks(half.max(1) * 2) {
            let (left, right) = row.split_at(half);
            let start = values.len();
            values.extend_from_slice(right);
            let gate = values.get_mut(start..).unwrap_or_default();
            math::gelu_in_place(gate);
            gate.iter_mut().zip(left).for_each(|(gate, left)| *gate *= left);
        }
        Tensor::new(&dims, values)
    })
}
