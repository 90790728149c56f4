//! Activations that follow a product: applied to what was just written, while it is in the cache.

use super::math::{self, map_in_place as map};
use super::simd::F32x4;

/// A function applied to every element of a result.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Activation {
    /// None.
    #[default]
    Identity,
    /// `max(0, x)`
    Relu,
    /// `min(max(x, low), high)`
    Clip(f32, f32),
    /// `x` from 0, below `alpha x`
    LeakyRelu(f32),
    /// `max(0, min(1, alpha x + beta))`
    HardSigmoid(f32, f32),
    /// `x max(0, min(1, x / 6 + 1 / 2))`
    HardSwish,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// `x / (1 + exp(-alpha x))`
    Swish(f32),
    /// `tanh(x)`
    Tanh,
    /// `x (1 + erf(x / sqrt(2))) / 2`
    Gelu,
    /// `x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`
    GeluTanh,
}

impl Activation {
    /// The activation that ONNX calls `name`, with up to two parameters, each the operator's default where it is not given.
    pub fn from_name(name: &str, alpha: Option<f32>, beta: Option<f32>) -> Option<Activation> {
        Some(match name {
            "" | "Identity" => Activation::Identity,
            "Relu" => Activation::Relu,
            "Clip" => Activation::Clip(alpha.unwrap_or(f32::NEG_INFINITY), beta.unwrap_or(f32::INFINITY)),
            "LeakyRelu" => Activation::LeakyRelu(alpha.unwrap_or(0.01)),
            "HardSigmoid" => Activation::HardSigmoid(alpha.unwrap_or(0.2), beta.unwrap_or(0.5)),
            "HardSwish" => Activation::HardSwish,
            "Sigmoid" => Activation::Sigmoid,
            "Swish" | "Silu" => Activation::Swish(alpha.unwrap_or(1.0)),
            "Tanh" => Activation::Tanh,
            "Gelu" => Activation::Gelu,
            "GeluTanh" | "FastGelu" => Activation::GeluTanh,
            _ => return None,
        })
    }

    /// The range that the activation keeps its argument in, which is all that some do.
    pub fn range(self) -> (f32, f32) {
        match self {
            Activation::Relu => (0.0, f32::INFINITY),
            Activation::Clip(low, high) => (low, high),
            _ => (f32::NEG_INFINITY, f32::INFINITY),
        }
    }

    /// Whether keeping the range leaves nothing to do.
    pub fn is_range(self) -> bool {
        matches!(self, Activation::Identity | Activation::Relu | Activation::Clip(..))
    }

    /// Applies the activation in place.
    pub fn apply(self, values: &mut [f32]) {
        let splat = F32x4::splat;
        let unit = |x: F32x4| x.max(splat(0.0)).min(splat(1.0));
        match self {
            Activation::Identity => {}
            Activation::Relu | Activation::Clip(..) => {
                let (low, high) = self.range();
                map(values, |x| x.max(splat(low)).min(splat(high)));
            }
            Activation::LeakyRelu(alpha) => map(values, |x| x.select_below(splat(0.0), x.mul(splat(alpha)), x)),
            Activation::HardSigmoid(alpha, beta) => map(values, |x| unit(x.mul_add(splat(alpha), splat(beta)))),
            Activation::HardSwish => map(values, |x| x.mul(unit(x.mul_add(splat(1.0 / 6.0), splat(0.5))))),
            Activation::Sigmoid => math::sigmoid_in_place(values),
            Activation::Swish(alpha) => {
                map(values, |x| x.div(splat(1.0).add(math::exp(x.mul(splat(-alpha))))));
            }
            Activation::Tanh => math::tanh_in_place(values),
            Activation::Gelu => math::gelu_in_place(values),
            Activation::GeluTanh => math::gelu_by_tanh_in_place(values),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(activation: Activation, x: f64) -> f64 {
        let unit = |x: f64| x.clamp(0.0, 1.0);
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        match activation {
            Activation::Identity => x,
            Activation::Relu => x.max(0.0),
            Activation::Clip(low, high) => x.clamp(low.into(), high.into()),
            Activation::LeakyRelu(alpha) => {
                if x < 0.0 {
                    x * f64::from(alpha)
                } else {
                    x
                }
            }
            Activation::HardSigmoid(alpha, beta) => unit(x * f64::from(alpha) + f64::from(beta)),
            Activation::HardSwish => x * unit(x / 6.0 + 0.5),
            Activation::Sigmoid => sigmoid(x),
            Activation::Swish(alpha) => x * sigmoid(x * f64::from(alpha)),
            Activation::Tanh => x.tanh(),
            Activation::Gelu => {
                // The series of erf.
                let z = (x / std::f64::consts::SQRT_2).clamp(-5.0, 5.0);
                let (mut term, mut sum) = (z, z);
                for n in 1..200 {
                    term *= -z * z / f64::from(n);
                    sum += term / f64::from(2 * n + 1);
                }
                x * 0.5 * (1.0 + sum * 2.0 / std::f64::consts::PI.sqrt())
            }
            Activation::GeluTanh => {
                x * 0.5 * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh())
            }
        }
    }

    #[test]
    fn each_follows_its_formula() {
        let all = [
            Activation::Identity,
            Activation::Relu,
            Activation::Clip(-1.0, 2.0),
            Activation::LeakyRelu(0.1),
            Activation::HardSigmoid(0.2, 0.5),
            Activation::HardSwish,
            Activation::Sigmoid,
            Activation::Swish(1.5),
            Activation::Tanh,
            Activation::Gelu,
            Activation::GeluTanh,
        ];
        let xs: Vec<f32> =
            (-403..=403).map(|index| index as f32 * 0.05).chain([1e-6, -3e-5, 88.0, -100.0, 1e9]).collect();
        for activation in all {
            let mut actual = xs.clone();
            activation.apply(&mut actual);
            for (x, actual) in xs.iter().zip(actual) {
                let expected = reference(activation, (*x).into());
                let error = (f64::from(actual) - expected).abs();
                assert!(error <= 1e-6 + 1e-6 * expected.abs(), "{activation:?}({x}) = {actual}, not {expected}");
            }
            let mut values = [f32::NAN; 5];
            activation.apply(&mut values);
            assert!(values.iter().all(|value| value.is_nan()), "{activation:?}");
        }
    }
}
