//! The activations of gates.

use crate::error::Result;
use crate::kernels::recurrent::Real;
use crate::ops::Spec;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Function {
    Affine,
    Elu,
    HardSigmoid,
    LeakyRelu,
    Relu,
    ScaledTanh,
    Sigmoid,
    Softplus,
    Softsign,
    Tanh,
    ThresholdedRelu,
}

/// A function's name in lower case, and what alpha and beta are where the node does not say; none where it has none.
type Row = (&'static str, Function, Option<f32>, Option<f32>);

const TABLE: [Row; 11] = [
    ("affine", Function::Affine, Some(1.0), Some(0.0)),
    ("elu", Function::Elu, Some(1.0), None),
    ("hardsigmoid", Function::HardSigmoid, Some(0.2), Some(0.5)),
    ("leakyrelu", Function::LeakyRelu, Some(0.01), None),
    ("relu", Function::Relu, None, None),
    ("scaledtanh", Function::ScaledTanh, Some(1.0), Some(1.0)),
    ("sigmoid", Function::Sigmoid, None, None),
    ("softplus", Function::Softplus, None, None),
    ("softsign", Function::Softsign, None, None),
    ("tanh", Function::Tanh, None, None),
    ("thresholdedrelu", Function::ThresholdedRelu, Some(1.0), None),
];

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Activation {
    function: Function,
    alpha: f32,
    beta: f32,
}

impl Activation {
    /// The activations of all directions: `defaults` says how many one has. Alphas and betas go, in order, to those that have
    /// one, as in onnxruntime.
    pub fn read(spec: &Spec, defaults: &[&str], directions: usize) -> Result<Vec<Activation>> {
        let given = spec.texts("activations").filter(|names| !names.is_empty());
        let given = given.unwrap_or_else(|| defaults.iter().map(|name| name.to_string()).collect());
        // Exporters name those of one direction for both.
        let wanted = defaults.len() * directions;
        if given.len() < wanted && given.len() != defaults.len() {
            return Err(spec.invalid(&format!("{} activations, expected {wanted}", given.len())));
        }
        let mut alphas = spec.floats("activation_alpha").unwrap_or_default().iter();
        let mut betas = spec.floats("activation_beta").unwrap_or_default().iter();
        let mut take = |name: &String| {
            let row = TABLE.iter().find(|row| row.0 == name.to_ascii_lowercase());
            let &(_, function, alpha, beta) = row.ok_or_else(|| spec.invalid(&format!("the activation {name}")))?;
            let alpha = alpha.map_or(0.0, |alpha| alphas.next().copied().unwrap_or(alpha));
            let beta = beta.map_or(0.0, |beta| betas.next().copied().unwrap_or(beta));
            Ok(Activation { function, alpha, beta })
        };
        given.iter().cycle().take(wanted).map(&mut take).collect()
    }

    /// Whether these are the functions of gates that a node which names none has.
    pub fn are_default(activations: &[Activation]) -> bool {
        let mut functions = activations.iter().map(|activation| activation.function);
        functions.next() == Some(Function::Sigmoid) && functions.all(|function| function == Function::Tanh)
    }

    /// Puts the function's values in place of `values`, which are clipped first.
    pub fn apply<T: Real>(&self, clip: Option<f32>, values: &mut [T]) {
        if let Some(clip) = clip {
            let (low, high) = (T::from_f64(-f64::from(clip)), T::from_f64(f64::from(clip)));
            for value in values.iter_mut() {
                *value = if *value < low { low } else { *value };
                *value = if *value > high { high } else { *value };
            }
        }
        match self.function {
            Function::Sigmoid => T::sigmoid(values),
            Function::Tanh => T::tanh(values),
            _ => values.iter_mut().for_each(|value| *value = T::from_f64(self.compute(value.to_f64()))),
        }
    }

    /// The specification's formulas.
    fn compute(&self, x: f64) -> f64 {
        let (alpha, beta) = (f64::from(self.alpha), f64::from(self.beta));
        match self.function {
            Function::Affine => alpha * x + beta,
            Function::Elu if x >= 0.0 => x,
            Function::Elu => alpha * x.exp_m1(),
            Function::HardSigmoid => (alpha * x + beta).clamp(0.0, 1.0),
            Function::LeakyRelu if x >= 0.0 => x,
            Function::LeakyRelu => alpha * x,
            Function::Relu if x < 0.0 => 0.0,
            Function::Relu => x,
            Function::ScaledTanh => alpha * (beta * x).tanh(),
            Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            // e^x overflows long before its logarithm does.
            Function::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Function::Softsign => x / (1.0 + x.abs()),
            Function::Tanh => x.tanh(),
            Function::ThresholdedRelu if x < alpha => 0.0,
            Function::ThresholdedRelu => x,
        }
    }
}
