//! Attention as a recurrence: a state of one matrix a head.

use super::heads::Heads;
use crate::error::{Error, Result};
use crate::kernels::gemm::{Matrix, Shape};
use crate::kernels::lanes::{Lanes, map_pairs};
use crate::kernels::product::Factor;
use crate::ops::normalization::with_floats;
use crate::ops::{Call, Operator, Spec, several};
use crate::tensor::{self, Tensor};
use crate::value::Value;

struct Linear {
    heads: usize,
    key_heads: usize,
    scale: f64,
    is_gated: bool,
    /// Whether a key's old value is taken out of the state first.
    is_delta: bool,
}

/// <https://onnx.ai/onnx/operators/onnx__LinearAttention.html>
pub(super) fn linear(spec: &mut Spec) -> Result<Operator> {
    let count = |name: &str| usize::try_from(spec.int_or(name, 0)).ok().filter(|&heads| heads > 0);
    let (Some(heads), Some(key_heads)) = (count("q_num_heads"), count("kv_num_heads")) else {
        return Err(spec.invalid("no q_num_heads and kv_num_heads"));
    };
    if heads % key_heads != 0 {
        return Err(spec.invalid(&format!("{heads} heads for {key_heads} of keys")));
    }
    let (is_gated, is_delta) = match spec.text_or("update_rule", "gated_delta") {
        "linear" => (false, false),
        "gated" => (true, false),
        "delta" => (false, true),
        "gated_delta" => (true, true),
        rule => return Err(spec.invalid(&format!("update_rule={rule}"))),
    };
    let linear = Linear { heads, key_heads, scale: f64::from(spec.float_or("scale", 0.0)), is_gated, is_delta };
    several(move |call| {
        let q = call.tensor(0)?;
        with_floats!(q, L => linear.run::<L>(call))
    })
}

impl Linear {
    fn run<L: Lanes>(&self, call: &Call) -> Result<Vec<Value>> {
        let (q, k, v) = (call.tensor(0)?, call.tensor(1)?, call.tensor(2)?);
        let q = Heads::of_dims(q.slice::<L::Item>()?, q.dims(), Some(self.heads))?;
        let k = Heads::of_dims(k.slice::<L::Item>()?, k.dims(), Some(self.key_heads))?;
        let v = Heads::of_dims(v.slice::<L::Item>()?, v.dims(), Some(self.key_heads))?;
        if k.size != q.size || k.length != q.length || v.length != q.length || k.batch != q.batch || v.batch != q.batch
        {
            return Err(Error::execution("a query, a key and a value that do not fit together"));
        }
        let gate = |input: usize, is_asked: bool| match is_asked {
            true if !call.tensor(input)?.dims().starts_with(&[q.batch, q.length]) => {
                Err(Error::execution("gates that do not fit the query"))
            }
            true => call.tensor(input)?.to_f64s().map(Some),
            false => Ok(None),
        };
        let (decay, rate) = (gate(4, self.is_gated)?, gate(5, self.is_delta)?);
        let places = q.batch * q.length;
        let width = |gate: &Option<std::borrow::Cow<[f64]>>| gate.as_ref().map_or(0, |gate| gate.len() / places.max(1));
        let (decay_width, rate_width) = (width(&decay), width(&rate));
        if self.is_gated && decay_width != self.key_heads && decay_width != self.key_heads * k.size
            || self.is_delta && rate_width != self.key_heads && rate_width != 1
        {
            return Err(Error::execution("gates that do not fit the key"));
        }
        let scale = if self.scale == 0.0 { 1.0 / (q.size as f64).sqrt() } else { self.scale };
        let state_dims = [q.batch, self.key_heads, k.size, v.size];
        let zero = L::item(0.0);
        let mut states = match call.optional(3)? {
            Some(past) if past.dims() == state_dims => {
                past.to_f64s()?.iter().map(|&value| L::item(value)).collect::<Vec<L::Item>>()
            }
            Some(past) => return Err(Error::execution(format!("expected a state {state_dims:?}, got {past}"))),
            None => tensor::fill(&state_dims, zero)?,
        };
        let mut out = tensor::fill(&[q.batch, q.length, self.heads * v.size], zero)?;
        let group = self.heads / self.key_heads;
        let mut read = tensor::fill(&[v.size], zero)?;
        let shape = Shape { m: 1, k: k.size, n: v.size };
        let ask = |key: &[L::Item], state: &[L::Item], out: &mut [L::Item]| {
            L::Item::multiply(shape, Matrix::rows(key, k.size), Matrix::rows(state, v.size), out, v.size)
        };
        for (index, state) in states.chunks_exact_mut((k.size * v.size).max(1)).enumerate() {
            let (batch, head) = (index / self.key_heads, index % self.key_heads);
            for (time, (key, value)) in k.rows(batch, head).zip(v.rows(batch, head)).enumerate() {
                let place = batch * q.length + time;
                if let Some(decay) = &decay {
                    for (row, line) in state.chunks_exact_mut(v.size).enumerate() {
                        let at = if decay_width == self.key_heads { head } else { head * k.size + row };
                        let factor = decay.get(place * decay_width + at).copied().unwrap_or(0.0).exp();
                        line.iter_mut().for_each(|value| *value = L::item(L::to_f64(*value) * factor));
                    }
                }
                let mut added = value.to_vec();
                if let Some(rate) = &rate {
                    let at = if rate_width == 1 { 0 } else { head };
                    let rate = rate.get(place * rate_width + at).copied().unwrap_or(0.0);
                    ask(key, state, &mut read)?;
                    for (value, &old) in added.iter_mut().zip(&read) {
                        *value = L::item(rate * (L::to_f64(*value) - L::to_f64(old)));
                    }
                }
                for (line, &key) in state.chunks_exact_mut(v.size).zip(key) {
                    let key = L::splat(key);
                    map_pairs::<L>(line, &added, |old, new| old.add(new.mul(key)));
                }
                for own in head * group..head * group + group {
                    let (query, start) = (q.rows(batch, own).nth(time), (place * self.heads + own) * v.size);
                    if let Some((query, out)) = query.zip(out.get_mut(start..).and_then(|out| out.get_mut(..v.size))) {
                        ask(query, state, out)?;
                        out.iter_mut().for_each(|value| *value = L::item(L::to_f64(*value) * scale));
                    }
                }
            }
        }
        let out = Tensor::new(&[q.batch, q.length, self.heads * v.size], out)?;
        Ok(vec![out.into(), Tensor::new(&state_dims, states)?.into()])
    }
}
