//! Support vector machines.

mod classes;

use super::rows_of;
use crate::error::{Error, Result};
use crate::kernels::dot::{dot, dot_rows, squared_distance};
use crate::kernels::math::{exp, map_in_place};
use crate::ops::{Operator, Spec, single};
use crate::tensor::{Tensor, fill};
pub use classes::svm_classifier;

/// How rows are compared with support vectors.
#[derive(Debug, Clone, Copy)]
enum Kernel {
    Linear,
    Poly,
    Rbf,
    Sigmoid,
}

/// Vectors that rows are compared with.
struct Vectors {
    kernel: Kernel,
    gamma: f32,
    coef0: f32,
    degree: f32,
    vectors: Vec<f32>,
    features: usize,
}

impl Vectors {
    /// `count` vectors in the attribute `name`. Coefficients in place of support vectors are compared linearly.
    fn read(spec: &Spec, name: &str, count: usize, is_linear: bool) -> Result<Vectors> {
        let vectors = spec.floats(name).unwrap_or_default().to_vec();
        let features = vectors.len().checked_div(count).unwrap_or(0);
        if features == 0 || features * count != vectors.len() {
            return Err(spec.invalid(&format!("{} {name} for {count} vectors", vectors.len())));
        }
        let kernel = match spec.text_or("kernel_type", "LINEAR") {
            _ if is_linear => Kernel::Linear,
            "LINEAR" => Kernel::Linear,
            "POLY" => Kernel::Poly,
            "RBF" => Kernel::Rbf,
            "SIGMOID" => Kernel::Sigmoid,
            other => return Err(spec.invalid(&format!("kernel_type={other}"))),
        };
        let (gamma, coef0, degree) = match spec.floats("kernel_params") {
            Some(&[gamma, coef0, degree]) => (gamma, coef0, degree),
            _ => (0.0, 0.0, 0.0),
        };
        Ok(Vectors { kernel, gamma, coef0, degree, vectors, features })
    }

    /// The number of vectors.
    fn len(&self) -> usize {
        self.vectors.len() / self.features
    }

    /// How near each row is to each vector.
    fn compare(&self, input: &Tensor) -> Result<(usize, Vec<f32>)> {
        let (rows, features) = rows_of(input)?;
        if features != self.features {
            return Err(Error::execution(format!("expected rows of {} features, got {input}", self.features)));
        }
        let mut near = fill(&[rows, self.len()], 0f32)?;
        let values = input.to_f32s()?;
        if let Kernel::Rbf = self.kernel {
            for (row, near) in values.chunks_exact(features).zip(near.chunks_exact_mut(self.len())) {
                for (vector, near) in self.vectors.chunks_exact(features).zip(near) {
                    *near = -self.gamma * squared_distance(row, vector);
                }
            }
            map_in_place(&mut near, exp);
            return Ok((rows, near));
        }
        dot_rows(&values, &self.vectors, features, &mut near);
        match self.kernel {
            Kernel::Poly => near.iter_mut().for_each(|near| *near = self.scale(*near).powf(self.degree)),
            Kernel::Sigmoid => near.iter_mut().for_each(|near| *near = self.scale(*near).tanh()),
            Kernel::Linear | Kernel::Rbf => {}
        }
        Ok((rows, near))
    }

    fn scale(&self, product: f32) -> f32 {
        self.gamma * product + self.coef0
    }
}

/// One value a row. Like onnxruntime it leaves `post_transform` alone.
/// <https://onnx.ai/onnx/operators/onnx_aionnxml_SVMRegressor.html>
pub fn svm_regressor(spec: &mut Spec) -> Result<Operator> {
    let supports = usize::try_from(spec.int_or("n_supports", 0)).unwrap_or(0);
    let is_linear = supports == 0;
    let coefficients = spec.floats("coefficients").unwrap_or_default().to_vec();
    let vectors = match is_linear {
        true => Vectors::read(spec, "coefficients", 1, true)?,
        false => Vectors::read(spec, "support_vectors", supports, false)?,
    };
    if !is_linear && coefficients.len() < supports {
        return Err(spec.invalid(&format!("{} coefficients for {supports} vectors", coefficients.len())));
    }
    let rho = spec.floats("rho").and_then(<[f32]>::first).copied().unwrap_or(0.0);
    let tells_outliers = spec.flag("one_class", false);
    single(move |call| {
        let (rows, near) = vectors.compare(call.tensor(0)?)?;
        let finish = |near: &[f32]| {
            let sum = if is_linear { near.iter().sum() } else { dot(near, &coefficients) };
            match sum + rho {
                score if !tells_outliers => score,
                score if score > 0.0 => 1.0,
                _ => -1.0,
            }
        };
        Tensor::new(&[rows, 1], near.chunks_exact(vectors.len()).map(finish).collect())
    })
}
