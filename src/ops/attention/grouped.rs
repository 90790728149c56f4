//! Attention of language models: grouped heads, a cache of keys and values, positions turned on the way.

use super::attend::{Attend, Place, Stage};
use super::heads::Heads;
use super::mask::Bias;
use super::rotary::Rotation;
use super::standard::past_heads;
use crate::error::{Error, Result};
use crate::kernels::simd::F32x4;
use crate::ops::{Call, Operator, Spec, several};
use crate::tensor::{self, Tensor};
use crate::value::Value;

struct Grouped {
    heads: usize,
    key_heads: usize,
    scale: Option<f64>,
    softcap: f64,
    /// How far back a row sees, itself included.
    window: Option<usize>,
    turns: bool,
    is_interleaved: bool,
    /// Whether each head has a score of 0 that gives nothing.
    is_smooth: bool,
    /// Whether rows do not see later keys.
    is_causal: bool,
    /// The scores to give as well.
    shown: Option<Stage>,
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.GroupQueryAttention>
pub(super) fn grouped(spec: &mut Spec) -> Result<Operator> {
    let count = |name: &str| usize::try_from(spec.int_or(name, 0)).ok().filter(|&heads| heads > 0);
    let (Some(heads), Some(key_heads)) = (count("num_heads"), count("kv_num_heads")) else {
        return Err(spec.invalid("no num_heads and kv_num_heads"));
    };
    // Scales of a quantised cache, weights that normalise queries and keys, and lengths of queries.
    if let Some(input) = (12..=16).find(|&input| spec.has_input(input)) {
        return Err(spec.unsupported(format!("input {input}")));
    }
    if spec.flag("sliding_window_cache", false) {
        return Err(spec.unsupported("sliding_window_cache"));
    }
    let shown = match spec.int_or("qk_output", 0) {
        _ if !spec.has_output(3) => None,
        1 => Some(Stage::Masked),
        2 => Some(Stage::Softmax),
        other => return Err(spec.invalid(&format!("an output of scores and qk_output={other}"))),
    };
    let is_causal = spec.flag("causal", true);
    if !is_causal && spec.int_or("local_window_size", -1) >= 0 {
        return Err(spec.unsupported("causal=0 and local_window_size"));
    }
    for name in ["k_quant_type", "v_quant_type"] {
        if spec.text_or(name, "NONE") != "NONE" {
            return Err(spec.unsupported(name));
        }
    }
    let grouped = Grouped {
        heads,
        key_heads,
        scale: spec.float("scale").filter(|&scale| scale != 0.0).map(f64::from),
        softcap: f64::from(spec.float_or("softcap", 0.0)),
        window: usize::try_from(spec.int_or("local_window_size", -1)).ok(),
        turns: spec.flag("do_rotary", false),
        is_interleaved: spec.flag("rotary_interleaved", false),
        is_smooth: spec.int_or("smooth_softmax", 0) > 0,
        is_causal,
        shown,
    };
    several(move |call| grouped.run(call))
}

impl Grouped {
    fn run(&self, call: &Call) -> Result<Vec<Value>> {
        let query = call.tensor(0)?;
        let &[batch, length, width] = query.dims() else {
            return Err(Error::execution(format!("expected a query of three axes, got {query}")));
        };
        let (past_key, past_value) = (past_heads::<f32>(call.optional(3)?)?, past_heads::<f32>(call.optional(4)?)?);
        let lasts = call.tensor(5)?.to_i64s()?;
        let total = usize::try_from(*call.tensor(6)?.to_i64s()?.first().unwrap_or(&0)).unwrap_or(0);
        let capacity = past_key.as_ref().map_or(0, |past| past.length).max(total);
        // How many keys each sample has before these.
        let pasts = lasts.iter().map(|&last| {
            let keys = usize::try_from(last).ok().and_then(|last| last.checked_add(1));
            // A first run may be padded at the right.
            if length == total { Some(0) } else { keys.and_then(|keys| keys.checked_sub(length)) }
        });
        let pasts: Option<Vec<usize>> = pasts.collect();
        let pasts = pasts.filter(|pasts| pasts.len() == batch && pasts.iter().all(|past| past + length <= capacity));
        let pasts =
            pasts.ok_or_else(|| Error::execution(format!("seqlens_k {lasts:?} do not fit a total of {total}")))?;

        let groups = self.heads + 2 * self.key_heads;
        let (mut q, mut k, v) = match (call.optional(1)?, call.optional(2)?) {
            (Some(key), Some(value)) => (
                split_heads(query, self.heads, 0, self.heads)?,
                split_heads(key, self.key_heads, 0, self.key_heads)?,
                split_heads(value, self.key_heads, 0, self.key_heads)?,
            ),
            _ if width % groups == 0 => (
                split_heads(query, self.heads, 0, groups)?,
                split_heads(query, self.key_heads, self.heads, groups)?,
                split_heads(query, self.key_heads, self.heads + self.key_heads, groups)?,
            ),
            _ => return Err(Error::execution(format!("a query {query} does not hold {groups} heads"))),
        };
        if self.turns {
            self.turn(call, &pasts, &mut q)?;
            self.turn(call, &pasts, &mut k)?;
        }
        let keys = store(&k, past_key.as_ref(), &pasts, capacity)?;
        let values = store(&v, past_value.as_ref(), &pasts, capacity)?;
        let (q, k, v) = (view(&q)?, view(&keys)?, view(&values)?);
        let bias = call.optional(10)?.map(|bias| Bias::new::<F32x4>(bias, [batch, q.heads, length, total], false));
        let bias = bias.transpose()?;
        let mask = |place: Place, scores: &mut [f32]| {
            let position = pasts.get(place.batch).map_or(0, |past| past + place.row);
            if let Some((bias, scores)) = bias.as_ref().zip(scores.get_mut(..total)) {
                bias.add::<F32x4>(place, scores);
            }
            let seen =
                if self.is_causal { position + 1 } else { pasts.get(place.batch).map_or(0, |past| past + length) };
            scores.iter_mut().skip(seen).for_each(|score| *score = f32::NEG_INFINITY);
            let hidden = self.window.map_or(0, |window| (position + 1).saturating_sub(window));
            scores.iter_mut().take(hidden).for_each(|score| *score = f32::NEG_INFINITY);
        };
        let sinks = call.optional(11)?.map(Tensor::to_f64s).transpose()?;
        let sink = |head: usize| sinks.as_ref().and_then(|sinks| sinks.get(head).copied()).unwrap_or(0.0);
        let attend = Attend {
            scale: self.scale.unwrap_or_else(|| 1.0 / (q.size as f64).sqrt()),
            softcap: self.softcap,
            mask: &mask,
            sinks: if self.is_smooth || sinks.is_some() { Some(&sink) } else { None },
            shown: self.shown,
            is_flat: true,
        };
        let (out, shown) = attend.run::<F32x4>(&q, &k, &v)?;
        let out = Tensor::new(&[batch, length, q.heads * v.size], out)?;
        let mut outputs = vec![out.into(), keys.clone().into(), values.into()];
        if self.shown.is_some() {
            let mut scores = tensor::reserve(&[batch, q.heads, length, total])?;
            // Scores of keys that are masked are shown as 0.
            let show = |&score: &f32| if score == f32::NEG_INFINITY { 0.0 } else { score };
            let rows = shown.chunks_exact(k.length.max(1));
            rows.for_each(|row| scores.extend(row.iter().take(total).map(show)));
            outputs.push(Tensor::new(&[batch, q.heads, length, total], scores)?.into());
        }
        Ok(outputs)
    }

    /// Turns `[batch, heads, length, size]` by the positions of its rows.
    fn turn(&self, call: &Call, pasts: &[usize], x: &mut Tensor) -> Result<()> {
        let (cosines, sines) = (call.tensor(7)?, call.tensor(8)?);
        let pairs = cosines.dims().last().copied().unwrap_or(0);
        let rotation =
            Rotation { cosines: cosines.slice()?, sines: sines.slice()?, pairs, is_interleaved: self.is_interleaved };
        let given = call.optional(9)?.map(Tensor::to_i64s).transpose()?;
        let &[_, heads, length, size] = x.dims() else { return Ok(()) };
        let dims = x.dims().to_vec();
        let mut values = std::mem::replace(x, Tensor::scalar(0f32)).into_vec::<f32>()?;
        for (index, row) in values.chunks_exact_mut(size.max(1)).enumerate() {
            let (sample, place) = (index / (heads * length), index % length);
            let position = match &given {
                Some(given) => given.get(sample * length + place).and_then(|&given| usize::try_from(given).ok()),
                None => pasts.get(sample).map(|past| past + place),
            };
            rotation.turn::<F32x4>(row, position.unwrap_or(usize::MAX))?;
        }
        *x = Tensor::new(&dims, values)?;
        Ok(())
    }
}

/// `heads` of the `all` heads that the last axis holds, from `first` on, as `[batch, heads, length, size]`.
fn split_heads(tensor: &Tensor, heads: usize, first: usize, all: usize) -> Result<Tensor> {
    let (&[batch, length, width], 0) = (tensor.dims(), tensor.dims().last().map_or(1, |width| width % all)) else {
        return Err(Error::execution(format!("{tensor} does not hold {all} heads")));
    };
    let size = width / all;
    let part = Heads::of_columns(tensor.slice::<f32>()?, [batch, length, width], [heads, size], [first * size, size]);
    Tensor::new(&part.dims(), part.behind(None)?)
}

fn view(tensor: &Tensor) -> Result<Heads<'_, f32>> {
    Heads::of_dims(tensor.slice()?, tensor.dims(), None)
}

/// A cache of `capacity` rows a head: those of `past` as far as a sample has any, then the new ones.
fn store(new: &Tensor, past: Option<&Heads<f32>>, pasts: &[usize], capacity: usize) -> Result<Tensor> {
    let &[batch, heads, length, size] = new.dims() else { return Ok(new.clone()) };
    if past.is_some_and(|past| (past.batch, past.heads, past.size) != (batch, heads, size)) {
        return Err(Error::execution(format!("a past of {:?} is not one for {new}", past.map(Heads::dims))));
    }
    let dims = [batch, heads, capacity, size];
    let mut cache = tensor::fill(&dims, 0f32)?;
    let rows = new.slice::<f32>()?.chunks_exact((length * size).max(1));
    for (index, (cache, rows)) in cache.chunks_exact_mut((capacity * size).max(1)).zip(rows).enumerate() {
        let before = pasts.get(index / heads).map_or(0, |past| past * size);
        if let Some(past) = past {
            let old = past.rows(index / heads, index % heads).flatten();
            cache.iter_mut().zip(old.take(before)).for_each(|(cache, &old)| *cache = old);
        }
        cache.iter_mut().skip(before).zip(rows).for_each(|(cache, &new)| *cache = new);
    }
    Tensor::new(&dims, cache)
}
