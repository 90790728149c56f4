//! Attention and MultiHeadAttention of com.microsoft.

use super::attend::{Attend, Place, Stage};
use super::heads::Heads;
use super::mask::{Bias, read_padding};
use super::standard::past_heads;
use crate::error::{Error, Result};
use crate::kernels::gemm::{Finish, Left, Matrix, Right, Shape, multiply};
use crate::kernels::lanes::map_pairs;
use crate::kernels::simd::F32x4;
use crate::ops::{Operator, Spec, several};
use crate::tensor::{self, Tensor};
use crate::value::Value;

struct Options {
    heads: usize,
    scale: Option<f64>,
    /// What masked scores are lowered by.
    filter: f32,
    is_causal: bool,
}

fn read_options(spec: &Spec) -> Result<Options> {
    let heads = usize::try_from(spec.int_or("num_heads", 0)).ok().filter(|&heads| heads > 0);
    Ok(Options {
        heads: heads.ok_or_else(|| spec.invalid("no num_heads above 0"))?,
        scale: spec.float("scale").filter(|&scale| scale != 0.0).map(f64::from),
        filter: spec.float_or("mask_filter_value", -10_000.0),
        is_causal: spec.flag("unidirectional", false),
    })
}

/// What attention is given besides query, key and value.
struct Context<'a> {
    past: [Option<Heads<'a, f32>>; 2],
    padding: Option<&'a Tensor>,
    bias: Option<&'a Tensor>,
    wants_present: bool,
    wants_scores: bool,
}

/// The output, `[batch, length, width]`, the keys and the values with those before, as four axes, and the scores.
type Attended = (Tensor, Option<[Tensor; 2]>, Option<Tensor>);

impl Options {
    fn attend(&self, q: Heads<f32>, k: Heads<f32>, v: Heads<f32>, context: &Context) -> Result<Attended> {
        let [past_key, past_value] = &context.past;
        let past = past_key.as_ref().map_or(0, |past| past.length);
        let present;
        let (mut k, mut v) = (k, v);
        let mut kept = None;
        if past_key.is_some() || past_value.is_some() || context.wants_present {
            let join = |new: &Heads<f32>, past: &Option<Heads<f32>>| {
                let length = past.as_ref().map_or(0, |past| past.length) + new.length;
                Tensor::new(&[new.batch, new.heads, length, new.size], new.behind(past.as_ref())?)
            };
            present = [join(&k, past_key)?, join(&v, past_value)?];
            let [keys, values] = &present;
            k = Heads::of_dims(keys.slice()?, keys.dims(), None)?;
            v = Heads::of_dims(values.slice()?, values.dims(), None)?;
            kept = Some(present.clone());
        }
        let scores = [q.batch, q.heads, q.length, k.length];
        let padding = context.padding.map(|mask| read_padding(mask, scores, past, self.filter)).transpose()?;
        let padding = padding.map(|mask| Bias::new::<F32x4>(&mask, scores, false)).transpose()?;
        let bias = context.bias.map(|bias| Bias::new::<F32x4>(bias, scores, false)).transpose()?;
        let mask = |place: Place, scores: &mut [f32]| {
            padding.iter().chain(&bias).for_each(|bias| bias.add::<F32x4>(place, scores));
            // The last row sees all keys, however many, as in onnxruntime.
            if self.is_causal && place.row + 1 < q.length {
                scores.iter_mut().skip(past + place.row + 1).for_each(|score| *score = f32::NEG_INFINITY);
            }
        };
        let scale = self.scale.unwrap_or_else(|| 1.0 / (q.size as f64).sqrt());
        let shown = context.wants_scores.then_some(Stage::Masked);
        let attend = Attend { scale, softcap: 0.0, mask: &mask, sinks: None, shown, is_flat: true };
        let (out, shown) = attend.run::<F32x4>(&q, &k, &v)?;
        // As onnxruntime shows what is masked: the least of all numbers.
        let shown = context.wants_scores.then(|| shown.into_iter().map(|score| score.max(f32::MIN)).collect());
        let shown = shown.map(|shown| Tensor::new(&scores, shown)).transpose()?;
        Ok((Tensor::new(&[q.batch, q.length, q.heads * v.size], out)?, kept, shown))
    }
}

/// Projects its input to query, key and value first. This is not ONNX's operator of that name.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.Attention>
pub(super) fn attention(spec: &mut Spec) -> Result<Operator> {
    let options = read_options(spec)?;
    let sizes = spec.sizes("qkv_hidden_sizes")?;
    if spec.flag("do_rotary", false) {
        return Err(spec.unsupported("do_rotary"));
    }
    if spec.has_input(6) || spec.flag("past_present_share_buffer", false) {
        return Err(spec.unsupported("past_present_share_buffer"));
    }
    several(move |call| {
        let (x, weights) = (call.tensor(0)?, call.tensor(1)?);
        let (&[batch, length, depth], &[inputs, width]) = (x.dims(), weights.dims()) else {
            return Err(Error::execution("expected an input of three axes and weights of two"));
        };
        let widths = match sizes.as_deref() {
            Some(&[q, k, v]) => [q, k, v],
            _ => [width / 3; 3],
        };
        if inputs != depth || widths.iter().sum::<usize>() != width || widths.iter().any(|w| w % options.heads != 0) {
            return Err(Error::execution(format!("weights {weights} do not fit {} heads", options.heads)));
        }
        let mut projected = tensor::fill(&[batch, length, width], 0f32)?;
        let bias = call.optional(2)?.map(Tensor::slice::<f32>).transpose()?;
        let (left, right) = (Matrix::rows(x.slice()?, depth), Matrix::rows(weights.slice()?, width));
        let shape = Shape { m: batch * length, k: depth, n: width };
        let finish = Finish { column_bias: bias, ..Finish::default() };
        multiply(shape, Left::Matrix(left), Right::Matrix(right), &finish, &mut projected, width)?;
        let mut first = 0;
        let [q, k, v] = widths.map(|own| {
            let size = own / options.heads;
            let heads = Heads::of_columns(&projected, [batch, length, width], [options.heads, size], [first, size]);
            first += own;
            heads
        });
        let past = split_past(call.optional(4)?)?;
        let context = Context {
            past,
            padding: call.optional(3)?,
            bias: call.optional(5)?,
            wants_present: call.wants(1),
            wants_scores: false,
        };
        let (out, present, _) = options.attend(q, k, v, &context)?;
        let present = present.filter(|_| call.wants(1)).map(|[keys, values]| -> Result<Value> {
            let dims: Vec<usize> = std::iter::once(2).chain(keys.dims().iter().copied()).collect();
            let mut both = keys.into_vec::<f32>()?;
            both.extend_from_slice(values.slice::<f32>()?);
            Ok(Tensor::new(&dims, both)?.into())
        });
        Ok(vec![out.into(), present.transpose()?.unwrap_or(Value::Nothing)])
    })
}

/// Keys and then values in one tensor.
fn split_past(past: Option<&Tensor>) -> Result<[Option<Heads<'_, f32>>; 2]> {
    let Some(past) = past else { return Ok([None, None]) };
    let &[2, batch, heads, length, size] = past.dims() else {
        return Err(Error::execution(format!("expected a past [2,batch,heads,length,size], got {past}")));
    };
    let values = past.slice::<f32>()?;
    let (keys, values) = values.split_at(values.len() / 2);
    Ok([keys, values].map(|values| Some(Heads::of_four_axes(values, [batch, heads, length, size]))))
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MultiHeadAttention>
pub(super) fn multi_head(spec: &mut Spec) -> Result<Operator> {
    let options = read_options(spec)?;
    if spec.has_input(8) || spec.has_input(9) {
        return Err(spec.unsupported("a shared buffer of past keys and values"));
    }
    several(move |call| {
        let query = call.tensor(0)?;
        let bias = call.optional(3)?;
        let width = query.dims().get(2).copied().unwrap_or(0);
        let added = add_bias(query, bias, 0)?;
        let (key, value) = (call.optional(1)?, call.optional(2)?);
        let key = key.map(|key| add_bias(key, bias, width)).transpose()?;
        let value = value.map(|value| add_bias(value, bias, 2 * width)).transpose()?;
        let (q, k, v) = match (query.dims(), &key) {
            // Query, key and value of each head side by side.
            (&[batch, length, heads, 3, size], None) => {
                if bias.is_some() {
                    return Err(Error::execution("a bias cannot be added to packed queries, keys and values"));
                }
                let width = heads * 3 * size;
                let part = |index: usize| -> Result<Heads<f32>> {
                    Ok(Heads::of_columns(
                        query.slice()?,
                        [batch, length, width],
                        [heads, size],
                        [index * size, 3 * size],
                    ))
                };
                (part(0)?, part(1)?, part(2)?)
            }
            (_, Some(key)) => {
                let q = Heads::of_dims(added.slice()?, added.dims(), Some(options.heads))?;
                match (key.dims(), &value) {
                    // Keys and values of each head side by side.
                    (&[batch, length, heads, 2, size], None) => {
                        let width = heads * 2 * size;
                        let part = |index: usize| -> Result<Heads<f32>> {
                            let place = [index * size, 2 * size];
                            Ok(Heads::of_columns(key.slice()?, [batch, length, width], [heads, size], place))
                        };
                        (q, part(0)?, part(1)?)
                    }
                    (_, Some(value)) => {
                        let k = Heads::of_dims(key.slice()?, key.dims(), Some(options.heads))?;
                        (q, k, Heads::of_dims(value.slice()?, value.dims(), Some(options.heads))?)
                    }
                    _ => return Err(Error::execution("expected a value, got none")),
                }
            }
            _ => return Err(Error::execution(format!("a query {query} is none for {} heads", options.heads))),
        };
        let context = Context {
            past: [past_heads(call.optional(6)?)?, past_heads(call.optional(7)?)?],
            padding: call.optional(4)?,
            bias: call.optional(5)?,
            wants_present: call.wants(1) || call.wants(2),
            wants_scores: call.wants(3),
        };
        let (out, present, scores) = options.attend(q, k, v, &context)?;
        let mut outputs = vec![out.into()];
        match present {
            Some(present) => outputs.extend(present.map(Value::Tensor)),
            None => outputs.extend([Value::Nothing, Value::Nothing]),
        }
        outputs.extend(scores.map(Value::Tensor));
        Ok(outputs)
    })
}

/// An input with its part of the bias, from `first` on. Those of four axes and more have none.
fn add_bias(tensor: &Tensor, bias: Option<&Tensor>, first: usize) -> Result<Tensor> {
    let (Some(bias), &[_, _, width]) = (bias, tensor.dims()) else { return Ok(tensor.clone()) };
    let bias = bias.slice::<f32>()?.get(first..first.saturating_add(width));
    let bias = bias.ok_or_else(|| Error::execution(format!("the bias is too short for {tensor}")))?;
    let mut values = tensor.slice::<f32>()?.to_vec();
    values.chunks_exact_mut(width.max(1)).for_each(|row| map_pairs::<F32x4>(row, bias, F32x4::add));
    Tensor::new(tensor.dims(), values)
}
