//! StringNormalizer.

use crate::error::{Error, Result};
use crate::ops::{Operator, Spec, single};
use crate::tensor::Tensor;

/// What is done to each letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Keep,
    Lower,
    Upper,
}

impl Case {
    fn read(spec: &Spec) -> Result<Case> {
        match spec.text_or("case_change_action", "NONE") {
            "NONE" => Ok(Case::Keep),
            "LOWER" => Ok(Case::Lower),
            "UPPER" => Ok(Case::Upper),
            other => Err(spec.invalid(&format!("case_change_action={other}"))),
        }
    }

    /// A string of as many letters. One that becomes several, as a sharp s would, stays what it is, but for a dotted I.
    fn change(self, string: &str) -> String {
        fn only(letter: char, mut letters: impl Iterator<Item = char>) -> char {
            match (letters.next(), letters.next()) {
                (Some(changed), None) => changed,
                _ => letter,
            }
        }
        match self {
            Case::Keep => string.to_string(),
            Case::Lower => string.chars().filter_map(|letter| letter.to_lowercase().next()).collect(),
            Case::Upper => string.chars().map(|letter| only(letter, letter.to_uppercase())).collect(),
        }
    }
}

/// Strings in lower or upper case, without stop words. <https://onnx.ai/onnx/operators/onnx__StringNormalizer.html>
pub fn string_normalizer(spec: &mut Spec) -> Result<Operator> {
    let case = Case::read(spec)?;
    let is_exact = spec.flag("is_case_sensitive", false);
    let fold = if is_exact { Case::Keep } else { Case::Lower };
    let stop_words: Vec<String> =
        spec.texts("stopwords").unwrap_or_default().iter().map(|word| fold.change(word)).collect();
    let stop_words: std::collections::HashSet<String> = stop_words.into_iter().collect();
    single(move |call| {
        let input = call.tensor(0)?;
        let is_row = matches!(*input.dims(), [1, _]);
        if input.rank() != 1 && !is_row {
            return Err(Error::execution(format!("expected string[n] or string[1,n], got {input}")));
        }
        let is_kept = |word: &&String| stop_words.is_empty() || !stop_words.contains(&fold.change(word));
        let kept = input.slice::<String>()?.iter().filter(is_kept);
        let mut kept: Vec<String> = kept.map(|word| case.change(word)).collect();
        if kept.is_empty() {
            kept.push(String::new());
        }
        match is_row {
            true => Tensor::new(&[1, kept.len()], kept),
            false => Ok(Tensor::vector(kept)),
        }
    })
}
