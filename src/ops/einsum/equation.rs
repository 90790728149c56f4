//! An equation such as `...ij,jk->...ik`: the labels of the axes of each operand and of the output.

use crate::error::{Error, Result};

/// A name of an axis: a letter, or its place from the right among the axes of an ellipsis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    /// Counted from the last.
    Ellipsis(usize),
    Letter(char),
}

/// The letters of a term, with the place of its ellipsis.
#[derive(Debug, Clone, PartialEq)]
struct Term {
    letters: Vec<char>,
    ellipsis: Option<usize>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Equation {
    inputs: Vec<Term>,
    /// `None` where the equation leaves it out.
    output: Option<Term>,
}

impl Term {
    fn parse(text: &str) -> Option<Term> {
        let (before, after) = text.split_once("...").map_or((text, None), |(before, after)| (before, Some(after)));
        let letters: Vec<char> = before.chars().chain(after.unwrap_or_default().chars()).collect();
        let is_sound = letters.iter().all(char::is_ascii_alphabetic);
        is_sound.then(|| Term { ellipsis: after.map(|_| before.len()), letters })
    }

    /// The labels where the ellipsis stands for `hidden` axes.
    fn labels(&self, hidden: usize) -> Vec<Label> {
        let mut labels: Vec<Label> = self.letters.iter().map(|&letter| Label::Letter(letter)).collect();
        if let Some(place) = self.ellipsis {
            labels.splice(place..place, (0..hidden).rev().map(Label::Ellipsis));
        }
        labels
    }
}

impl Equation {
    pub fn parse(text: &str) -> Option<Equation> {
        let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
        let (inputs, output) = text.split_once("->").map_or((text.as_str(), None), |(left, right)| (left, Some(right)));
        let inputs: Vec<Term> = inputs.split(',').map(Term::parse).collect::<Option<_>>()?;
        let output = match output {
            Some(output) => Some(Term::parse(output)?),
            None => None,
        };
        if let Some(output) = &output {
            let known = |letter: &char| inputs.iter().any(|term| term.letters.contains(letter));
            let mut once = output.letters.clone();
            once.sort_unstable();
            once.dedup();
            if !output.letters.iter().all(known) || once.len() != output.letters.len() {
                return None;
            }
        }
        Some(Equation { inputs, output })
    }

    /// The number of operands.
    pub fn len(&self) -> usize {
        self.inputs.len()
    }

    /// The labels of operands of these ranks, and of the output.
    pub fn labels(&self, ranks: &[usize]) -> Result<(Vec<Vec<Label>>, Vec<Label>)> {
        let mut hidden = 0;
        let mut inputs = Vec::new();
        for (term, &rank) in self.inputs.iter().zip(ranks) {
            let own = rank.checked_sub(term.letters.len()).filter(|&own| own == 0 || term.ellipsis.is_some());
            let own = own.ok_or_else(|| {
                Error::execution(format!("expected {} axes for an operand, got {rank}", term.letters.len()))
            })?;
            hidden = hidden.max(own);
            inputs.push(term.labels(own));
        }
        let output = match &self.output {
            Some(term) => term.labels(hidden),
            None => {
                let all = || self.inputs.iter().flat_map(|term| &term.letters);
                let mut once: Vec<char> =
                    all().copied().filter(|letter| all().filter(|other| *other == letter).count() == 1).collect();
                once.sort_unstable();
                let letters = once.into_iter().map(Label::Letter);
                (0..hidden).rev().map(Label::Ellipsis).chain(letters).collect()
            }
        };
        Ok((inputs, output))
    }
}
