//! What classifiers and regressors make of their scores.

use crate::error::Result;
use crate::ops::Spec;

/// What is done to the scores of a row at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transform {
    /// Nothing.
    None,
    /// The softmax of the row.
    Softmax,
    /// The logistic function of each score.
    Logistic,
    /// The softmax of those that are not zero.
    SoftmaxZero,
    /// The inverse of the normal distribution of each score.
    Probit,
}

impl Transform {
    /// The attribute `post_transform`, a name or, of TreeEnsemble, a number. ONNX gives 1 to SOFTMAX and 2 to LOGISTIC;
    /// onnxruntime, by which models are tried out, has them the other way around.
    pub fn read(spec: &Spec) -> Result<Transform> {
        let numbered = ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"];
        let name = match spec.int("post_transform") {
            Some(number) => usize::try_from(number).ok().and_then(|number| numbered.get(number)).copied().unwrap_or(""),
            None => spec.text_or("post_transform", "NONE"),
        };
        match name {
            "NONE" => Ok(Transform::None),
            "SOFTMAX" => Ok(Transform::Softmax),
            "LOGISTIC" => Ok(Transform::Logistic),
            "SOFTMAX_ZERO" => Ok(Transform::SoftmaxZero),
            "PROBIT" => Ok(Transform::Probit),
            other => Err(spec.invalid(&format!("post_transform={other}"))),
        }
    }

    /// Transforms the scores of a row.
    pub fn apply(self, scores: &mut [f64]) {
        match self {
            Transform::None => {}
            Transform::Softmax => exponentiate(scores, |_| false),
            Transform::SoftmaxZero => exponentiate(scores, |score| score.abs() <= 1e-7),
            Transform::Logistic => scores.iter_mut().for_each(|score| *score = logistic(*score)),
            Transform::Probit => scores.iter_mut().for_each(|score| *score = probit(*score)),
        }
    }

    /// Both scores of a row from the one of the second class, which is a probability, or a score that is above 0 where the
    /// second class is the likelier one.
    pub fn split(self, score: f64, is_probability: bool) -> [f64; 2] {
        match self {
            _ if is_probability => [1.0 - score, score],
            Transform::Logistic => [logistic(-score), logistic(score)],
            _ => [-score, score],
        }
    }
}

/// The softmax of a row. Scores that `is_kept` holds for count for nothing and are only scaled.
fn exponentiate(scores: &mut [f64], is_kept: fn(f64) -> bool) {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for score in scores.iter_mut() {
        if is_kept(*score) {
            *score *= (-largest).exp();
        } else {
            *score = (*score - largest).exp();
            sum += *score;
        }
    }
    scores.iter_mut().for_each(|score| *score /= sum);
}

/// 1 / (1 + e^-x)
pub fn logistic(score: f64) -> f64 {
    let value = 1.0 / (1.0 + (-score.abs()).exp());
    if score < 0.0 { 1.0 - value } else { value }
}

/// The inverse of the normal distribution by Winitzki's formula for the inverse of erf, as in onnxruntime.
fn probit(score: f64) -> f64 {
    let x = 2.0 * score - 1.0;
    let log = ((1.0 - x) * (1.0 + x)).ln();
    let half = 2.0 / (std::f64::consts::PI * 0.147) + 0.5 * log;
    let root = ((half * half - log / 0.147).sqrt() - half).sqrt();
    std::f64::consts::SQRT_2 * if x < 0.0 { -root } else { root }
}
