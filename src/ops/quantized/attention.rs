//! Attention whose inner product with its weights is one of bytes.

use super::matmul::{Right, multiply_to_floats};
use super::product::read_sign;
use crate::error::{Error, Result};
use crate::ops::quantize::read_zeros;
use crate::ops::{Operator, Spec, several};
use crate::tensor::{Tensor, fill};
use crate::value::Value;

/// What is added to the scores of keys that a mask hides.
struct Mask<'a> {
    values: &'a [i32],
    dims: &'a [usize],
    hidden: f32,
    /// Whether queries do not see later keys.
    is_causal: bool,
}

impl Mask<'_> {
    /// Adds the mask to the scores of a query, the `position`th of its keys.
    fn apply(&self, batch: usize, query: usize, position: usize, batches: usize, scores: &mut [f32]) -> Result<()> {
        let keys = scores.len();
        let at = |index: usize| self.values.get(index).copied().unwrap_or_default();
        let seen = |key: usize| match *self.dims {
            [] => true,
            [count] if count == batches => (key as i64) < i64::from(at(batch)),
            [count] if count == 2 * batches => {
                (key as i64) < i64::from(at(batch)) && key as i64 >= i64::from(at(batch + batches))
            }
            [_, 1] => keys > 1 || at(batch) > 0,
            [_, width] => at(batch * width + key) > 0,
            [_, queries, width] => at((batch * queries + query) * width + key) > 0,
            _ => true,
        };
        let fits = match *self.dims {
            [] => true,
            [count] => count == batches || count == 2 * batches,
            // A mask of one column stands for none.
            [count, 1] if count == 1 || count == batches => true,
            [count, width] | [count, _, width] => count == batches && width == keys,
            _ => false,
        };
        if !fits {
            return Err(Error::execution(format!(
                "a mask of dims {:?} does not fit {batches} batches of {keys} keys",
                self.dims
            )));
        }
        for (key, score) in scores.iter_mut().enumerate() {
            if self.is_causal && key > position {
                *score = f32::MIN;
            } else if !seen(key) {
                *score += self.hidden;
            }
        }
        Ok(())
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let ((left, left_rest), (right, right_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0f32; 8];
    for (a, b) in left.iter().zip(right) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum::<f32>() + left_rest.iter().zip(right_rest).map(|(a, b)| a * b).sum::<f32>()
}

fn normalise(scores: &mut [f32]) {
    let greatest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter_mut().for_each(|score| *score = (*score - greatest).exp());
    let sum: f32 = scores.iter().sum();
    scores.iter_mut().for_each(|score| *score /= sum);
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QAttention>
pub fn qattention(spec: &mut Spec) -> Result<Operator> {
    let heads = usize::try_from(spec.int_or("num_heads", 0)).ok().filter(|&heads| heads > 0);
    let heads = heads.ok_or_else(|| spec.invalid("no num_heads"))?;
    for name in ["do_rotary", "past_present_share_buffer"] {
        if spec.flag(name, false) {
            return Err(spec.unsupported(format!("{name}=1")));
        }
    }
    let (is_causal, scale) = (spec.flag("unidirectional", false), spec.float("scale").filter(|&scale| scale != 0.0));
    let hidden = spec.float_or("mask_filter_value", -10000.0);
    let right = Right::new(spec, 1, false)?;
    several(move |call| {
        let x = call.tensor(0)?;
        let &[batches, queries, _] = x.dims() else {
            return Err(Error::execution(format!("expected an input of 3 axes, got {x}")));
        };
        let (bias, x_scale, w_scales) =
            (call.tensor(2)?.to_f32s()?, call.tensor(3)?.to_f32s()?, call.tensor(4)?.to_f32s()?);
        let (x_zeros, w_zeros) = (read_zeros(call.optional(6)?)?, read_zeros(call.optional(7)?)?);
        let projected = right.with(call, |w| {
            let input = (x.dims(), x.as_bytes(), read_sign(x)?);
            multiply_to_floats(input, [&x_zeros, &w_zeros], w, [&x_scale, &w_scales, &bias])
        })?;
        let width = projected.dims().last().copied().unwrap_or_default() / 3;
        let size = width / heads;
        if size == 0 || size * heads * 3 != projected.dims().last().copied().unwrap_or_default() {
            return Err(Error::execution(format!("{heads} heads do not fit {projected}")));
        }
        let past = call.optional(8)?;
        let earlier = match past.map(Tensor::dims) {
            None => 0,
            Some(&[2, b, h, earlier, s]) if b == batches && h == heads && s == size => earlier,
            Some(dims) => return Err(Error::execution(format!("a past of dims {dims:?} does not fit"))),
        };
        let keys = earlier + queries;
        let dims = [2, batches, heads, keys, size];
        let mut present = fill(&dims, 0f32)?;
        let values = projected.slice::<f32>()?;
        let of_past = past.map(Tensor::to_f32s).transpose()?.unwrap_or_default();
        for (index, target) in present.chunks_mut((keys * size).max(1)).enumerate() {
            let (kind, batch, head) = (index / (batches * heads) + 1, index / heads % batches.max(1), index % heads);
            let (old, new) = target.split_at_mut((earlier * size).min(target.len()));
            old.iter_mut().zip(of_past.iter().skip(index * earlier * size)).for_each(|(to, from)| *to = *from);
            for (query, to) in new.chunks_mut(size).enumerate() {
                let at = (batch * queries + query) * 3 * width + kind * width + head * size;
                to.copy_from_slice(values.get(at..at + size).unwrap_or_default());
            }
        }
        let mask = call.optional(5)?;
        let mask = Mask {
            values: mask.map(Tensor::slice::<i32>).transpose()?.unwrap_or_default(),
            dims: mask.map(Tensor::dims).unwrap_or_default(),
            hidden,
            is_causal,
        };
        let scale = scale.unwrap_or_else(|| 1.0 / (size as f32).sqrt());
        let mut out = fill(&[batches, queries, width], 0f32)?;
        let mut scores = vec![0f32; keys];
        let (all_keys, all_values) = present.split_at(present.len() / 2);
        for (index, out) in out.chunks_mut(size).enumerate() {
            let (row, head) = (index / heads, index % heads);
            let (batch, query) = (row / queries, row % queries);
            let at = row * 3 * width + head * size;
            let own = values.get(at..at + size).unwrap_or_default();
            let place = (batch * heads + head) * keys * size;
            let matrix = |all: &'_ [f32]| -> std::ops::Range<usize> {
                place.min(all.len())..(place + keys * size).min(all.len())
            };
            let rows = all_keys.get(matrix(all_keys)).unwrap_or_default().chunks(size);
            scores.iter_mut().zip(rows).for_each(|(score, key)| *score = dot(own, key) * scale);
            mask.apply(batch, query, earlier + query, batches, &mut scores)?;
            normalise(&mut scores);
            for (value, &score) in all_values.get(matrix(all_values)).unwrap_or_default().chunks(size).zip(&scores) {
                out.iter_mut().zip(value).for_each(|(out, value)| *out += value * score);
            }
        }
        let out = Tensor::new(&[batches, queries, width], out)?;
        Ok([out, Tensor::new(&dims, present)?].map(Value::Tensor).into())
    })
}
