//! Division by a norm, of an axis or of the channels around.

use super::{size, with_floats};
use crate::error::{Error, Result};
use crate::kernels::lanes::{Lanes, map_pairs};
use crate::kernels::reduce::{Fold, fold_one};
use crate::ops::shape::resolve_axis;
use crate::ops::{Operator, Spec, single};
use crate::tensor::{self, Dims, Tensor};

/// <https://onnx.ai/onnx/operators/onnx__LpNormalization.html>
pub(super) fn lp(spec: &mut Spec) -> Result<Operator> {
    let (axis, p) = (spec.int_or("axis", -1), spec.int_or("p", 2));
    let fold = match p {
        1 => Fold::SumAbs,
        2 => Fold::SumSquare,
        _ => return Err(spec.invalid(&format!("p={p}"))),
    };
    single(move |call| {
        let x = call.take(0)?;
        let axis = resolve_axis(axis, x.rank())?;
        with_floats!(x, L => divide_by_norm::<L>(x, axis, fold))
    })
}

fn divide_by_norm<L: Lanes>(x: Tensor, axis: usize, fold: Fold) -> Result<Tensor> {
    let dims = Dims::from_slice(x.dims());
    let n = dims.get(axis).copied().unwrap_or(1);
    let inner = size(dims.get(axis + 1..).unwrap_or_default());
    let mut values = x.into_vec::<L::Item>()?;
    if values.is_empty() {
        return Tensor::new(&dims, values);
    }
    let mut factors = tensor::fill(&[inner], L::item(0.0))?;
    for slab in values.chunks_exact_mut(n * inner) {
        factors.fill(L::item(0.0));
        fold_one::<L>(fold, slab, n, inner, &mut factors);
        for factor in &mut factors {
            let norm = L::to_f64(*factor);
            let norm = if fold == Fold::SumSquare { norm.sqrt() } else { norm };
            *factor = L::item(if norm == 0.0 { 0.0 } else { 1.0 / norm });
        }
        for row in slab.chunks_exact_mut(inner) {
            map_pairs::<L>(row, &factors, L::mul);
        }
    }
    Tensor::new(&dims, values)
}

struct Window {
    size: usize,
    alpha: f64,
    beta: f64,
    bias: f64,
}

/// <https://onnx.ai/onnx/operators/onnx__LRN.html>
pub(super) fn lrn(spec: &mut Spec) -> Result<Operator> {
    let size = usize::try_from(spec.int_or("size", 0)).ok().filter(|&size| size > 0);
    let window = Window {
        size: size.ok_or_else(|| spec.invalid("no size above 0"))?,
        alpha: f64::from(spec.float_or("alpha", 1e-4)),
        beta: f64::from(spec.float_or("beta", 0.75)),
        bias: f64::from(spec.float_or("bias", 1.0)),
    };
    single(move |call| {
        let x = call.tensor(0)?;
        with_floats!(x, L => window.run::<L>(x))
    })
}

impl Window {
    fn run<L: Lanes>(&self, x: &Tensor) -> Result<Tensor> {
        let [_, channels, inner @ ..] = x.dims() else {
            return Err(Error::execution("expected a batch axis and a channel axis"));
        };
        let inner = size(inner);
        let mut out = tensor::reserve::<L::Item>(x.dims())?;
        if x.is_empty() {
            return Tensor::new(x.dims(), out);
        }
        let mut sums = tensor::fill(&[inner], L::item(0.0))?;
        let (before, after) = ((self.size - 1) / 2, self.size / 2);
        for sample in x.slice::<L::Item>()?.chunks_exact(channels * inner) {
            for (channel, row) in sample.chunks_exact(inner).enumerate() {
                let first = channel.saturating_sub(before);
                let around =
                    sample.chunks_exact(inner).take(channel.saturating_add(after).saturating_add(1)).skip(first);
                sums.fill(L::item(0.0));
                around.for_each(|row| map_pairs::<L>(&mut sums, row, |sum, x| sum.add(x.mul(x))));
                out.extend(row.iter().zip(&sums).map(|(&x, &sum)| L::item(L::to_f64(x) * self.factor(L::to_f64(sum)))));
            }
        }
        Tensor::new(x.dims(), out)
    }

    fn factor(&self, sum: f64) -> f64 {
        let base = self.bias + self.alpha / self.size as f64 * sum;
        // The exponent of nearly all models.
        if self.beta == 0.75 { 1.0 / (base.sqrt() * base.sqrt().sqrt()) } else { base.powf(-self.beta) }
    }
}
