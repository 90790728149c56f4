//! Linear models.

use super::labels::Labels;
use super::rows_of;
use super::scores::Transform;
use crate::error::{Error, Result};
use crate::kernels::dot::dot_rows;
use crate::ops::{Operator, Spec, several, single};
use crate::tensor::{Tensor, fill};

/// Weights of each target, and where each starts from.
struct Weights {
    coefficients: Vec<f32>,
    intercepts: Vec<f32>,
    targets: usize,
    features: usize,
}

impl Weights {
    fn read(spec: &Spec, targets: usize) -> Result<Weights> {
        let coefficients = spec.floats("coefficients").unwrap_or_default().to_vec();
        let intercepts = spec.floats("intercepts").unwrap_or_default().to_vec();
        let features = coefficients.len().checked_div(targets).unwrap_or(0);
        if targets == 0 || features * targets != coefficients.len() {
            return Err(spec.invalid(&format!("{} coefficients for {targets} targets", coefficients.len())));
        }
        Ok(Weights { coefficients, intercepts, targets, features })
    }

    /// The scores of rows, an element a row and target.
    fn score(&self, input: &Tensor) -> Result<(usize, Vec<f32>)> {
        let (rows, features) = rows_of(input)?;
        if features != self.features {
            return Err(Error::execution(format!("expected rows of {} features, got {input}", self.features)));
        }
        let mut scores = fill(&[rows, self.targets], 0f32)?;
        dot_rows(&input.to_f32s()?, &self.coefficients, features, &mut scores);
        for row in scores.chunks_exact_mut(self.targets) {
            row.iter_mut().zip(&self.intercepts).for_each(|(score, intercept)| *score += intercept);
        }
        Ok((rows, scores))
    }
}

/// Scores with `transform` done to each row of them.
pub fn transform_rows(transform: Transform, scores: &mut [f32], columns: usize) {
    if transform == Transform::None {
        return;
    }
    let mut wide = Vec::with_capacity(columns);
    for row in scores.chunks_exact_mut(columns.max(1)) {
        wide.clear();
        wide.extend(row.iter().map(|&score| f64::from(score)));
        transform.apply(&mut wide);
        row.iter_mut().zip(&wide).for_each(|(score, &value)| *score = value as f32);
    }
}

/// The first of the highest scores of a row.
pub fn find_highest(row: &[f32]) -> usize {
    let mut best: Option<(usize, f32)> = None;
    for (index, &score) in row.iter().enumerate() {
        if best.is_none_or(|(_, highest)| score > highest) {
            best = Some((index, score));
        }
    }
    best.map_or(0, |(index, _)| index)
}

/// <https://onnx.ai/onnx/operators/onnx_aionnxml_LinearRegressor.html>
pub fn linear_regressor(spec: &mut Spec) -> Result<Operator> {
    let targets = usize::try_from(spec.int_or("targets", 1)).unwrap_or(0);
    let weights = Weights::read(spec, targets)?;
    let transform = Transform::read(spec)?;
    single(move |call| {
        let (rows, mut scores) = weights.score(call.tensor(0)?)?;
        // onnxruntime transforms a single target by PROBIT only.
        if targets > 1 || transform == Transform::Probit {
            transform_rows(transform, &mut scores, targets);
        }
        Tensor::new(&[rows, targets], scores)
    })
}

/// A label and scores; two of them where one tells two classes apart.
/// <https://onnx.ai/onnx/operators/onnx_aionnxml_LinearClassifier.html>
pub fn linear_classifier(spec: &mut Spec) -> Result<Operator> {
    let labels = Labels::read(spec, "classlabels_strings", "classlabels_ints");
    let intercepts = spec.floats("intercepts").map_or(0, <[f32]>::len);
    let targets = if intercepts > 0 { intercepts } else { labels.len() };
    let weights = Weights::read(spec, targets)?;
    let transform = Transform::read(spec)?;
    let is_binary = targets == 1 && labels.len() == 2;
    if is_binary && transform == Transform::Probit {
        return Err(spec.unsupported("post_transform=PROBIT of one score for two classes"));
    }
    if targets > 1 && labels.len() < targets {
        return Err(spec.invalid(&format!("{} labels for {targets} scores", labels.len())));
    }
    let labels = if targets == 1 && !is_binary {
        match labels {
            Labels::Strings(_) => Labels::Strings(vec!["0".to_string(), "1".to_string()]),
            Labels::Ints(_) => Labels::Ints(vec![0, 1]),
        }
    } else {
        labels
    };
    several(move |call| {
        let (rows, mut scores) = weights.score(call.tensor(0)?)?;
        let choose = |row: &[f32]| match *row {
            [score] => usize::from(score > 0.0),
            _ => find_highest(row),
        };
        let classes: Vec<usize> = scores.chunks_exact(targets).map(choose).collect();
        let labels = labels.choose(&classes)?;
        if is_binary {
            let mut pairs = fill(&[rows, 2], 0f32)?;
            for (pair, &score) in pairs.as_chunks_mut::<2>().0.iter_mut().zip(&scores) {
                let is_probability = transform != Transform::Logistic;
                *pair = transform.split(f64::from(score), is_probability).map(|score| score as f32);
            }
            return Ok(vec![labels.into(), Tensor::new(&[rows, 2], pairs)?.into()]);
        }
        transform_rows(transform, &mut scores, targets);
        Ok(vec![labels.into(), Tensor::new(&[rows, targets], scores)?.into()])
    })
}
