//! Activation functions: of one number and of parameters that are known at load.

mod bias;
mod clip;

use super::arithmetic::{MUL, Side, apply};
use super::unary::{floats, numbers, truncated};
use super::{Entry, Operator, Outputs, Spec, contrib, onnx};
use crate::error::{Error, Result};
use crate::kernels::math::{self, map_in_place};
use crate::kernels::simd::F32x4;

pub const ENTRIES: &[Entry] = &[
    onnx("Celu", celu),
    onnx("Clip", clip::clip),
    onnx("Elu", exponential),
    onnx("Gelu", gelu),
    onnx("HardSigmoid", hard_sigmoid),
    onnx("HardSwish", |_| hard_swish()),
    onnx("LeakyRelu", leaky_relu),
    onnx("Mish", |_| floats(math::mish_in_place, |x| x * softplus(x).tanh())),
    onnx("Relu", |_| numbers(relu, |x| if x < 0.0 { 0.0 } else { x }, |x| x.max(0), |x| x)),
    onnx("Selu", exponential),
    onnx("Shrink", shrink),
    onnx("Sigmoid", |_| floats(math::sigmoid_in_place, sigmoid)),
    onnx("Softplus", |_| floats(math::softplus_in_place, softplus)),
    onnx("Softsign", |_| floats(softsign, |x| x / (1.0 + x.abs()))),
    onnx("SwiGLU", swiglu),
    onnx("Swish", |spec| swish(spec.float_or("alpha", 1.0))),
    onnx("ThresholdedRelu", thresholded_relu),
    contrib("BiasAdd", bias::bias_add),
    contrib("BiasGelu", |_| bias::biased(exact_gelu())),
    contrib("BiasSplitGelu", bias::bias_split_gelu),
    contrib("FastGelu", |_| bias::biased(gelu_by_tanh())),
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

/// Elu, and Selu, which is a multiple of it; its constants have fewer digits before opset 6.
/// <https://onnx.ai/onnx/operators/onnx__Elu.html> <https://onnx.ai/onnx/operators/onnx__Selu.html>
fn exponential(spec: &mut Spec) -> Result<Operator> {
    let (alpha, gamma) = match spec.op() {
        "Elu" => (1.0, 1.0),
        _ if spec.opset() < 6 => (1.6732, 1.0507),
        _ => (1.673_263_2, 1.050_701),
    };
    let (alpha, gamma) = (spec.float_or("alpha", alpha), spec.float_or("gamma", gamma));
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

/// `Swish(a) * b`. <https://onnx.ai/onnx/operators/onnx__SwiGLU.html>
fn swiglu(spec: &mut Spec) -> Result<Operator> {
    let swish = swish(spec.float_or("alpha", 1.0))?;
    Ok(Box::new(move |call| {
        if call.tensor(0)?.dims() != call.tensor(1)?.dims() {
            return Err(Error::execution("expected two operands of the same dims"));
        }
        let gate = swish(call)?.pop().ok_or_else(|| Error::execution("no gate"))?.into_tensor()?;
        let product = apply(&MUL, [Side::Owned(gate), Side::Shared(call.tensor(1)?)])?;
        Ok(Outputs::from_elem(product.into(), 1))
    }))
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
    truncated(
        move |values| {
            let shrink_above = |x: F32x4| above.select_below(x, x.sub(bias), zero);
            map_in_place(values, |x| x.select_below(below, x.add(bias), shrink_above(x)));
        },
        shrink,
    )
}
