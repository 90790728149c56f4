//! Tokenizer of onnxruntime, which converters of scikit-learn's text vectorisers use.

use super::pattern::Pattern;
use crate::error::{Error, Result};
use crate::ops::{Operator, Spec, single};
use crate::tensor::{Tensor, fill};

/// The first and the last token of a text, where the node asks for them.
const MARKS: [&str; 2] = ["\u{2}", "\u{3}"];

/// What tokens are.
enum Rule {
    /// Letters.
    Letters,
    /// What a pattern matches.
    Tokens(Pattern),
    /// What stands between what patterns match, one pattern after the other.
    Separators(Vec<Pattern>),
}

impl Rule {
    fn split<'t>(&self, text: &'t str, least: usize) -> Vec<&'t str> {
        let is_long = |token: &&str| token.chars().count() >= least;
        match self {
            Rule::Letters => text.split_inclusive(|_| true).collect(),
            Rule::Tokens(pattern) => {
                let mut tokens = Vec::new();
                let mut start = 0;
                while let Some((from, to)) = pattern.find(text, start) {
                    let token = text.get(from..to).unwrap_or_default();
                    if is_long(&token) && to > from {
                        tokens.push(token);
                        start = to;
                    } else {
                        start = next_letter(text, from);
                    }
                }
                tokens
            }
            Rule::Separators(patterns) => {
                let cut_all = |tokens: Vec<&'t str>, pattern: &Pattern| {
                    tokens.into_iter().flat_map(|token| cut(token, pattern)).filter(is_long).collect()
                };
                patterns.iter().fold(vec![text], cut_all)
            }
        }
    }
}

/// The start of the letter behind the one at a place.
fn next_letter(text: &str, place: usize) -> usize {
    place + text.get(place..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
}

/// What stands between the places that a pattern matches.
fn cut<'t>(text: &'t str, pattern: &Pattern) -> Vec<&'t str> {
    let mut parts = Vec::new();
    let mut start = 0;
    while let Some((from, to)) = pattern.find(text, start) {
        parts.extend(text.get(start..from));
        start = if to > from { to } else { next_letter(text, from) };
    }
    parts.extend(text.get(start..));
    parts
}

/// The tokens of each text, as many as the longest one has.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.Tokenizer>
pub fn tokenizer(spec: &mut Spec) -> Result<Operator> {
    let parse = |text: &str| Pattern::parse(text).map_err(|what| spec.unsupported(format!("\"{text}\": {what}")));
    let separators = spec.texts("separators").unwrap_or_default();
    let rule = match (separators.as_slice(), spec.text("tokenexp")) {
        ([only], _) if only.is_empty() => Rule::Letters,
        ([], Some(".")) => Rule::Letters,
        ([], Some(text)) if !text.is_empty() => Rule::Tokens(parse(text)?),
        ([], _) => return Err(spec.invalid("no separators and no tokenexp")),
        (separators, _) => Rule::Separators(separators.iter().map(|text| parse(text)).collect::<Result<_>>()?),
    };
    let least = usize::try_from(spec.int_or("mincharnum", 1)).unwrap_or(0).max(1);
    let is_marked = spec.flag("mark", false);
    let padding = spec.text("pad_value").unwrap_or_default().to_string();
    single(move |call| {
        let input = call.tensor(0)?;
        if !matches!(input.rank(), 1 | 2) {
            return Err(Error::execution(format!("expected one or two axes, got {input}")));
        }
        if input.is_empty() {
            let dims: &[usize] = if let [rows, _] = *input.dims() { &[rows, 0] } else { &[0] };
            return Tensor::new::<String>(dims, Vec::new());
        }
        let tokens: Vec<Vec<&str>> = input.slice::<String>()?.iter().map(|text| rule.split(text, least)).collect();
        let most = tokens.iter().map(Vec::len).max().unwrap_or(0);
        let width = if is_marked && most > 0 { most + MARKS.len() } else { most };
        let mut dims = input.dims().to_vec();
        dims.push(width);
        let mut padded = fill(&dims, padding.clone())?;
        let [first, last] = MARKS.map(|mark| is_marked.then_some(mark));
        for (row, tokens) in padded.chunks_mut(width.max(1)).zip(tokens) {
            let marked = first.into_iter().chain(tokens).chain(last);
            row.iter_mut().zip(marked).for_each(|(place, token)| *place = token.to_string());
        }
        Tensor::new(&dims, padded)
    })
}
