//! Strings.

mod hash;
mod normalize;
mod pattern;
mod split;
mod tfidf;
mod tokenize;

use super::{Entry, Operator, Spec, contrib, onnx, single};
use crate::error::{Error, Result};
use crate::tensor::{Dims, Tensor, reserve};
use pattern::Pattern;

pub const ENTRIES: &[Entry] = &[
    onnx("RegexFullMatch", regex_full_match),
    onnx("StringConcat", string_concat),
    onnx("StringNormalizer", normalize::string_normalizer),
    onnx("StringSplit", split::string_split),
    onnx("TfIdfVectorizer", tfidf::tf_idf_vectorizer),
    contrib("MurmurHash3", hash::murmur_hash3),
    contrib("Tokenizer", tokenize::tokenizer),
];

/// Whether a pattern matches the whole of each string. <https://onnx.ai/onnx/operators/onnx__RegexFullMatch.html>
fn regex_full_match(spec: &mut Spec) -> Result<Operator> {
    let text = spec.text("pattern").ok_or_else(|| spec.invalid("no pattern"))?;
    let pattern = Pattern::parse(text).map_err(|what| spec.unsupported(format!("pattern=\"{text}\": {what}")))?;
    single(move |call| {
        let input = call.tensor(0)?;
        let strings = input.slice::<String>()?;
        Tensor::new::<bool>(input.dims(), strings.iter().map(|string| pattern.matches(string)).collect())
    })
}

/// Strings joined to strings, each tensor repeated along its axes of 1.
/// <https://onnx.ai/onnx/operators/onnx__StringConcat.html>
fn string_concat(_: &mut Spec) -> Result<Operator> {
    single(|call| {
        let (a, b) = (call.tensor(0)?, call.tensor(1)?);
        let rank = a.rank().max(b.rank());
        let dim_of = |tensor: &Tensor, axis: usize| {
            let own = (axis + tensor.rank()).checked_sub(rank);
            own.and_then(|axis| tensor.dims().get(axis)).copied().unwrap_or(1)
        };
        let mut dims = Dims::new();
        for axis in 0..rank {
            dims.push(match (dim_of(a, axis), dim_of(b, axis)) {
                (1, dim) | (dim, 1) => dim,
                (dim, other) if dim == other => dim,
                _ => return Err(Error::execution("expected tensors that can be broadcast")),
            });
        }
        let (lefts, rights) = (a.slice::<String>()?, b.slice::<String>()?);
        let mut joined: Vec<String> = reserve(&dims)?;
        let place_of = |tensor: &Tensor, mut index: usize| {
            let (mut place, mut stride) = (0, 1);
            for (axis, &dim) in dims.iter().enumerate().rev() {
                let own = dim_of(tensor, axis);
                place += if own == 1 { 0 } else { index % dim * stride };
                stride *= own;
                index /= dim;
            }
            place
        };
        for index in 0..dims.iter().product() {
            let pair = lefts.get(place_of(a, index)).zip(rights.get(place_of(b, index)));
            joined.extend(pair.map(|(left, right)| format!("{left}{right}")));
        }
        Tensor::new(&dims, joined)
    })
}
