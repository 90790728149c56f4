//! Activations that follow a product: applied to what was just written, while it is in the cache.

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
            Activation::Sigmoid => map(values, |x| splat(1.0).div(splat(1.0).add(exp(splat(0.0).sub(x))))),
            Activation::Swish(alpha) => map(values, |x| {
                let exponential = exp(x.mul(splat(-alpha)));
                x.div(splat(1.0).add(exponential))
            }),
            Activation::Tanh => map(values, tanh),
            Activation::Gelu => map(values, |x| {
                let half = x.mul(splat(0.5));
                half.mul_add(erf(x.mul(splat(std::f32::consts::FRAC_1_SQRT_2))), half)
            }),
            Activation::GeluTanh => map(values, |x| {
                let cube = x.mul(x).mul(x);
                // (1 + tanh(z)) / 2 is the sigmoid of 2 z.
                let twice = cube.mul_add(splat(0.044715), x).mul(splat(-1.595_769));
                x.div(splat(1.0).add(exp(twice)))
            }),
        }
    }
}

#[inline(always)]
fn map(values: &mut [f32], f: impl Fn(F32x4) -> F32x4) {
    let (fours, rest) = values.as_chunks_mut::<4>();
    for four in fours {
        *four = f(F32x4::new(*four)).to_array();
    }
    if !rest.is_empty() {
        let mut four = [0.0; 4];
        four.iter_mut().zip(rest.iter()).for_each(|(to, from)| *to = *from);
        let four = f(F32x4::new(four)).to_array();
        rest.iter_mut().zip(four).for_each(|(to, from)| *to = from);
    }
}

/// `coefficients`, the highest first, of a polynomial in `x`.
#[inline(always)]
fn polynomial(x: F32x4, coefficients: &[f32]) -> F32x4 {
    let mut sum = F32x4::splat(0.0);
    for &coefficient in coefficients {
        sum = sum.mul_add(x, F32x4::splat(coefficient));
    }
    sum
}

/// `exp(x)`, from 1e-38 to 1e38: by a power of 2 and the Taylor polynomial of what is left.
#[inline(always)]
fn exp(x: F32x4) -> F32x4 {
    let x = x.max(F32x4::splat(-87.0)).min(F32x4::splat(88.0));
    let power = x.mul(F32x4::splat(std::f32::consts::LOG2_E)).nearest();
    // ln 2 in two parts, the first of which has few bits.
    let rest = power.mul_add(F32x4::splat(-0.693_359_4), x);
    let rest = power.mul_add(F32x4::splat(2.121_944_4e-4), rest);
    let taylor = [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    polynomial(rest, &taylor).mul(power.exp2_whole())
}

/// `tanh(x)` as a quotient of polynomials, Eigen's.
#[inline(always)]
fn tanh(x: F32x4) -> F32x4 {
    let x = x.max(F32x4::splat(-7.905_311)).min(F32x4::splat(7.905_311));
    let square = x.mul(x);
    let above =
        [-2.760_768_5e-16, 2.000_188e-13, -8.604_672e-11, 5.122_297e-8, 1.485_722_4e-5, 6.372_619e-4, 4.893_524_6e-3];
    let below = [1.198_258_4e-6, 1.185_347_1e-4, 2.268_434_6e-3, 4.893_525e-3];
    x.mul(polynomial(square, &above)).div(polynomial(square, &below))
}

/// `erf(x)` to 1.5e-7. Abramowitz and Stegun, 7.1.26.
#[inline(always)]
fn erf(x: F32x4) -> F32x4 {
    let (zero, one) = (F32x4::splat(0.0), F32x4::splat(1.0));
    let positive = x.abs();
    let t = one.div(positive.mul_add(F32x4::splat(0.327_591_1), one));
    let sum = polynomial(t, &[1.061_405_4, -1.453_152, 1.421_413_7, -0.284_496_74, 0.254_829_6, 0.0]);
    let result = one.sub(sum.mul(exp(zero.sub(x.mul(x)))));
    x.select_below(zero, zero.sub(result), result)
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
