//! Normalisation of channels over a batch, by statistics that are known but in training.

use super::{parameter_of, size, with_floats};
use crate::error::Result;
use crate::kernels::lanes::Lanes;
use crate::kernels::normalize::{scale_row, scale_row_by};
use crate::ops::{Call, Operator, Spec, several};
use crate::tensor::{Dims, Tensor};
use crate::value::Value;

struct Batch {
    epsilon: f64,
    momentum: f64,
    /// Whether the statistics are those of the input.
    is_training: bool,
    /// Whether each element of a sample is a channel of its own, as opset 7 allows.
    is_flat: bool,
}

/// Training before opset 14 is told by the number of outputs, and before opset 7 `is_test` rules it out.
/// <https://onnx.ai/onnx/operators/onnx__BatchNormalization.html>
pub(super) fn batch(spec: &mut Spec) -> Result<Operator> {
    let batch = Batch {
        epsilon: f64::from(spec.float_or("epsilon", 1e-5)),
        momentum: f64::from(spec.float_or("momentum", 0.9)),
        is_training: spec.flag("training_mode", false)
            || (spec.opset() < 14 && spec.outputs() > 1 && !spec.flag("is_test", false)),
        is_flat: spec.opset() < 9 && !spec.flag("spatial", true),
    };
    several(move |call| {
        let x = call.take(0)?;
        with_floats!(x, L => batch.run::<L>(x, call))
    })
}

impl Batch {
    fn run<L: Lanes>(&self, x: Tensor, call: &Call) -> Result<Vec<Value>> {
        let dims = Dims::from_slice(x.dims());
        let (channels, inner) = match dims.as_slice() {
            [_, inner @ ..] if self.is_flat => (size(inner), 1),
            [_, channels, inner @ ..] => (*channels, size(inner)),
            _ => (1, 1),
        };
        let read = |input: usize, what: &str| -> Result<Vec<f64>> {
            let values = parameter_of::<L>(call.tensor(input)?, what, channels)?;
            Ok(values.iter().map(|&value| L::to_f64(value)).collect())
        };
        let (scale, bias) = (read(1, "scale")?, read(2, "bias")?);
        let (old_means, old_variances) = (read(3, "mean")?, read(4, "variance")?);
        let mut values = x.into_vec::<L::Item>()?;
        let (means, variances) = match self.is_training {
            true => statistics::<L>(&values, channels, inner),
            false => (old_means.clone(), old_variances.clone()),
        };
        let factors: Vec<f64> =
            scale.iter().zip(&variances).map(|(scale, variance)| scale / (variance + self.epsilon).sqrt()).collect();
        if inner == 1 {
            let shifts = means.iter().zip(&factors).zip(&bias).map(|((mean, factor), bias)| bias - mean * factor);
            let shifts: Vec<L::Item> = shifts.map(L::item).collect();
            let factors: Vec<L::Item> = factors.iter().map(|&factor| L::item(factor)).collect();
            for row in values.chunks_exact_mut(channels.max(1)) {
                scale_row_by::<L>(row, 0.0, 1.0, &factors, Some(&shifts));
            }
        } else if !values.is_empty() {
            let parameters = means.iter().zip(&factors).zip(&bias).cycle();
            for (row, ((&mean, &factor), &bias)) in values.chunks_exact_mut(inner).zip(parameters) {
                scale_row::<L>(row, mean, factor, bias);
            }
        }
        let mut outputs = vec![Tensor::new(&dims, values)?.into()];
        if self.is_training {
            let blend = |old: &[f64], new: &[f64]| -> Vec<f64> {
                old.iter().zip(new).map(|(old, new)| old * self.momentum + new * (1.0 - self.momentum)).collect()
            };
            let running = [blend(&old_means, &means), blend(&old_variances, &variances), means, variances];
            for (values, input) in running.into_iter().zip([3, 4, 3, 4]) {
                let like = call.tensor(input)?;
                outputs.push(
                    with_floats!(like, P => Tensor::new(
                        like.dims(),
                        values.iter().map(|&value| <P as Lanes>::item(value)).collect(),
                    ))?
                    .into(),
                );
            }
        }
        Ok(outputs)
    }
}

/// The means and variances of the channels of `[batch, channels, inner]`.
fn statistics<L: Lanes>(x: &[L::Item], channels: usize, inner: usize) -> (Vec<f64>, Vec<f64>) {
    let count = (x.len() / channels.max(1)) as f64;
    let average = |term: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
        let mut sums = vec![0.0; channels];
        for sample in x.chunks_exact((channels * inner).max(1)) {
            for ((channel, row), sum) in sample.chunks_exact(inner.max(1)).enumerate().zip(&mut sums) {
                *sum += row.iter().map(|&x| term(channel, L::to_f64(x))).sum::<f64>();
            }
        }
        sums.iter().map(|sum| sum / count).collect()
    };
    let means = average(&|_, x| x);
    let variances = average(&|channel, x| (x - means.get(channel).copied().unwrap_or_default()).powi(2));
    (means, variances)
}
