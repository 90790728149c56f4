//! Does the graph hold together? Every name used is produced exactly once, and nothing depends on itself.

use std::collections::{BTreeMap, HashMap, HashSet};

use tract_onnx::pb::{GraphProto, NodeProto};

use crate::error::{Error, Result};
use crate::tensor::Tensor;

const LISTED: usize = 8;

/// Checks the main graph and, with the names visible to them, the graphs inside its nodes.
pub(super) fn check_graph(graph: &GraphProto, weights: &BTreeMap<String, Tensor>) -> Result<()> {
    if graph.output.is_empty() {
        return Err(Error::invalid("the model's graph has no outputs"));
    }
    let mut visible: HashSet<&str> = weights.keys().map(String::as_str).collect();
    visible.insert("");
    check_scope(graph, &visible, "the graph")
}

fn check_scope<'a>(graph: &'a GraphProto, outer: &HashSet<&'a str>, place: &str) -> Result<()> {
    if !graph.sparse_initializer.is_empty() {
        return Err(Error::unsupported(format!("{place} has sparse initializers, which are not supported")));
    }
    let mut inputs = HashSet::new();
    if let Some(input) = graph.input.iter().find(|input| !inputs.insert(input.name.as_str())) {
        return Err(Error::invalid(format!("{place} has two inputs called \"{}\"", input.name)).at_input(&input.name));
    }
    let producers = find_producers(graph, place)?;
    let mut visible = outer.clone();
    visible.extend(graph.initializer.iter().map(|tensor| tensor.name.as_str()));
    visible.extend(graph.input.iter().map(|input| input.name.as_str()));
    visible.extend(producers.keys());

    let mut missing: Vec<String> = Vec::new();
    for node in &graph.node {
        for name in node.input.iter().filter(|name| !visible.contains(name.as_str())) {
            missing.push(format!("\"{name}\" (input of node \"{}\", {})", node.name, node.op_type));
        }
    }
    for output in graph.output.iter().filter(|output| !visible.contains(output.name.as_str())) {
        missing.push(format!("\"{}\" (output of {place})", output.name));
    }
    if !missing.is_empty() {
        return Err(report_missing(&missing, graph, place));
    }
    check_order(graph, &producers, place)?;
    for node in &graph.node {
        for inner in list_subgraphs(node) {
            check_scope(inner, &visible, &format!("a subgraph of node \"{}\"", node.name))?;
        }
    }
    Ok(())
}

fn report_missing(missing: &[String], graph: &GraphProto, place: &str) -> Error {
    let listed = missing.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
    let more = if missing.len() > LISTED { format!(" and {} more", missing.len() - LISTED) } else { String::new() };
    let error = Error::invalid(format!(
        "{place} uses values that no input, initializer or node of the model produces: {listed}{more}"
    ));
    let unknown = |node: &&NodeProto| {
        let name = |input: &String| missing.first().is_some_and(|first| first.starts_with(&format!("\"{input}\" ")));
        node.input.iter().any(name)
    };
    match graph.node.iter().find(unknown) {
        Some(node) => error.at_node(&node.name, &node.op_type),
        None => error,
    }
}

fn find_producers<'a>(graph: &'a GraphProto, place: &str) -> Result<HashMap<&'a str, usize>> {
    let mut producers = HashMap::new();
    let inputs: HashSet<&str> = graph.input.iter().map(|input| input.name.as_str()).collect();
    for (index, node) in graph.node.iter().enumerate() {
        for name in node.output.iter().filter(|name| !name.is_empty()) {
            if producers.insert(name.as_str(), index).is_some() || inputs.contains(name.as_str()) {
                return Err(Error::invalid(format!("{place} produces the value \"{name}\" more than once"))
                    .at_node(&node.name, &node.op_type));
            }
        }
    }
    Ok(producers)
}

/// Kahn's algorithm: what cannot be ordered holds a cycle, one of which is named.
fn check_order(graph: &GraphProto, producers: &HashMap<&str, usize>, place: &str) -> Result<()> {
    let precursors: Vec<HashSet<usize>> = graph
        .node
        .iter()
        .map(|node| list_used(node).into_iter().filter_map(|name| producers.get(name).copied()).collect())
        .collect();
    let mut waiting: Vec<usize> = precursors.iter().map(HashSet::len).collect();
    let mut successors: Vec<Vec<usize>> = vec![Vec::new(); graph.node.len()];
    for (index, nodes) in precursors.iter().enumerate() {
        for &node in nodes {
            successors.get_mut(node).into_iter().for_each(|list| list.push(index));
        }
    }
    let mut ready: Vec<usize> =
        waiting.iter().enumerate().filter(|(_, count)| **count == 0).map(|(index, _)| index).collect();
    let mut ordered = 0;
    while let Some(index) = ready.pop() {
        ordered += 1;
        for &next in successors.get(index).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(next) {
                *count -= 1;
                if *count == 0 {
                    ready.push(next);
                }
            }
        }
    }
    if ordered == graph.node.len() { Ok(()) } else { Err(report_cycle(graph, &precursors, &waiting, place)) }
}

fn report_cycle(graph: &GraphProto, precursors: &[HashSet<usize>], waiting: &[usize], place: &str) -> Error {
    let is_stuck = |index: &usize| waiting.get(*index).is_some_and(|count| *count > 0);
    let mut path: Vec<usize> = Vec::new();
    let mut current = (0..waiting.len()).find(is_stuck);
    while let Some(index) = current {
        if let Some(start) = path.iter().position(|&seen| seen == index) {
            path.drain(..start);
            break;
        }
        path.push(index);
        current = precursors.get(index).and_then(|nodes| nodes.iter().copied().filter(is_stuck).min());
    }
    path.reverse();
    let nodes: Vec<&NodeProto> = path.iter().filter_map(|&index| graph.node.get(index)).collect();
    let first = nodes.first().copied();
    let mut names: Vec<String> = nodes.iter().take(LISTED).map(|node| format!("\"{}\"", node.name)).collect();
    if nodes.len() > LISTED {
        names.push("...".to_string());
    }
    names.extend(first.map(|node| format!("\"{}\"", node.name)));
    let error = Error::invalid(format!("{place} has a cycle: {}", names.join(" -> ")));
    match first {
        Some(node) => error.at_node(&node.name, &node.op_type),
        None => error,
    }
}

pub(super) fn list_subgraphs(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs))
}

/// The names that a node reads, those that its subgraphs capture included.
fn list_used(node: &NodeProto) -> Vec<&str> {
    let mut used: Vec<&str> = node.input.iter().map(String::as_str).collect();
    for graph in list_subgraphs(node) {
        let mut own: HashSet<&str> = graph.node.iter().flat_map(|node| &node.output).map(String::as_str).collect();
        own.extend(graph.input.iter().map(|input| input.name.as_str()));
        own.extend(graph.initializer.iter().map(|tensor| tensor.name.as_str()));
        let inside = graph.node.iter().flat_map(list_used);
        let inside = inside.chain(graph.output.iter().map(|output| output.name.as_str()));
        used.extend(inside.filter(|name| !own.contains(name)));
    }
    used
}
