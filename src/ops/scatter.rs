//! Elements written at places that indices name.

mod reduction;

use super::gather::{places_of_elements, places_of_tuples};
use super::shape::resolve_axis;
use super::view::{product, read_integers};
use super::{Entry, Operator, Spec, contrib, onnx, single};
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use reduction::Reduction;

pub const ENTRIES: &[Entry] = &[
    onnx("Scatter", scatter_elements),
    onnx("ScatterElements", scatter_elements),
    onnx("ScatterND", scatter_nd),
    onnx("TensorScatter", tensor_scatter),
    contrib("NGramRepeatBlock", block_repeated),
];

/// <https://onnx.ai/onnx/operators/onnx__ScatterElements.html>
fn scatter_elements(spec: &mut Spec) -> Result<Operator> {
    let axis = spec.int_or("axis", 0);
    let reduction = Reduction::read(spec)?;
    single(move |call| {
        let tensor = call.take(0)?;
        let (indices, updates) = (call.tensor(1)?, call.tensor(2)?);
        if indices.dims() != updates.dims() {
            return Err(Error::execution(format!("expected updates with the dims of the indices, got {updates}")));
        }
        let places = places_of_elements(tensor.dims(), resolve_axis(axis, tensor.rank())?, indices)?;
        reduction.apply(tensor, &places, 1, updates)
    })
}

/// <https://onnx.ai/onnx/operators/onnx__ScatterND.html>
fn scatter_nd(spec: &mut Spec) -> Result<Operator> {
    let reduction = Reduction::read(spec)?;
    single(move |call| {
        let tensor = call.take(0)?;
        let (indices, updates) = (call.tensor(1)?, call.tensor(2)?);
        let (places, inner) = places_of_tuples(tensor.dims(), indices, 0)?;
        let run = product(inner);
        let outer = indices.dims().iter().take(indices.rank().saturating_sub(1));
        if !outer.chain(inner).eq(updates.dims()) {
            return Err(Error::execution(format!("updates {updates} do not fit the indices {indices}")));
        }
        reduction.apply(tensor, &places, run, updates)
    })
}

/// <https://onnx.ai/onnx/operators/onnx__TensorScatter.html>
fn tensor_scatter(spec: &mut Spec) -> Result<Operator> {
    let axis = spec.int_or("axis", -2);
    let is_circular = match spec.text_or("mode", "linear") {
        "linear" => false,
        "circular" => true,
        other => return Err(spec.invalid(&format!("mode={other}"))),
    };
    single(move |call| {
        let starts = read_integers(call, 2)?;
        let cache = call.take(0)?;
        let updates = call.tensor(1)?;
        let places = cache_places(&cache, updates, axis, starts.as_deref(), is_circular)?;
        let axis = resolve_axis(axis, cache.rank())?;
        let run = product(cache.dims().get(axis + 1..).unwrap_or_default());
        Reduction::None.apply(cache, &places, run, updates)
    })
}

/// The place of each update in a cache, where those of one batch item come one after the other.
fn cache_places(
    cache: &Tensor,
    updates: &Tensor,
    axis: i64,
    starts: Option<&[i64]>,
    is_circular: bool,
) -> Result<Vec<usize>> {
    let axis = resolve_axis(axis, cache.rank())?;
    let at = |tensor: &Tensor, axis: usize| tensor.dims().get(axis).copied().unwrap_or(0);
    let (size, length, batch) = (at(cache, axis), at(updates, axis), at(cache, 0));
    let alike = |other: usize| other == axis || at(cache, other) == at(updates, other);
    let fits = cache.rank() == updates.rank() && (0..cache.rank()).all(alike) && length <= size && axis > 0;
    if !fits || starts.is_some_and(|starts| starts.len() != batch) {
        return Err(Error::execution(format!("updates {updates} do not fit a cache {cache} along axis {axis}")));
    }
    let outer = product(cache.dims().get(1..axis).unwrap_or_default());
    let run = product(cache.dims().get(axis + 1..).unwrap_or_default());
    let mut places = vec![];
    for item in 0..batch {
        let start = starts.and_then(|starts| starts.get(item).copied()).unwrap_or(0);
        let first = if is_circular { start.checked_rem_euclid(size as i64).unwrap_or(0) } else { start };
        let first = usize::try_from(first).ok().filter(|first| is_circular || first.saturating_add(length) <= size);
        let first = first.ok_or_else(|| {
            Error::execution(format!("{length} updates from {start} on are outside axis {axis} of {size} elements"))
        })?;
        for prefix in 0..outer {
            let row = (item * outer + prefix) * size;
            let wrap = |index: usize| if index < size { index } else { index - size };
            places.extend((0..length).map(|index| (row + wrap(first + index)) * run));
        }
    }
    Ok(places)
}

/// Scores of tokens that would end a run of `ngram_size` tokens that is there already become the least.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.NGramRepeatBlock>
fn block_repeated(spec: &mut Spec) -> Result<Operator> {
    let size = usize::try_from(spec.int_or("ngram_size", 0)).ok().filter(|&size| size > 0);
    let size = size.ok_or_else(|| spec.invalid("no ngram_size above 0"))?;
    single(move |call| {
        let scores = call.take(1)?;
        let ids = call.tensor(0)?;
        let (&[batch, length], &[rows, tokens]) = (ids.dims(), scores.dims()) else {
            return Err(Error::execution(format!("expected ids and scores of two axes, got {ids} and {scores}")));
        };
        if rows != batch {
            return Err(Error::execution(format!("expected scores for {batch} rows of ids, got {scores}")));
        }
        let dims = [rows, tokens];
        let mut values = scores.into_vec::<f32>()?;
        let ids = ids.to_i64s()?;
        for (ids, values) in ids.chunks_exact(length.max(1)).zip(values.chunks_exact_mut(tokens.max(1))) {
            let Some(last) = (ids.len() + 1).checked_sub(size).and_then(|start| ids.get(start..)) else { continue };
            for run in ids.windows(size) {
                let Some((token, _)) = run.split_last().filter(|run| run.1 == last) else { continue };
                let score = usize::try_from(*token).ok().and_then(|token| values.get_mut(token));
                *score.ok_or_else(|| Error::execution(format!("there is no score of the token {token}")))? =
                    f32::NEG_INFINITY;
            }
        }
        Tensor::new(&dims, values)
    })
}
