//! Ensembles of decision trees.

mod finish;
mod grow;
mod leaves;
mod read;

use std::sync::OnceLock;

use super::labels::Labels;
use super::rows_of;
use super::scores::Transform;
use crate::error::{Error, Result};
use crate::kernels::trees::{Aggregate, Forest};
use crate::ops::{Operator, Spec, several, single};
use crate::tensor::{ElementType, Tensor, count_elements, fill, reserve};
use finish::{Classifier, Combination};
use grow::{Listed, Weighed, grow, widen};

/// Trees as a model has them.
struct Ensemble {
    listed: Vec<Listed>,
    roots: Vec<usize>,
    weights: Vec<Weighed>,
    targets: usize,
    /// Whether thresholds and weights are float64.
    is_double: bool,
}

/// Trees ready to run, of the precision of the model, and of float64 where rows come so.
enum Trees {
    Single(Forest<f32>, OnceLock<Forest<f64>>),
    Double(Forest<f64>),
}

/// What trees give for rows.
struct Outcome {
    rows: usize,
    /// An element a row and target.
    scores: Vec<f64>,
    /// Whether any tree gave something for it.
    scored: Vec<bool>,
    /// Sums are rounded to what the trees compute with.
    round: fn(f64) -> f64,
}

impl Ensemble {
    fn grow(self, spec: &Spec) -> Result<Trees> {
        let Ensemble { listed, roots, weights, targets, is_double } = self;
        if targets == 0 {
            return Err(spec.invalid("no targets or classes"));
        }
        let trees = match is_double {
            true => grow(&listed, &roots, weights, targets).map(Trees::Double),
            false => grow(&listed, &roots, weights, targets).map(|forest| Trees::Single(forest, OnceLock::new())),
        };
        trees.map_err(|what| spec.invalid(&what))
    }
}

impl Trees {
    fn run(&self, input: &Tensor, aggregate: Aggregate, targets: usize) -> Result<Outcome> {
        let (rows, features) = rows_of(input)?;
        let dims = [rows, targets];
        let mut scored = fill(&dims, false)?;
        let (least, scores, round): (_, _, fn(f64) -> f64) = match self {
            Trees::Single(forest, _) if input.element_type() != ElementType::Float64 => {
                let mut scores = fill(&dims, 0f32)?;
                let fits = forest.run(&input.to_f32s()?, features, aggregate, &mut scores, &mut scored);
                let mut widened = reserve(&dims)?;
                widened.extend(scores.into_iter().map(f64::from));
                ((!fits).then(|| forest.features()), widened, |value| f64::from(value as f32))
            }
            _ => {
                let forest = match self {
                    Trees::Single(forest, wide) => wide.get_or_init(|| widen(forest)),
                    Trees::Double(forest) => forest,
                };
                let mut scores = fill(&dims, 0f64)?;
                let fits = forest.run(&input.to_f64s()?, features, aggregate, &mut scores, &mut scored);
                ((!fits).then(|| forest.features()), scores, |value| value)
            }
        };
        match least {
            Some(least) => Err(Error::execution(format!("expected rows of at least {least} features, got {input}"))),
            None => Ok(Outcome { rows, scores, scored, round }),
        }
    }

    fn count(&self) -> usize {
        match self {
            Trees::Single(forest, _) => forest.trees(),
            Trees::Double(forest) => forest.trees(),
        }
    }
}

/// float32 scores of rows.
fn to_float32(rows: usize, scores: &[f64]) -> Result<Tensor> {
    let dims = [rows, scores.len().checked_div(rows).unwrap_or(0)];
    count_elements::<f32>(&dims)?;
    Tensor::new::<f32>(&dims, scores.iter().map(|&score| score as f32).collect())
}

/// A value for each target. <https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleRegressor.html>
pub fn tree_ensemble_regressor(spec: &mut Spec) -> Result<Operator> {
    let targets = spec.int("n_targets").and_then(|targets| usize::try_from(targets).ok()).unwrap_or(1);
    let trees = read::read_ensemble(spec, "target", targets)?.grow(spec)?;
    let combination = Combination::read(spec, trees.count(), targets)?;
    single(move |call| {
        let mut outcome = trees.run(call.tensor(0)?, combination.aggregate(), targets)?;
        combination.finish(&mut outcome);
        match outcome.rows {
            0 => Tensor::zeros(ElementType::Float32, &[0, targets]),
            rows => to_float32(rows, &outcome.scores),
        }
    })
}

/// A label and a score for each class. <https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsembleClassifier.html>
pub fn tree_ensemble_classifier(spec: &mut Spec) -> Result<Operator> {
    let labels = Labels::read(spec, "classlabels_strings", "classlabels_int64s");
    let classes = labels.len();
    let ensemble = read::read_ensemble(spec, "class", classes)?;
    let classifier = Classifier::read(spec, &ensemble.weights)?;
    let trees = ensemble.grow(spec)?;
    // onnxruntime tells 0 from 1 where there is one class, whatever it is called.
    let labels = if classes == 1 { Labels::Ints(vec![0, 1]) } else { labels };
    several(move |call| {
        let mut outcome = trees.run(call.tensor(0)?, Aggregate::Sum, classes)?;
        let chosen = classifier.finish(&mut outcome, classes);
        let scores = match outcome.rows {
            0 => Tensor::zeros(ElementType::Float32, &[0, classes])?,
            rows => to_float32(rows, &outcome.scores)?,
        };
        Ok(vec![labels.choose(&chosen)?.into(), scores.into()])
    })
}

/// Trees whose leaves are listed apart, from opset 5 on. <https://onnx.ai/onnx/operators/onnx_aionnxml_TreeEnsemble.html>
pub fn tree_ensemble(spec: &mut Spec) -> Result<Operator> {
    let targets = spec.int("n_targets").and_then(|targets| usize::try_from(targets).ok()).unwrap_or(1);
    let trees = leaves::read_ensemble(spec, targets)?.grow(spec)?;
    let transform = Transform::read(spec)?;
    let combination = Combination::of_leaves(spec, trees.count(), targets, transform)?;
    single(move |call| {
        let input = call.tensor(0)?;
        let is_double = input.element_type() == ElementType::Float64;
        let mut outcome = trees.run(input, combination.aggregate(), targets)?;
        combination.finish(&mut outcome);
        let dims = [outcome.rows, targets];
        match is_double {
            true => Tensor::new(&dims, outcome.scores),
            false => Tensor::new(&dims, outcome.scores.iter().map(|&score| score as f32).collect::<Vec<_>>()),
        }
    })
}
