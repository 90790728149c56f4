//! Nodes that compute the same from the same: exporters write the dims of a tensor anew wherever they need one.

use std::collections::HashMap;

use super::redirect;
use crate::graph::{Attribute, Graph, Node, ValueId};
use crate::ops;

/// What two nodes that are the same have in common.
type Key = (String, i64, Vec<Option<ValueId>>, String, usize);

/// Lets the readers of a node that repeats an earlier one read the earlier one's outputs.
pub fn merge(graph: &mut Graph) {
    let mut seen: HashMap<Key, Vec<Option<ValueId>>> = HashMap::new();
    redirect(graph, |node| {
        let key = make_key(node)?;
        let Some(earlier) = seen.get(&key) else {
            seen.insert(key, node.outputs.clone());
            return None;
        };
        // An output that only the later node names has no value to be read.
        let fits = earlier.iter().zip(&node.outputs).all(|(one, other)| one.is_some() || other.is_none());
        let pairs = node.outputs.iter().zip(earlier).filter_map(|(own, earlier)| Some(((*own)?, (*earlier)?)));
        fits.then(|| pairs.collect())
    });
}

/// What exporters repeat is short, and a forest takes longer to describe than to plan.
fn is_long(attribute: &Attribute) -> bool {
    const MOST: usize = 64;
    match attribute {
        Attribute::Ints(values) => values.len() > MOST,
        Attribute::Floats(values) => values.len() > MOST,
        Attribute::Texts(values) => values.len() > MOST,
        _ => false,
    }
}

fn make_key(node: &Node) -> Option<Key> {
    let is_random = ops::find(&node.domain, &node.op).is_none_or(|entry| entry.is_random);
    // A tensor shows no elements in its description.
    let has_tensors =
        node.attributes.values().any(|value| matches!(value, Attribute::Tensor(_) | Attribute::Tensors(_)));
    if is_random || has_tensors || !node.graphs.is_empty() || node.attributes.values().any(is_long) {
        return None;
    }
    let attributes = format!("{:?}", node.attributes);
    Some((node.qualified_name(), node.opset, node.inputs.clone(), attributes, node.outputs.len()))
}
