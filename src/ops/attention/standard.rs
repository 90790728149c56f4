//! ONNX's own attention.

use super::attend::{Attend, Place, Stage};
use super::heads::Heads;
use super::mask::Bias;
use crate::error::{Error, Result};
use crate::kernels::lanes::Lanes;
use crate::ops::cast::cast;
use crate::ops::normalization::with_floats;
use crate::ops::{Call, Operator, Spec, several};
use crate::tensor::{Element, Tensor};
use crate::value::Value;

struct Attention {
    scale: Option<f64>,
    softcap: f64,
    is_causal: bool,
    heads: Option<usize>,
    key_heads: Option<usize>,
    shown: Option<Stage>,
    /// Whether a mask may be shorter than the scores.
    is_padded: bool,
}

/// <https://onnx.ai/onnx/operators/onnx__Attention.html>
pub(super) fn attention(spec: &mut Spec) -> Result<Operator> {
    let stage = match spec.int_or("qk_matmul_output_mode", 0) {
        0 => Stage::Product,
        1 => Stage::Capped,
        2 => Stage::Masked,
        3 => Stage::Softmax,
        mode => return Err(spec.invalid(&format!("qk_matmul_output_mode={mode}"))),
    };
    let count = |name: &str| spec.int(name).and_then(|heads| usize::try_from(heads).ok());
    let attention = Attention {
        scale: spec.float("scale").map(f64::from),
        softcap: f64::from(spec.float_or("softcap", 0.0)),
        is_causal: spec.flag("is_causal", false),
        heads: count("q_num_heads"),
        key_heads: count("kv_num_heads"),
        shown: spec.has_output(3).then_some(stage),
        is_padded: spec.opset() >= 24,
    };
    several(move |call| {
        let q = call.tensor(0)?;
        with_floats!(q, L => attention.run::<L>(call))
    })
}

/// A past, which has four axes.
pub(super) fn past_heads<T: Element + Copy>(tensor: Option<&Tensor>) -> Result<Option<Heads<'_, T>>> {
    tensor.map(|tensor| Heads::of_dims(tensor.slice::<T>()?, tensor.dims(), None)).transpose()
}

impl Attention {
    fn run<L: Lanes>(&self, call: &Call) -> Result<Vec<Value>> {
        let (q, k, given) = (call.tensor(0)?, call.tensor(1)?, call.tensor(2)?);
        // Values may be of another type than what they are weighed with.
        let as_query = |tensor: &Tensor| cast(tensor.clone(), q.element_type());
        let (v, past_value) = (as_query(given)?, call.optional(5)?.map(as_query).transpose()?);
        let is_flat = q.rank() == 3;
        let q = Heads::of_dims(q.slice::<L::Item>()?, q.dims(), self.heads)?;
        let mut k = Heads::of_dims(k.slice::<L::Item>()?, k.dims(), self.key_heads)?;
        let mut v = Heads::of_dims(v.slice::<L::Item>()?, v.dims(), self.key_heads)?;
        let (past_key, past_value) =
            (past_heads::<L::Item>(call.optional(4)?)?, past_heads::<L::Item>(past_value.as_ref())?);
        let past = past_key.as_ref().map_or(0, |past| past.length);
        let (keys, values);
        let (mut present_key, mut present_value) = (Value::Nothing, Value::Nothing);
        if past_key.is_some() || past_value.is_some() || call.wants(1) || call.wants(2) {
            let length = past + k.length;
            keys = Tensor::new(&[k.batch, k.heads, length, k.size], k.behind(past_key.as_ref())?)?;
            values = Tensor::new(&[v.batch, v.heads, length, v.size], v.behind(past_value.as_ref())?)?;
            k = Heads::of_dims(keys.slice::<L::Item>()?, keys.dims(), None)?;
            v = Heads::of_dims(values.slice::<L::Item>()?, values.dims(), None)?;
            (present_key, present_value) = (keys.clone().into(), cast(values.clone(), given.element_type())?.into());
        }
        let scores = [q.batch, q.heads, q.length, k.length];
        let bias = call.optional(3)?.map(|mask| Bias::new::<L>(mask, scores, self.is_padded)).transpose()?;
        let lengths = call.optional(6)?.map(Tensor::to_i64s).transpose()?;
        if lengths.as_ref().is_some_and(|lengths| lengths.len() != q.batch) {
            return Err(Error::execution("expected one length for each sample"));
        }
        let masked = L::item(f64::NEG_INFINITY);
        let mask = |place: Place, scores: &mut [L::Item]| {
            if let Some(bias) = &bias {
                bias.add::<L>(place, scores);
            }
            let length = lengths.as_ref().and_then(|lengths| lengths.get(place.batch));
            let length = length.map(|&length| usize::try_from(length).unwrap_or(0));
            let mut seen = length.unwrap_or(scores.len());
            if self.is_causal {
                // The rows are those of the last keys that there are, as in onnxruntime.
                let end = length.map_or(past + q.length, |length| length);
                seen = seen.min((end + place.row + 1).saturating_sub(q.length));
            }
            scores.iter_mut().skip(seen).for_each(|score| *score = masked);
        };
        let attend = Attend {
            scale: self.scale.unwrap_or_else(|| 1.0 / (q.size as f64).sqrt()),
            softcap: self.softcap,
            mask: &mask,
            sinks: None,
            shown: self.shown,
            is_flat,
        };
        let (out, shown) = attend.run::<L>(&q, &k, &v)?;
        let dims4 = [q.batch, q.heads, q.length, v.size];
        let dims3 = [q.batch, q.length, q.heads * v.size];
        let out = Tensor::new(if is_flat { &dims3 } else { &dims4 }, out)?;
        let shown = match self.shown {
            Some(_) => Tensor::new(&scores, shown)?.into(),
            None => Value::Nothing,
        };
        Ok(vec![out.into(), present_key, present_value, shown])
    }
}
