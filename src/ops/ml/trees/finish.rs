//! From the sums over trees to values, and to classes as onnxruntime chooses them.

use super::super::scores::Transform;
use super::grow::Weighed;
use super::{Outcome, read};
use crate::error::Result;
use crate::kernels::trees::Aggregate;
use crate::ops::Spec;

/// How a regressor makes one value of those of its trees.
pub struct Combination {
    aggregate: Aggregate,
    /// What sums are divided by: the number of trees, for their average.
    divisor: f64,
    /// What each target starts from.
    base: Option<Vec<f64>>,
    transform: Transform,
    targets: usize,
}

impl Combination {
    /// What the attributes of TreeEnsembleRegressor say.
    pub fn read(spec: &Spec, trees: usize, targets: usize) -> Result<Combination> {
        let name = spec.text_or("aggregate_function", "SUM");
        let base = read::read_numbers(spec, "base_values")?.0;
        let mut combination = Combination::new(spec, name, trees, targets, Transform::read(spec)?)?;
        combination.base = (base.len() == targets).then_some(base);
        Ok(combination)
    }

    /// What the attributes of TreeEnsemble say.
    pub fn of_leaves(spec: &Spec, trees: usize, targets: usize, transform: Transform) -> Result<Combination> {
        let name = match spec.int_or("aggregate_function", 1) {
            0 => "AVERAGE",
            1 => "SUM",
            2 => "MIN",
            3 => "MAX",
            _ => "",
        };
        Combination::new(spec, name, trees, targets, transform)
    }

    fn new(spec: &Spec, name: &str, trees: usize, targets: usize, transform: Transform) -> Result<Combination> {
        let (aggregate, divisor) = match name {
            "SUM" => (Aggregate::Sum, 1),
            "AVERAGE" => (Aggregate::Sum, trees.max(1)),
            "MIN" => (Aggregate::Min, 1),
            "MAX" => (Aggregate::Max, 1),
            _ => return Err(spec.invalid("an unknown aggregate_function")),
        };
        Ok(Combination { aggregate, divisor: divisor as f64, base: None, transform, targets })
    }

    /// How the values of trees are put together.
    pub fn aggregate(&self) -> Aggregate {
        self.aggregate
    }

    /// From the aggregates to the values.
    pub fn finish(&self, outcome: &mut Outcome) {
        let round = outcome.round;
        for row in outcome.scores.chunks_exact_mut(self.targets) {
            if self.divisor != 1.0 {
                row.iter_mut().for_each(|score| *score = round(*score / self.divisor));
            }
            for (score, base) in row.iter_mut().zip(self.base.iter().flatten()) {
                *score = round(*score + base);
            }
            // onnxruntime transforms a single target by PROBIT only, and converters count on that.
            if self.targets > 1 || self.transform == Transform::Probit {
                self.transform.apply(row);
            }
        }
    }
}

/// How a classifier comes from scores to classes.
pub struct Classifier {
    base: Vec<f64>,
    transform: Transform,
    /// Whether all weights are those of one class.
    is_binary: bool,
    /// Whether all weights are positive: scores of one class are probabilities then.
    is_positive: bool,
}

impl Classifier {
    /// What attributes and weights say.
    pub fn read(spec: &Spec, weights: &[Weighed]) -> Result<Classifier> {
        let first = weights.first().map_or(0, |weight| weight.target);
        Ok(Classifier {
            base: read::read_numbers(spec, "base_values")?.0,
            transform: Transform::read(spec)?,
            is_binary: weights.iter().all(|weight| weight.target == first),
            is_positive: !weights.iter().any(|weight| weight.value < 0.0),
        })
    }

    /// The classes of rows, whose scores become those that the model gives.
    pub fn finish(&self, outcome: &mut Outcome, classes: usize) -> Vec<usize> {
        let round = outcome.round;
        let rows = outcome.scores.chunks_exact_mut(classes).zip(outcome.scored.chunks_exact(classes));
        let decide = |(scores, scored): (&mut [f64], &[bool])| match (scores, scored) {
            ([score], _) => {
                *score = round(*score + self.base.first().unwrap_or(&0.0));
                let is_positive = *score > 0.0;
                if self.transform == Transform::Probit {
                    self.transform.apply(std::slice::from_mut(score));
                }
                usize::from(is_positive)
            }
            ([first, second], &[has_first, has_second]) if self.is_binary => {
                let (class, scores) = self.decide([*first, *second], [has_first, has_second], round);
                [*first, *second] = scores;
                class
            }
            (scores, scored) => self.choose(scores, scored, round),
        };
        rows.map(decide).collect()
    }

    /// The class of the highest score of those that any tree voted for.
    fn choose(&self, scores: &mut [f64], scored: &[bool], round: fn(f64) -> f64) -> usize {
        for (score, base) in scores.iter_mut().zip(&self.base) {
            *score = round(*score + base);
        }
        let mut best: Option<(usize, f64)> = None;
        for (class, (&score, &scored)) in scores.iter().zip(scored).enumerate() {
            let is_counted = scored || class < self.base.len();
            if is_counted && best.is_none_or(|(_, highest)| score > highest) {
                best = Some((class, score));
            }
        }
        self.transform.apply(scores);
        best.map_or(0, |(class, _)| class)
    }

    /// The class of two, and both scores, from the score of the one that trees vote for. Where they vote for both, onnxruntime
    /// does this too, and takes the second class for any score above 0; ONNX asks for the top class.
    fn decide(&self, mut scores: [f64; 2], scored: [bool; 2], round: fn(f64) -> f64) -> (usize, [f64; 2]) {
        for ((score, is_scored), base) in scores.iter_mut().zip(scored).zip(&self.base) {
            if is_scored {
                *score = round(*score + base);
            }
        }
        let [_, has_second] = scored;
        let score = if has_second { scores[1] } else { scores[0] };
        let is_probability = self.is_positive;
        let class = usize::from(score > if is_probability { 0.5 } else { 0.0 });
        if has_second || self.base.len() >= 2 {
            self.transform.apply(&mut scores);
            return (class, scores);
        }
        match self.transform {
            Transform::Probit => {
                self.transform.apply(&mut scores);
                (class, [scores[0], 0.0])
            }
            // onnxruntime takes a score for no probability where it is still to become one.
            transform => (class, transform.split(score, is_probability && transform != Transform::Logistic)),
        }
    }
}
