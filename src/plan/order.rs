//! The order of a graph's nodes, and which of them are of use.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::error::{Error, Result};
use crate::graph::{Graph, ValueId};

/// Puts nodes in an order in which each stands behind what it reads, as near to the graph's own as that allows.
pub(super) fn sort_nodes(graph: &mut Graph) -> Result<()> {
    let mut producers: HashMap<ValueId, usize> = HashMap::new();
    for (index, node) in graph.nodes.iter().enumerate() {
        producers.extend(node.outputs.iter().flatten().map(|&value| (value, index)));
    }
    let mut waiting = vec![0usize; graph.nodes.len()];
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); graph.nodes.len()];
    for (index, node) in graph.nodes.iter().enumerate() {
        let needed: HashSet<usize> = node.reads().filter_map(|value| producers.get(&value).copied()).collect();
        if let Some(count) = waiting.get_mut(index) {
            *count = needed.len();
        }
        for producer in needed {
            readers.get_mut(producer).into_iter().for_each(|list| list.push(index));
        }
    }
    let free = waiting.iter().enumerate().filter(|(_, count)| **count == 0);
    let mut ready: BTreeSet<usize> = free.map(|(index, _)| index).collect();
    let mut order = vec![usize::MAX; graph.nodes.len()];
    let mut placed = 0;
    while let Some(index) = ready.pop_first() {
        if let Some(place) = order.get_mut(index) {
            *place = placed;
        }
        placed += 1;
        for &reader in readers.get(index).into_iter().flatten() {
            if let Some(count) = waiting.get_mut(reader) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(reader);
                }
            }
        }
    }
    if placed < graph.nodes.len() {
        return Err(Error::invalid("a graph has a cycle"));
    }
    let mut places = order.into_iter();
    let nodes = std::mem::take(&mut graph.nodes).into_iter();
    let mut nodes: Vec<_> = nodes.map(|node| (places.next().unwrap_or(usize::MAX), node)).collect();
    nodes.sort_by_key(|(place, _)| *place);
    graph.nodes = nodes.into_iter().map(|(_, node)| node).collect();
    Ok(())
}

/// Drops nodes whose outputs nobody reads and values known at load that nobody reads, and forgets outputs that nobody reads
/// of the other nodes. The nodes are in order.
pub(crate) fn drop_unused(graph: &mut Graph) {
    let mut used: HashSet<ValueId> = graph.outputs.iter().copied().collect();
    let mut kept = Vec::with_capacity(graph.nodes.len());
    for mut node in std::mem::take(&mut graph.nodes).into_iter().rev() {
        if !node.outputs.iter().flatten().any(|value| used.contains(value)) {
            continue;
        }
        for output in &mut node.outputs {
            *output = output.filter(|value| used.contains(value));
        }
        used.extend(node.reads());
        kept.push(node);
    }
    kept.reverse();
    graph.nodes = kept;
    graph.constants.retain(|value, _| used.contains(value));
}
