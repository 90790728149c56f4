//! Nodes that compute the same from the same: exporters write the dims of a tensor anew wherever they need one.

use std::collections::HashMap;

use crate::graph::{Graph, Node, ValueId};
use crate::ops;

/// What two nodes that are the same have in common.
type Key = (String, i64, Vec<Option<ValueId>>, String, usize);

/// Lets the readers of a node that repeats an earlier one read the earlier one's outputs.
pub fn merge(graph: &mut Graph) {
    let mut sources: HashMap<ValueId, ValueId> = HashMap::new();
    let mut seen: HashMap<Key, Vec<Option<ValueId>>> = HashMap::new();
    let mut kept = Vec::with_capacity(graph.nodes.len());
    for mut node in std::mem::take(&mut graph.nodes) {
        let resolve = |value: &mut ValueId| *value = sources.get(value).copied().unwrap_or(*value);
        node.inputs.iter_mut().flatten().chain(&mut node.captures).for_each(resolve);
        let Some(key) = make_key(&node) else {
            kept.push(node);
            continue;
        };
        match seen.get(&key) {
            // An output that only the later node names has no value to be read.
            Some(earlier) if earlier.iter().zip(&node.outputs).all(|(one, other)| one.is_some() || other.is_none()) => {
                let pairs = node.outputs.iter().zip(earlier);
                sources.extend(pairs.filter_map(|(own, earlier)| Some(((*own)?, (*earlier)?))));
            }
            Some(_) => kept.push(node),
            None => {
                seen.insert(key, node.outputs.clone());
                kept.push(node);
            }
        }
    }
    for output in &mut graph.outputs {
        *output = sources.get(output).copied().unwrap_or(*output);
    }
    graph.nodes = kept;
}

fn make_key(node: &Node) -> Option<Key> {
    let is_random = ops::find(&node.domain, &node.op).is_none_or(|entry| entry.is_random);
    // A tensor shows no elements in its description.
    let has_tensors = node
        .attributes
        .values()
        .any(|value| matches!(value, crate::graph::Attribute::Tensor(_) | crate::graph::Attribute::Tensors(_)));
    if is_random || has_tensors || !node.graphs.is_empty() {
        return None;
    }
    let attributes = format!("{:?}", node.attributes);
    Some((node.qualified_name(), node.opset, node.inputs.clone(), attributes, node.outputs.len()))
}
