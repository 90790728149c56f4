//! Every element type that ONNX allows an operator: what it gives for small whole numbers of a type is what it gives for them as
//! float64, or as int64, in that type.

mod rows;

use std::collections::BTreeSet;

use edgewise::error::Result;
use edgewise::tensor::{ElementType, Tensor};

use crate::elementwise::run;
use crate::onnx::{assert_close, int};
use rows::{Row, first_version, is_apart, rows};

/// What ONNX defines of an operator.
pub struct Definition {
    pub domain: &'static str,
    pub name: &'static str,
    /// Versions of the operator set that define it anew.
    pub versions: &'static str,
    /// The input whose type is the most open.
    pub main: usize,
    pub types: Vec<ElementType>,
}

/// The operators of ONNX, in order.
pub fn definitions() -> Vec<Definition> {
    let lines = include_str!("operators.txt").lines().filter(|line| !line.starts_with('#'));
    let read = |line: &'static str| {
        let mut words = line.split(' ');
        let mut next = || words.next().unwrap();
        let (domain, name, versions, main) = (next(), next(), next(), next().parse().unwrap());
        Definition {
            domain,
            name,
            versions,
            main,
            types: words.map(|word| ElementType::from_name(word).unwrap()).collect(),
        }
    };
    lines.map(read).collect()
}

fn cast(tensor: Tensor, to: ElementType) -> Tensor {
    if tensor.element_type() == to {
        return tensor;
    }
    let saturates = vec![int("to", i64::from(to.onnx()))];
    run(25, &[("Cast a -> y", saturates)], &[tensor], to).unwrap()
}

/// An input in words, of whole numbers from `least` to `most`.
fn make_input(word: &str, element_type: ElementType, (least, most): (usize, usize)) -> Tensor {
    let (kind, rest) = word.split_at(1);
    let list = |text: &str| text.split(',').filter_map(|number| number.parse::<f64>().ok()).collect::<Vec<f64>>();
    let (dims, given) = rest.split_once([':', '=']).map_or((rest, None), |(dims, given)| (dims, Some(list(given))));
    let dims: Vec<usize> = list(dims).into_iter().map(|dim| dim as usize).collect();
    let dims = match &given {
        Some(given) if dims.is_empty() && rest.starts_with(':') => vec![given.len()],
        _ => dims,
    };
    let least = least.max(usize::from(kind == "P"));
    let number = |index: usize| (least + (index * 7 + 1) % 11 % (most + 1 - least)) as f64;
    let numbers = given.unwrap_or_else(|| (0..dims.iter().product()).map(number).collect());
    let to = match kind {
        "i" => ElementType::Int64,
        "b" => ElementType::Bool,
        "f" => ElementType::Float32,
        _ => element_type,
    };
    cast(Tensor::new(&dims, numbers).unwrap(), to)
}

impl Definition {
    fn list_versions(&self) -> Vec<i64> {
        self.versions.split(',').map(|version| version.parse().unwrap()).collect()
    }

    /// The type that others are compared with.
    fn base(&self) -> Option<ElementType> {
        let wide = [ElementType::Float64, ElementType::Int64, ElementType::Uint64, ElementType::Uint8];
        wide.into_iter().find(|base| self.types.contains(base)).or(self.types.first().copied())
    }

    /// What a row gives for an element type and for numbers of a range.
    fn compute(&self, row: &Row, version: i64, element_type: ElementType, numbers: (usize, usize)) -> Result<Tensor> {
        let (name, attributes, words, output) = row;
        let given = words.split(' ').filter(|word| *word != "-");
        let inputs: Vec<Tensor> = given.map(|word| make_input(word, element_type, numbers)).collect();
        let mut names = ["a", "b", "c", "d", "e"].into_iter();
        let named: Vec<&str> =
            words.split(' ').map(|word| if word == "-" { "-" } else { names.next().unwrap() }).collect();
        let node = format!("{}.{name} {} -> y", self.domain, named.join(" "));
        let to = if *output == "T" { element_type } else { ElementType::from_name(output).unwrap() };
        run(version, &[(&node, attributes.clone())], &inputs, to)
    }

    fn check(&self, row: &Row, base: ElementType, element_type: ElementType) -> Result<Option<String>> {
        let version = self.list_versions().pop().unwrap();
        let numbers = match element_type {
            ElementType::Bool | ElementType::Int2 => (0, 1),
            // Powers of 2.
            ElementType::Float8E8M0 => (1, 2),
            _ if base == ElementType::Bool => (0, 1),
            _ => (0, 3),
        };
        let actual = self.compute(row, version, element_type, numbers)?;
        let expected = cast(self.compute(row, version, base, numbers)?, actual.element_type());
        if actual.element_type().is_float() {
            let tolerance = match element_type {
                ElementType::Bfloat16 => 2e-2,
                ElementType::Float16 => 2e-3,
                _ => 2e-6,
            };
            assert_close(&actual, &expected, tolerance, &format!("{} of {}", row.0, element_type.name()));
            return Ok(None);
        }
        Ok((actual != expected).then(|| format!("{:?} for {:?}", actual.data(), expected.data())))
    }
}

fn find<'d>(definitions: &'d [Definition], row: &Row) -> &'d Definition {
    definitions.iter().find(|found| found.name == row.0).unwrap()
}

/// The operators and types that the rows show to be right.
pub fn list_types() -> BTreeSet<(&'static str, &'static str, ElementType)> {
    let definitions = definitions();
    let mut shown = BTreeSet::new();
    let mut wrong = vec![];
    for row in rows() {
        let definition = find(&definitions, &row);
        let Some(base) = definition.base() else { continue };
        for &element_type in definition.types.iter().filter(|&&element_type| !is_apart(row.0, element_type)) {
            match definition.check(&row, base, element_type).unwrap_or_else(|error| Some(error.to_string())) {
                None => drop(shown.insert((definition.domain, definition.name, element_type))),
                Some(why) => wrong.push(format!("{} of {}: {why}", row.0, element_type.name())),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    shown
}

#[test]
fn every_type_gives_what_the_widest_gives() {
    assert!(list_types().len() > 1000);
}

#[test]
fn every_version_gives_what_the_last_gives() {
    let definitions = definitions();
    for row in rows() {
        let definition = find(&definitions, &row);
        let Some(base) = definition.base() else { continue };
        let versions = definition.list_versions().into_iter().filter(|&version| version >= first_version(row.0));
        let results: Vec<(i64, Tensor)> =
            versions.map(|version| (version, definition.compute(&row, version, base, (0, 3)).unwrap())).collect();
        let (_, last) = results.last().unwrap();
        for (version, result) in &results {
            // NaN is no number like itself, and so compared by its bits.
            let same = result == last || result.as_bytes() == last.as_bytes();
            assert!(same, "{} {version}: {:?} for {:?}", row.0, result.data(), last.data());
        }
    }
}
