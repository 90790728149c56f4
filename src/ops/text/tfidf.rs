//! TfIdfVectorizer.

use std::collections::HashMap;
use std::hash::Hash;

use crate::error::{Error, Result};
use crate::ops::{Operator, Spec, single};
use crate::tensor::{Tensor, fill};

/// A gram's place in the output, and what it counts for there.
#[derive(Clone, Copy)]
struct Gram {
    place: usize,
    weight: f32,
}

/// Grams by their words.
enum Pool {
    Strings(HashMap<Vec<String>, Gram>),
    Ints(HashMap<Vec<i64>, Gram>),
}

/// Which grams are looked for.
struct Grams {
    pool: Pool,
    shortest: usize,
    longest: usize,
    /// The most words between two of a gram.
    skips: usize,
}

/// The grams of a list of words of which `counts` tells where those of each length begin.
fn list_grams<T: Clone + Eq + Hash>(
    spec: &Spec,
    words: &[T],
    counts: &[usize],
    known: &[Gram],
    lengths: std::ops::RangeInclusive<usize>,
) -> Result<HashMap<Vec<T>, Gram>> {
    let mut grams = HashMap::new();
    let mut known = known.iter();
    for (place, &start) in counts.iter().enumerate() {
        let length = place + 1;
        let end = counts.get(length).copied().unwrap_or(words.len());
        let own = words.get(start..end).filter(|own| own.len() % length == 0);
        let own = own.ok_or_else(|| spec.invalid(&format!("ngram_counts={counts:?} for {} words", words.len())))?;
        for gram in own.chunks_exact(length) {
            let own = known.next().ok_or_else(|| spec.invalid("fewer ngram_indexes than grams"))?;
            if lengths.contains(&length) {
                grams.insert(gram.to_vec(), *own);
            }
        }
    }
    Ok(grams)
}

/// Counts the grams of one row.
fn count_grams<T: Clone + Eq + Hash>(
    words: &[T],
    grams: &Grams,
    pool: &HashMap<Vec<T>, Gram>,
    mut count: impl FnMut(Gram),
) {
    let mut gram = Vec::with_capacity(grams.longest);
    for length in grams.shortest..=grams.longest {
        // How many words apart those of a gram are makes no difference to a single one.
        let steps = if length == 1 { 1 } else { grams.skips.saturating_add(1) };
        for step in 1..=steps.min(words.len().max(1)) {
            let reach = (length - 1).saturating_mul(step);
            for start in 0..words.len().saturating_sub(reach) {
                gram.clear();
                gram.extend(words.iter().skip(start).step_by(step).take(length).cloned());
                pool.get(&gram).into_iter().for_each(|&gram| count(gram));
            }
        }
    }
}

/// How often grams stand in each row, weighted. <https://onnx.ai/onnx/operators/onnx__TfIdfVectorizer.html>
pub fn tf_idf_vectorizer(spec: &mut Spec) -> Result<Operator> {
    let size = |name: &str| {
        let value = spec.int(name).and_then(|value| usize::try_from(value).ok());
        value.ok_or_else(|| spec.invalid(&format!("no {name}")))
    };
    let (shortest, longest, skips) = (size("min_gram_length")?, size("max_gram_length")?, size("max_skip_count")?);
    let counts = spec.sizes("ngram_counts")?.unwrap_or_default();
    let indexes = spec.sizes("ngram_indexes")?.unwrap_or_default();
    if shortest == 0 || shortest > longest || longest > counts.len() {
        return Err(spec.invalid(&format!("grams of {shortest} to {longest} words")));
    }
    let lengths = shortest..=longest;
    let columns = indexes.iter().max().map_or(0, |&last| last + 1);
    let mode = spec.text("mode").unwrap_or("TF");
    let is_binary = match mode {
        "TF" | "TFIDF" => false,
        "IDF" => true,
        other => return Err(spec.invalid(&format!("mode={other}"))),
    };
    let weights = spec.floats("weights").filter(|_| mode != "TF").unwrap_or_default().iter().copied();
    let weights = weights.chain(std::iter::repeat(1.0));
    let known: Vec<Gram> = indexes.into_iter().zip(weights).map(|(place, weight)| Gram { place, weight }).collect();
    let pool = match (spec.texts("pool_strings"), spec.ints("pool_int64s")) {
        (Some(words), _) => Pool::Strings(list_grams(spec, &words, &counts, &known, lengths)?),
        (None, Some(words)) => Pool::Ints(list_grams(spec, words, &counts, &known, lengths)?),
        (None, None) => return Err(spec.invalid("no pool_strings and no pool_int64s")),
    };
    let grams = Grams { pool, shortest, longest, skips };
    single(move |call| {
        let input = call.tensor(0)?;
        let (rows, width) = match *input.dims() {
            [] => (None, 1),
            [width] => (None, width),
            [rows, width] => (Some(rows), width),
            _ => return Err(Error::execution(format!("expected one or two axes, got {input}"))),
        };
        let dims: Vec<usize> = rows.into_iter().chain([columns]).collect();
        let mut values = fill(&dims, 0f32)?;
        for (row, values) in values.chunks_mut(columns.max(1)).enumerate() {
            let span = row * width..(row + 1) * width;
            let count = |Gram { place, weight }: Gram| {
                let value = values.get_mut(place).into_iter();
                value.for_each(|value| *value = if is_binary { weight } else { *value + weight });
            };
            match &grams.pool {
                Pool::Strings(pool) => {
                    let words = input.slice::<String>()?.get(span).unwrap_or_default();
                    count_grams(words, &grams, pool, count);
                }
                Pool::Ints(pool) => {
                    let words = input.to_i64s()?;
                    count_grams(words.get(span).unwrap_or_default(), &grams, pool, count);
                }
            }
        }
        Tensor::new(&dims, values)
    })
}
