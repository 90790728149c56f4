//! StringSplit.

use crate::error::Result;
use crate::ops::{Operator, Spec, several};
use crate::tensor::{Tensor, fill};

/// The words between delimiters, with what is left behind the last of `limit` cuts as one; white space of any length cuts
/// where there is no delimiter. An empty string has no words, as in onnxruntime.
fn split<'s>(string: &'s str, delimiter: Option<&str>, limit: usize) -> Vec<&'s str> {
    if let Some(delimiter) = delimiter.filter(|_| !string.is_empty()) {
        return string.splitn(limit.saturating_add(1), delimiter).collect();
    }
    let mut words = Vec::new();
    let mut rest = string.trim();
    while !rest.is_empty() {
        let (word, behind) = match rest.find(char::is_whitespace) {
            Some(end) if words.len() < limit => rest.split_at(end),
            _ => (rest, ""),
        };
        words.push(word);
        rest = behind.trim_start();
    }
    words
}

/// The words of each string, and how many there are. <https://onnx.ai/onnx/operators/onnx__StringSplit.html>
pub fn string_split(spec: &mut Spec) -> Result<Operator> {
    let delimiter = spec.text("delimiter").filter(|text| !text.is_empty()).map(str::to_string);
    let limit = spec.int("maxsplit").and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    several(move |call| {
        let input = call.tensor(0)?;
        let strings = input.slice::<String>()?.iter();
        let words: Vec<Vec<&str>> = strings.map(|string| split(string, delimiter.as_deref(), limit)).collect();
        let most = words.iter().map(Vec::len).max().unwrap_or(0);
        let counts = Tensor::new(input.dims(), words.iter().map(|words| words.len() as i64).collect())?;
        let mut dims = input.dims().to_vec();
        dims.push(most);
        let mut padded = fill(&dims, String::new())?;
        for (row, words) in padded.chunks_mut(most.max(1)).zip(&words) {
            row.iter_mut().zip(words).for_each(|(place, word)| *place = (*word).to_string());
        }
        Ok(vec![Tensor::new(&dims, padded)?.into(), counts.into()])
    })
}
