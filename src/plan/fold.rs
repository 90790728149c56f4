//! Nodes whose inputs are known at load are run at load.

use smallvec::SmallVec;

use super::build::{Faults, make_operator};
use crate::error::Result;
use crate::graph::{Graph, Node};
use crate::ops::{self, Call, Input};
use crate::tensor::Tensor;
use crate::value::Value;

/// A result may take this many bytes however small what it is made from: a larger one is made anew by each run, unless it is
/// about as large as its inputs.
const FREE: usize = 1 << 20;

/// How many times its inputs a larger result may take: a quantised weight becomes four times itself.
const GROWTH: usize = 8;

/// Runs every node whose inputs are known, in order, and drops it.
pub(super) fn fold_constants(graph: &mut Graph) -> Result<()> {
    let mut left = Vec::with_capacity(graph.nodes.len());
    for mut node in std::mem::take(&mut graph.nodes) {
        let results = if is_foldable(&node, graph) { run_node(&mut node, graph)? } else { None };
        match results {
            Some(results) => graph.constants.extend(
                node.outputs.iter().zip(results).filter_map(|(value, tensor)| value.map(|value| (value, tensor))),
            ),
            None => left.push(node),
        }
    }
    graph.nodes = left;
    Ok(())
}

fn is_foldable(node: &Node, graph: &Graph) -> bool {
    let is_random = ops::find(&node.domain, &node.op).is_none_or(|entry| entry.is_random);
    !is_random
        && node.graphs.is_empty()
        && node.inputs.iter().flatten().all(|value| graph.constants.contains_key(value))
}

/// The outputs of a node, where all are tensors of a size worth keeping. One that cannot run, or fails, is met again later,
/// where there is more to tell about it.
fn run_node(node: &mut Node, graph: &Graph) -> Result<Option<Vec<Tensor>>> {
    let mut unheard = Faults::new();
    let Some(made) = make_operator(node, &graph.constants, &mut unheard)? else { return Ok(None) };
    let constants: Vec<Option<Value>> = node
        .inputs
        .iter()
        .zip(&made.consumed)
        .map(|(value, consumed)| value.filter(|_| !consumed).and_then(|value| graph.constants.get(&value)))
        .map(|tensor| tensor.cloned().map(Value::Tensor))
        .collect();
    let wanted: Vec<bool> = node.outputs.iter().map(Option::is_some).collect();
    let inputs: SmallVec<[Input; 4]> =
        constants.iter().map(|value| value.as_ref().map_or(Input::Missing, Input::Shared)).collect();
    let own = inputs.len();
    let mut call = Call::new(inputs, own, &wanted);
    let Ok(outputs) = (made.operator)(&mut call).and_then(|outputs| call.check(outputs)) else { return Ok(None) };
    let tensors = outputs.into_iter().map(Value::into_tensor).collect::<Result<Vec<Tensor>>>();
    let read: usize =
        node.inputs.iter().flatten().filter_map(|value| graph.constants.get(value)).map(Tensor::bytes).sum();
    let limit = FREE.max(read.saturating_mul(GROWTH));
    Ok(tensors.ok().filter(|tensors| tensors.iter().map(Tensor::bytes).sum::<usize>() <= limit))
}
