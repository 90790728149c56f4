//! Losses of classifiers.

use super::normalization::with_floats;
use super::{Call, Entry, Operator, Spec, onnx, several};
use crate::error::{Error, Result};
use crate::kernels::lanes::Lanes;
use crate::kernels::softmax::softmax_axis;
use crate::tensor::{self, Tensor};
use crate::value::Value;

pub(super) const ENTRIES: &[Entry] =
    &[onnx("NegativeLogLikelihoodLoss", loss), onnx("SoftmaxCrossEntropyLoss", cross_entropy)];

#[derive(Clone, Copy)]
enum Reduction {
    None,
    Sum,
    Mean,
}

struct Loss {
    reduction: Reduction,
    /// A class whose samples do not count.
    ignored: Option<i64>,
    /// Whether the input are scores, which become logarithms of probabilities first.
    takes_scores: bool,
}

/// <https://onnx.ai/onnx/operators/onnx__NegativeLogLikelihoodLoss.html>
fn loss(spec: &mut Spec) -> Result<Operator> {
    make(spec, false)
}

/// <https://onnx.ai/onnx/operators/onnx__SoftmaxCrossEntropyLoss.html>
fn cross_entropy(spec: &mut Spec) -> Result<Operator> {
    make(spec, true)
}

fn make(spec: &mut Spec, takes_scores: bool) -> Result<Operator> {
    let reduction = match spec.text_or("reduction", "mean") {
        "none" => Reduction::None,
        "sum" => Reduction::Sum,
        "mean" => Reduction::Mean,
        other => return Err(spec.invalid(&format!("reduction={other}"))),
    };
    let loss = Loss { reduction, ignored: spec.int("ignore_index"), takes_scores };
    several(move |call| {
        let x = call.take(0)?;
        with_floats!(x, L => loss.run::<L>(x, call))
    })
}

impl Loss {
    fn run<L: Lanes>(&self, x: Tensor, call: &Call) -> Result<Vec<Value>> {
        let dims = x.dims().to_vec();
        let [batch, classes, inner @ ..] = dims.as_slice() else {
            return Err(Error::execution("expected a batch axis and an axis of classes"));
        };
        let targets = call.tensor(1)?;
        let samples: Vec<usize> = std::iter::once(batch).chain(inner).copied().collect();
        if targets.dims() != samples {
            return Err(Error::execution(format!("expected targets of dims {samples:?}, got {targets}")));
        }
        let inner = super::normalization::size(inner);
        let weights = call.optional(2)?.map(Tensor::to_f64s).transpose()?;
        let mut logs = x.into_vec::<L::Item>()?;
        if self.takes_scores {
            softmax_axis::<L>(&mut logs, *classes, inner, true);
        }
        let mut losses = tensor::reserve::<L::Item>(&samples)?;
        let (mut sum, mut sum_of_weights) = (0.0, 0.0);
        for (index, &class) in targets.to_i64s()?.iter().enumerate() {
            if self.ignored == Some(class) {
                losses.push(L::item(0.0));
                continue;
            }
            let known = usize::try_from(class).ok().filter(|class| class < classes);
            let place = known.map(|class| (index / inner * classes + class) * inner + index % inner);
            let log = place.and_then(|place| logs.get(place));
            let (Some(class), Some(&log)) = (known, log) else {
                return Err(Error::execution(format!("class {class} is none of {classes}")));
            };
            let weight = match &weights {
                Some(weights) => weights.get(class).copied(),
                None => Some(1.0),
            };
            let weight = weight.ok_or_else(|| Error::execution(format!("there is no weight for class {class}")))?;
            let loss = -L::to_f64(log) * weight;
            losses.push(L::item(loss));
            sum += loss;
            sum_of_weights += weight;
        }
        let loss = match self.reduction {
            Reduction::None => Tensor::new(&samples, losses)?,
            Reduction::Sum => Tensor::scalar(L::item(sum)),
            Reduction::Mean => Tensor::scalar(L::item(sum / sum_of_weights)),
        };
        Ok(vec![loss.into(), Tensor::new(&dims, logs)?.into()])
    }
}
