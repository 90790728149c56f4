//! Attention whose scores and weights are changed by graphs inside the node.

use std::sync::Arc;

use super::heads::Heads;
use crate::error::{Error, Result};
use crate::kernels::gemm::{Matrix, Shape};
use crate::kernels::lanes::{Lanes, map};
use crate::kernels::product::Factor;
use crate::kernels::softmax::softmax_axis;
use crate::ops::normalization::with_floats;
use crate::ops::{Call, Operator, Spec, single};
use crate::plan::Plan;
use crate::tensor::{self, Tensor};
use crate::value::Value;

struct Flex {
    scale: Option<f64>,
    /// In the order of their names, which is that of the captures.
    weight_graph: Option<Plan>,
    score_graph: Option<Plan>,
}

/// <https://onnx.ai/onnx/operators/onnx_aionnxpreview_FlexAttention.html>
pub(super) fn flex(spec: &mut Spec) -> Result<Operator> {
    let flex = Arc::new(Flex {
        scale: spec.float("scale").map(f64::from),
        weight_graph: spec.plan("prob_mod").ok(),
        score_graph: spec.plan("score_mod").ok(),
    });
    single(move |call| {
        let q = call.tensor(0)?;
        with_floats!(q, L => flex.run::<L>(call))
    })
}

/// Multiplies the heads of a query with the matrices of `width` columns that they share.
fn multiply<'a, T: Factor>(
    a: &Heads<T>,
    width: usize,
    group: usize,
    right: impl Fn(usize, usize) -> Matrix<'a, T>,
) -> Result<Vec<T>> {
    let mut out = tensor::fill(&[a.batch, a.heads, a.length, width], T::default())?;
    let shape = Shape { m: a.length, k: a.size, n: width };
    for (index, out) in out.chunks_exact_mut((a.length * width).max(1)).enumerate() {
        let (batch, head) = (index / a.heads, index % a.heads);
        T::multiply(shape, a.matrix(batch, head), right(batch, head / group), out, width)?;
    }
    Ok(out)
}

impl Flex {
    fn run<L: Lanes>(&self, call: &mut Call) -> Result<Tensor> {
        let mut of_weights = call.take_captures();
        let own = self.weight_graph.as_ref().map_or(0, Plan::captures).min(of_weights.len());
        let of_scores = of_weights.split_off(own);
        let (q, k, v) = (call.tensor(0)?, call.tensor(1)?, call.tensor(2)?);
        let q = Heads::of_dims(q.slice::<L::Item>()?, q.dims(), None)?;
        let k = Heads::of_dims(k.slice::<L::Item>()?, k.dims(), None)?;
        let v = Heads::of_dims(v.slice::<L::Item>()?, v.dims(), None)?;
        let is_grouped = k.heads > 0 && q.heads >= k.heads && q.heads.is_multiple_of(k.heads);
        let fits = q.batch == k.batch && k.batch == v.batch && k.heads == v.heads && k.length == v.length;
        if !is_grouped || !fits || q.size != k.size {
            return Err(Error::execution("a query, a key and a value that do not fit together"));
        }
        let group = q.heads / k.heads;
        let mut scores = multiply(&q, k.length, group, |batch, head| k.matrix(batch, head).transpose())?;
        let scale = L::splat(L::item(self.scale.unwrap_or_else(|| 1.0 / (q.size as f64).sqrt())));
        map::<L>(&mut scores, |score| score.mul(scale));
        let dims = [q.batch, q.heads, q.length, k.length];
        let scores = change(Tensor::new(&dims, scores)?, self.score_graph.as_ref(), of_scores)?;
        let mut weights = scores.into_vec::<L::Item>()?;
        softmax_axis::<L>(&mut weights, k.length, 1, false);
        let weights = change(Tensor::new(&dims, weights)?, self.weight_graph.as_ref(), of_weights)?;
        let weights = Heads::of_dims(weights.slice::<L::Item>()?, weights.dims(), None)?;
        let out = multiply(&weights, v.size, group, |batch, head| v.matrix(batch, head))?;
        Tensor::new(&[q.batch, q.heads, q.length, v.size], out)
    }
}

/// What a graph makes of a tensor: one of the same dims.
fn change(tensor: Tensor, graph: Option<&Plan>, captures: Vec<Value>) -> Result<Tensor> {
    let Some(graph) = graph else { return Ok(tensor) };
    let dims = tensor.dims().to_vec();
    let results = graph.run(std::iter::once(Value::Tensor(tensor)).chain(captures))?;
    let changed = results.into_iter().next().ok_or_else(|| Error::execution("a graph gave nothing"))?.into_tensor()?;
    if changed.dims() != dims {
        return Err(Error::execution(format!("expected a graph to keep the dims {dims:?}, got {changed}")));
    }
    Ok(changed)
}
