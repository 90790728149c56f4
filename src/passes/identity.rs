//! Nodes that give what they are given.

use std::collections::HashMap;

use super::int_of;
use crate::graph::{Graph, Node, ValueId};

/// Lets the readers of such a node read what it is given.
pub fn remove(graph: &mut Graph) {
    let mut sources: HashMap<ValueId, ValueId> = HashMap::new();
    let mut kept = Vec::with_capacity(graph.nodes.len());
    for mut node in std::mem::take(&mut graph.nodes) {
        let resolve = |value: &mut ValueId| *value = sources.get(value).copied().unwrap_or(*value);
        node.inputs.iter_mut().flatten().chain(&mut node.captures).for_each(resolve);
        match (gives_its_input(&node), node.input(0), node.output(0)) {
            (true, Some(input), Some(output)) => {
                sources.insert(output, input);
            }
            _ => kept.push(node),
        }
    }
    for output in &mut graph.outputs {
        *output = sources.get(output).copied().unwrap_or(*output);
    }
    graph.nodes = kept;
}

fn gives_its_input(node: &Node) -> bool {
    let is_only_output = node.outputs.iter().skip(1).all(Option::is_none);
    node.domain == "ai.onnx"
        && match node.op.as_str() {
            "Identity" => true,
            // With a third input, or in training, it may do something.
            "Dropout" => is_only_output && node.input(2).is_none() && int_of(node, "is_test", 1) == 1,
            _ => false,
        }
}
