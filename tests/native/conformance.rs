//! The ONNX backend node tests. `conformance.txt` lists what fails and why: a case that starts to fail breaks the run, and
//! so does one that starts to pass and is still listed.
//!
//! `EDGEWISE_NODE_TESTS=DIR cargo test -- --ignored --nocapture node_tests`; `EDGEWISE_ONLY=TEXT` runs the cases whose names hold
//! one of the words of TEXT, `EDGEWISE_REPORT=FILE` writes down what `npm run conformance` makes docs/operators.md of.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

use edgewise::ops;
use edgewise::session::Session;
use edgewise::tensor::{ElementType, Tensor};
use edgewise::value::Value;

use prost::Message;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, type_proto};

use crate::onnx::{read, read_value};
use crate::types::{Definition, definitions, list_types};

fn compare(actual: &Value, expected: &Value) -> Result<(), String> {
    match (actual, expected) {
        (Value::Tensor(actual), Value::Tensor(expected)) => compare_tensors(actual, expected),
        (Value::Sequence(actual), Value::Sequence(expected)) if actual.len() == expected.len() => {
            actual.iter().zip(expected.iter()).try_for_each(|(actual, expected)| compare(actual, expected))
        }
        (Value::Nothing, Value::Nothing) => Ok(()),
        _ => Err(format!("{actual} for {expected}")),
    }
}

fn compare_tensors(actual: &Tensor, expected: &Tensor) -> Result<(), String> {
    if actual.dims() != expected.dims() || actual.element_type() != expected.element_type() {
        return Err(format!("{actual:?} for {expected:?}"));
    }
    if !actual.element_type().is_float() {
        let is_same = actual == expected || is_same_but_nan(actual, expected);
        return if is_same { Ok(()) } else { Err(format!("{:?} for {:?}", actual.as_bytes(), expected.as_bytes())) };
    }
    // Half-precision results are computed as float32 and rounded once.
    let relative = match actual.element_type() {
        ElementType::Float16 => 2e-3,
        ElementType::Bfloat16 => 1e-2,
        _ => 1e-3,
    };
    let (a, e) = (actual.to_f64s().unwrap(), expected.to_f64s().unwrap());
    for (a, e) in a.iter().zip(e.iter()) {
        let same = a == e || (a.is_nan() && e.is_nan()) || (a - e).abs() <= relative * e.abs() + 1e-4;
        if !same {
            return Err(format!("{a} for {e}"));
        }
    }
    Ok(())
}

/// The numbers that a type of eight bits writes NaN as.
fn is_small_nan(element_type: ElementType, bits: u8) -> bool {
    match element_type {
        ElementType::Float8E4M3Fn => bits & 0x7f == 0x7f,
        ElementType::Float8E5M2 => bits & 0x7f > 0x7c,
        ElementType::Float8E4M3Fnuz | ElementType::Float8E5M2Fnuz => bits == 0x80,
        ElementType::Float8E8M0 => bits == 0xff,
        _ => false,
    }
}

fn is_same_but_nan(actual: &Tensor, expected: &Tensor) -> bool {
    let is_nan = |bits: u8| is_small_nan(actual.element_type(), bits);
    let mut pairs = actual.as_bytes().iter().zip(expected.as_bytes());
    actual.element_type() != ElementType::String && pairs.all(|(&a, &e)| a == e || (is_nan(a) && is_nan(e)))
}

/// What can be said of numbers drawn otherwise than those expected: dims and type are the same, and an element is 0 or, where the
/// one expected is not, that one.
fn compare_drawn(actual: &Value, expected: &Value) -> Result<(), String> {
    let (Value::Tensor(actual), Value::Tensor(expected)) = (actual, expected) else {
        return Err(format!("{actual} for {expected}"));
    };
    if actual.dims() != expected.dims() || actual.element_type() != expected.element_type() {
        return Err(format!("{actual:?} for {expected:?}"));
    }
    let (a, e) = (actual.to_f64s().unwrap(), expected.to_f64s().unwrap());
    let wrong = a.iter().zip(e.iter()).find(|(a, e)| **a != 0.0 && **e != 0.0 && (*a - *e).abs() > 1e-4);
    wrong.map_or(Ok(()), |(a, e)| Err(format!("{a} for {e}")))
}

fn visit<'m>(graph: &'m GraphProto, nodes: &mut Vec<&'m NodeProto>) {
    for node in &graph.node {
        nodes.push(node);
        node.attribute.iter().filter_map(|attribute| attribute.g.as_ref()).for_each(|inner| visit(inner, nodes));
    }
}

fn domain_of(domain: &str) -> &str {
    if domain.is_empty() { "ai.onnx" } else { domain }
}

/// The element types of the values of a graph that are declared.
fn read_types(graph: &GraphProto) -> BTreeMap<&str, ElementType> {
    let declared = graph.input.iter().chain(&graph.value_info).chain(&graph.output).filter_map(|info| {
        let Some(type_proto::Value::TensorType(tensor)) = &info.r#type.as_ref()?.value else { return None };
        Some((info.name.as_str(), tensor.elem_type))
    });
    let weights = graph.initializer.iter().map(|tensor| (tensor.name.as_str(), tensor.data_type));
    declared.chain(weights).filter_map(|(name, number)| Some((name, ElementType::from_onnx(number)?))).collect()
}

/// The operators of a case with the element type of the input whose type is the most open, where that is known.
fn list_operators(proto: &ModelProto, definitions: &[Definition]) -> BTreeSet<(String, String, &'static str)> {
    let mut nodes = vec![];
    proto.graph.iter().for_each(|graph| visit(graph, &mut nodes));
    let types = proto.graph.as_ref().map(read_types).unwrap_or_default();
    let describe = |node: &&NodeProto| {
        let domain = domain_of(&node.domain);
        let definition = definitions.iter().find(|known| known.domain == domain && known.name == node.op_type);
        let main = node.input.get(definition.map_or(0, |definition| definition.main));
        let element_type = main.and_then(|name| types.get(name.as_str()));
        (domain.to_string(), node.op_type.clone(), element_type.map_or("-", |element_type| element_type.name()))
    };
    nodes.iter().map(describe).collect()
}

fn is_random(proto: &ModelProto) -> bool {
    let mut nodes = vec![];
    proto.graph.iter().for_each(|graph| visit(graph, &mut nodes));
    let draws = |node: &&NodeProto| {
        let is_random = ops::find(domain_of(&node.domain), &node.op_type).is_some_and(|entry| entry.is_random);
        // Outside training, Dropout draws nothing.
        is_random && (node.op_type != "Dropout" || node.input.len() > 2)
    };
    nodes.iter().any(draws)
}

fn has_seed(proto: &ModelProto) -> bool {
    let nodes = proto.graph.iter().flat_map(|graph| &graph.node);
    nodes.flat_map(|node| &node.attribute).any(|attribute| attribute.name == "seed")
}

fn run(folder: &Path) -> (&'static str, String) {
    let bytes = std::fs::read(folder.join("model.onnx")).unwrap();
    let proto = ModelProto::decode(&*bytes).unwrap();
    let model = match read(&bytes) {
        Ok(model) => model,
        Err(error) => return ("refused", error.to_string()),
    };
    let data = folder.join("test_data_set_0");
    let infos = model.inputs.clone();
    let outputs = model.outputs.clone();
    let mut session = match Session::new(model, &BTreeMap::new()) {
        Ok(session) => session,
        Err(error) => return ("refused", error.to_string()),
    };
    let mut inputs = vec![];
    for (index, info) in infos.iter().enumerate() {
        match read_value(&data.join(format!("input_{index}.pb")), info.kind) {
            Some(value) => inputs.push((info.name.clone(), value)),
            None => return ("skipped", "input".into()),
        }
    }
    // The second run is the one that shows what the first has left behind.
    let (first, results) =
        match session.run(inputs.clone(), None).and_then(|first| Ok((first, session.run(inputs.clone(), None)?))) {
            Ok(both) => both,
            Err(error) => return ("failed", error.to_string()),
        };
    if has_seed(&proto) {
        let mut again = Session::new(read(&bytes).unwrap(), &BTreeMap::new()).unwrap();
        if again.run(inputs, None).unwrap() != first {
            return ("wrong", "another session draws other numbers".into());
        }
    }
    let judge = if is_random(&proto) { compare_drawn } else { compare };
    for (index, ((_, actual), info)) in results.iter().zip(outputs).enumerate() {
        let Some(expected) = read_value(&data.join(format!("output_{index}.pb")), info.kind) else {
            return ("skipped", "output".into());
        };
        if let Err(why) = judge(actual, &expected) {
            return ("wrong", why);
        }
    }
    ("passed", String::new())
}

/// The cases that are known to fail, by name; a line that begins with `#` says why those below it do.
fn read_known() -> BTreeSet<String> {
    let lines = include_str!("conformance.txt").lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_string).collect()
}

#[test]
#[ignore = "needs the ONNX node tests: EDGEWISE_NODE_TESTS=DIR cargo test -- --ignored --nocapture"]
fn node_tests_pass_but_those_listed() {
    let root = std::env::var("EDGEWISE_NODE_TESTS").expect("EDGEWISE_NODE_TESTS names the folder of the node tests");
    let only = std::env::var("EDGEWISE_ONLY").unwrap_or_default();
    let words: Vec<&str> = only.split_ascii_whitespace().collect();
    let is_asked = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    let folders = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let folders: BTreeMap<String, _> = folders
        .filter(|folder| folder.join("model.onnx").exists())
        .map(|folder| (folder.file_name().unwrap().to_string_lossy().to_string(), folder))
        .filter(|(name, _)| is_asked(name))
        .collect();
    let mut known = read_known();
    known.retain(|name| is_asked(name));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut broken = BTreeSet::new();
    let mut report = String::new();
    let definitions = definitions();
    for (name, folder) in folders {
        let (result, why) = run(&folder);
        *counts.entry(result).or_default() += 1;
        println!("{result} {name} {}", why.replace('\n', " "));
        let proto = ModelProto::decode(&*std::fs::read(folder.join("model.onnx")).unwrap()).unwrap();
        for (domain, op, element_type) in list_operators(&proto, &definitions) {
            writeln!(report, "{domain} {op} {result} {element_type}").unwrap();
        }
        if result != "passed" {
            broken.insert(name);
        }
    }
    println!("{counts:?}");
    for (domain, op) in list_entries() {
        let definition = definitions.iter().find(|known| known.domain == domain && known.name == op);
        writeln!(report, "{domain} {op} registered {}", definition.map_or("1", |definition| definition.versions))
            .unwrap();
    }
    for (domain, op, element_type) in list_types() {
        writeln!(report, "{domain} {op} typed {}", element_type.name()).unwrap();
    }
    if let Ok(path) = std::env::var("EDGEWISE_REPORT") {
        std::fs::write(path, report).unwrap();
    }
    let new: Vec<&String> = broken.difference(&known).collect();
    let mended: Vec<&String> = known.difference(&broken).collect();
    assert!(new.is_empty() && mended.is_empty(), "not in conformance.txt: {new:?}; to leave it: {mended:?}");
}

/// The operators that models can name, by domain and name.
fn list_entries() -> BTreeSet<(&'static str, &'static str)> {
    ops::entries().map(|entry| (entry.domain, entry.name)).filter(|entry| entry.0 != "edgewise").collect()
}

#[test]
fn the_table_of_operators_is_that_of_the_registry() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operators.md")).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let is_built = |entry: &(&str, &str)| cfg!(feature = "image-decoder") || entry.1 != "ImageDecoder";
    let listed: Vec<(&str, &str)> = rows
        .map(|row| {
            let mut cells = row.split('|').skip(1).map(|cell| cell.trim().trim_matches('`'));
            (cells.next().unwrap(), cells.next().unwrap())
        })
        .filter(is_built)
        .collect();
    assert_eq!(listed, list_entries().into_iter().collect::<Vec<_>>(), "npm run conformance writes docs/operators.md");
}

#[test]
fn the_operators_of_onnx_are_in_the_registry() {
    let known = definitions();
    let missing: Vec<&str> =
        known.iter().filter(|known| ops::find(known.domain, known.name).is_none()).map(|known| known.name).collect();
    // A Constant is a weight.
    let expected: &[&str] = if cfg!(feature = "image-decoder") { &["Constant"] } else { &["Constant", "ImageDecoder"] };
    assert_eq!(missing, expected);
}
