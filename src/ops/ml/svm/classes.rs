//! Classes from a machine for each pair of them.

use super::super::labels::Labels;
use super::super::linear::{find_highest, transform_rows};
use super::super::scores::{Transform, logistic};
use super::Vectors;
use crate::error::Result;
use crate::ops::{Operator, Spec, several};
use crate::tensor::{Tensor, fill};

/// A machine for each pair of classes.
struct Pairs {
    /// Where each class's support vectors start and end.
    spans: Vec<[usize; 2]>,
    /// A row for each class but one: a support vector's weights against all classes but its own.
    coefficients: Vec<f32>,
    rho: Vec<f32>,
    /// What makes a probability of a score; empty where the model has none.
    slopes: Vec<[f32; 2]>,
    vectors: usize,
}

impl Pairs {
    fn read(spec: &Spec, counts: &[usize], classes: usize) -> Result<Pairs> {
        let mut end = 0;
        let spans: Vec<[usize; 2]> = counts
            .iter()
            .map(|count| {
                end += count;
                [end - count, end]
            })
            .collect();
        let floats = |name: &str| spec.floats(name).unwrap_or_default();
        let coefficients = floats("coefficients").to_vec();
        let rho = floats("rho").to_vec();
        let slopes: Vec<[f32; 2]> = floats("prob_a").iter().zip(floats("prob_b")).map(|(&a, &b)| [a, b]).collect();
        let pairs = classes * (classes - 1) / 2;
        let fits = counts.len() == classes
            && coefficients.len() >= (classes - 1) * end
            && rho.len() >= pairs
            && (slopes.is_empty() || slopes.len() >= pairs);
        if !fits {
            return Err(spec.invalid("attributes whose lengths do not fit together"));
        }
        Ok(Pairs { spans, coefficients, rho, slopes, vectors: end })
    }

    /// The score of each pair, above 0 for its first class.
    fn score(&self, near: &[f32]) -> Vec<f32> {
        let mut rho = self.rho.iter();
        let mut scores = Vec::with_capacity(self.rho.len());
        let sum = |row: usize, [start, end]: [usize; 2]| -> f64 {
            let row = self.coefficients.get(row * self.vectors..).unwrap_or_default();
            let pairs = row.iter().zip(near).take(end).skip(start);
            pairs.map(|(weight, near)| f64::from(weight * near)).sum()
        };
        for (first, &first_span) in self.spans.iter().enumerate() {
            for (second, &second_span) in self.spans.iter().enumerate().skip(first + 1) {
                let rho = f64::from(rho.next().copied().unwrap_or(0.0));
                scores.push((sum(second - 1, first_span) + sum(first, second_span) + rho) as f32);
            }
        }
        scores
    }

    /// The first class of those that win most pairs.
    fn vote(&self, scores: &[f32]) -> usize {
        let classes = self.spans.len();
        let mut votes = vec![0u32; classes];
        let pairs = (0..classes).flat_map(|first| (first + 1..classes).map(move |second| (first, second)));
        for (&score, (first, second)) in scores.iter().zip(pairs) {
            let winner = if score > 0.0 { first } else { second };
            votes.get_mut(winner).into_iter().for_each(|votes| *votes += 1);
        }
        let most = votes.iter().copied().max();
        votes.iter().position(|&votes| Some(votes) == most).unwrap_or(0)
    }

    /// The probability of each class from the scores of pairs.
    fn estimate(&self, scores: &[f32]) -> Vec<f32> {
        let classes = self.spans.len();
        let mut odds = vec![0.0; classes * classes];
        let pairs = (0..classes).flat_map(|first| (first + 1..classes).map(move |second| (first, second)));
        for ((&score, &[a, b]), (first, second)) in scores.iter().zip(&self.slopes).zip(pairs) {
            let odd = 1.0 - logistic(f64::from(score * a + b)) as f32;
            let odd = odd.clamp(1e-7, 1.0 - 1e-7);
            odds.get_mut(first * classes + second).into_iter().for_each(|place| *place = odd);
            odds.get_mut(second * classes + first).into_iter().for_each(|place| *place = 1.0 - odd);
        }
        couple(classes, &odds)
    }
}

/// Probabilities of classes from those of each against each, by the second method of Wu, Lin and Weng,
/// <https://www.csie.ntu.edu.tw/~cjlin/papers/svmprob/svmprob.pdf>. It stops where libsvm and onnxruntime do, in float32.
fn couple(classes: usize, odds: &[f32]) -> Vec<f32> {
    let odd = |row: usize, column: usize| odds.get(row * classes + column).copied().unwrap_or(0.0);
    let quadratic: Vec<f32> = (0..classes * classes)
        .map(|place| match (place / classes, place % classes) {
            (row, column) if row == column => {
                let others = (0..classes).filter(|&other| other != row);
                others.map(|other| odd(other, row) * odd(other, row)).sum()
            }
            (row, column) => -odd(column, row) * odd(row, column),
        })
        .collect();
    let mut chances = vec![1.0 / classes as f32; classes];
    for _ in 0..100 {
        let multiply = |row: &[f32]| row.iter().zip(&chances).map(|(a, b)| a * b).sum::<f32>();
        let mut slopes: Vec<f32> = quadratic.chunks_exact(classes).map(multiply).collect();
        let mut value: f32 = chances.iter().zip(&slopes).map(|(a, b)| a * b).sum();
        let error = slopes.iter().map(|slope| (slope - value).abs()).fold(0.0, f32::max);
        if error < 0.005 / classes as f32 {
            break;
        }
        for (class, row) in quadratic.chunks_exact(classes).enumerate() {
            let (Some(&own), Some(&slope)) = (row.get(class), slopes.get(class)) else { continue };
            let step = (value - slope) / own;
            chances.get_mut(class).into_iter().for_each(|chance| *chance += step);
            value = (value + step * (step * own + 2.0 * slope)) / (1.0 + step) / (1.0 + step);
            for ((slope, quadratic), chance) in slopes.iter_mut().zip(row).zip(&mut chances) {
                *slope = (*slope + step * quadratic) / (1.0 + step);
                *chance /= 1.0 + step;
            }
        }
    }
    chances
}

/// A label, and a score for each class, or for each pair of them. Without support vectors it is a linear model.
/// <https://onnx.ai/onnx/operators/onnx_aionnxml_SVMClassifier.html>
pub fn svm_classifier(spec: &mut Spec) -> Result<Operator> {
    let labels = Labels::read(spec, "classlabels_strings", "classlabels_ints");
    let classes = labels.len();
    if classes == 0 {
        return Err(spec.invalid("no labels"));
    }
    let transform = Transform::read(spec)?;
    let counts = spec.sizes("vectors_per_class")?.unwrap_or_default();
    let vectors = counts.iter().sum();
    if vectors == 0 {
        return make_linear(spec, labels, transform);
    }
    let pairs = Pairs::read(spec, &counts, classes)?;
    let vectors = Vectors::read(spec, "support_vectors", vectors, false)?;
    let has_chances = !pairs.slopes.is_empty();
    if classes == 2 && !has_chances && transform == Transform::Probit {
        return Err(spec.unsupported("post_transform=PROBIT of one score for two classes"));
    }
    several(move |call| {
        let (rows, near) = vectors.compare(call.tensor(0)?)?;
        let columns = match classes {
            _ if has_chances => classes,
            1 | 2 => 2,
            _ => classes * (classes - 1) / 2,
        };
        let mut scores = fill(&[rows, columns], 0f32)?;
        let mut chosen = Vec::with_capacity(rows);
        for (near, scores) in near.chunks_exact(vectors.len()).zip(scores.chunks_exact_mut(columns)) {
            let found = pairs.score(near);
            chosen.push(pairs.vote(&found));
            let row = match *found.as_slice() {
                _ if has_chances => pairs.estimate(&found),
                [score] => {
                    let is_probability = !matches!(transform, Transform::None | Transform::Logistic);
                    transform.split(f64::from(score), is_probability).map(|score| score as f32).to_vec()
                }
                _ => found,
            };
            scores.iter_mut().zip(row).for_each(|(place, score)| *place = score);
        }
        if has_chances || classes > 2 {
            transform_rows(transform, &mut scores, columns);
        }
        Ok(vec![labels.choose(&chosen)?.into(), Tensor::new(&[rows, columns], scores)?.into()])
    })
}

/// A linear model, as liblinear makes it.
fn make_linear(spec: &Spec, labels: Labels, transform: Transform) -> Result<Operator> {
    let classes = labels.len();
    let vectors = Vectors::read(spec, "coefficients", classes, true)?;
    let rho = spec.floats("rho").and_then(<[f32]>::first).copied().unwrap_or(0.0);
    let is_positive = vectors.vectors.iter().all(|&coefficient| coefficient >= 0.0);
    let has_chances = spec.floats("prob_a").is_some_and(|slopes| !slopes.is_empty());
    several(move |call| {
        let (rows, mut scores) = vectors.compare(call.tensor(0)?)?;
        scores.iter_mut().for_each(|score| *score += rho);
        let choose = |row: &[f32]| {
            let highest = find_highest(row);
            let score = row.get(highest).copied().unwrap_or(0.0);
            let is_second = if is_positive { score >= 0.5 } else { score > 0.0 };
            if classes == 2 && !has_chances && is_second { 1 } else { highest }
        };
        let chosen: Vec<usize> = scores.chunks_exact(classes).map(choose).collect();
        transform_rows(transform, &mut scores, classes);
        Ok(vec![labels.choose(&chosen)?.into(), Tensor::new(&[rows, classes], scores)?.into()])
    })
}
