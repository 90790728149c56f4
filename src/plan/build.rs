//! A graph to a plan: what is known at load is computed, what nobody needs is dropped, and each node becomes a step.

use std::collections::{BTreeMap, HashMap};

use super::fold::fold_constants;
use super::order::{drop_unused, sort_nodes};
use super::{Operand, Plan, Step};
use crate::error::{ErrorCode, Result};
use crate::graph::{Graph, Node, ValueId};
use crate::ops::{self, Operator, Spec};
use crate::passes;
use crate::tensor::Tensor;
use crate::value::Value;

/// What cannot run, by what is wrong, with the names of the nodes.
pub type Faults = BTreeMap<String, Vec<String>>;

impl Plan {
    /// Plans a graph. Operators that cannot run are added to `faults`; the plan is then of no use.
    pub fn build(mut graph: Graph, faults: &mut Faults) -> Result<Plan> {
        sort_nodes(&mut graph)?;
        fold_constants(&mut graph)?;
        drop_unused(&mut graph);
        passes::rewrite(&mut graph);
        // Passes put nodes that they add at the end.
        sort_nodes(&mut graph)?;
        drop_unused(&mut graph);
        let mut steps = Vec::with_capacity(graph.nodes.len());
        let mut uses = count_uses(&graph);
        for mut node in std::mem::take(&mut graph.nodes) {
            if let Some(made) = make_operator(&mut node, &graph.constants, faults)? {
                release_consumed(&node, &made, &mut uses, &mut graph.constants);
                steps.push((node, made));
            }
        }
        Ok(assemble(steps, graph))
    }
}

/// How often each value is read.
fn count_uses(graph: &Graph) -> HashMap<ValueId, usize> {
    let mut uses = HashMap::new();
    let reads = graph.nodes.iter().flat_map(Node::reads).chain(graph.outputs.iter().copied());
    reads.for_each(|value| *uses.entry(value).or_default() += 1);
    uses
}

/// Lets go of weights that every reader keeps in a form of its own, so that no two copies of all of them are in memory.
fn release_consumed(
    node: &Node,
    made: &Made,
    uses: &mut HashMap<ValueId, usize>,
    constants: &mut BTreeMap<ValueId, Tensor>,
) {
    for (input, _) in node.inputs.iter().zip(&made.consumed).filter(|(_, consumed)| **consumed) {
        if let Some((value, count)) = input.and_then(|value| Some((value, uses.get_mut(&value)?))) {
            *count -= 1;
            if *count == 0 {
                constants.remove(&value);
            }
        }
    }
}

/// A node's operator, and which of the inputs it keeps itself.
pub(super) struct Made {
    pub operator: Operator,
    pub consumed: Vec<bool>,
}

/// The operator of a node; `None` where it cannot run, which is added to `faults`.
pub(super) fn make_operator(
    node: &mut Node,
    constants: &BTreeMap<ValueId, Tensor>,
    faults: &mut Faults,
) -> Result<Option<Made>> {
    let Some(entry) = ops::find(&node.domain, &node.op) else {
        faults.entry(node.qualified_name()).or_default().push(node.name.clone());
        // Operators that cannot run inside the node are listed too.
        plan_graphs(node, constants, faults)?;
        return Ok(None);
    };
    let plans = plan_graphs(node, constants, faults)?;
    let known = node.inputs.iter().map(|input| input.and_then(|value| constants.get(&value)).cloned()).collect();
    let mut spec = Spec::new(node, known, plans);
    match (entry.make)(&mut spec) {
        Ok(operator) => Ok(Some(Made { operator, consumed: spec.into_consumed() })),
        Err(error) if error.code == ErrorCode::OpUnsupported => {
            faults.entry(error.message).or_default().push(node.name.clone());
            Ok(None)
        }
        Err(error) => Err(error.in_node(&node.name, &node.op)),
    }
}

/// Plans the graphs inside a node. What they capture of values known by now becomes known inside.
fn plan_graphs(
    node: &mut Node,
    constants: &BTreeMap<ValueId, Tensor>,
    faults: &mut Faults,
) -> Result<Vec<(String, Plan)>> {
    let mut captures = std::mem::take(&mut node.captures).into_iter();
    let mut plans = Vec::new();
    for (name, graph) in &mut node.graphs {
        let mut graph = std::mem::take(graph);
        let inner = std::mem::take(&mut graph.captures);
        for (inner, outer) in inner.into_iter().zip(captures.by_ref()) {
            match constants.get(&outer) {
                Some(tensor) => {
                    graph.constants.insert(inner, tensor.clone());
                }
                None => {
                    graph.captures.push(inner);
                    node.captures.push(outer);
                }
            }
        }
        plans.push((name.clone(), Plan::build(graph, faults)?));
    }
    Ok(plans)
}

fn count_of(reads: &[Option<ValueId>], value: ValueId) -> usize {
    reads.iter().filter(|read| **read == Some(value)).count()
}

fn assemble(made: Vec<(Node, Made)>, graph: Graph) -> Plan {
    let reads = |node: &Node, consumed: &[bool]| -> Vec<Option<ValueId>> {
        let own = node.inputs.iter().enumerate();
        let own = own.map(|(index, value)| value.filter(|_| consumed.get(index) != Some(&true)));
        own.chain(node.captures.iter().copied().map(Some)).collect()
    };
    let all: Vec<Vec<Option<ValueId>>> = made.iter().map(|(node, made)| reads(node, &made.consumed)).collect();
    // The step that reads a value last; outputs of the graph stay to the end.
    let mut last: HashMap<ValueId, usize> = HashMap::new();
    for (index, reads) in all.iter().enumerate() {
        last.extend(reads.iter().flatten().map(|&value| (value, index)));
    }
    last.extend(graph.outputs.iter().map(|&value| (value, usize::MAX)));
    let mut constants = Vec::new();
    let mut numbers: HashMap<ValueId, usize> = HashMap::new();
    let mut known = |value: ValueId| -> Option<usize> {
        let tensor = graph.constants.get(&value)?;
        Some(*numbers.entry(value).or_insert_with(|| {
            constants.push(Value::Tensor(tensor.clone()));
            constants.len() - 1
        }))
    };
    let mut steps = Vec::with_capacity(made.len());
    for (index, ((node, made), reads)) in made.into_iter().zip(all).enumerate() {
        let to_operand = |value: &Option<ValueId>| match *value {
            None => Operand::Missing,
            Some(value) => match known(value) {
                Some(number) => Operand::Constant(number),
                // A value that one step reads twice cannot be given up by it.
                None if last.get(&value) == Some(&index) && count_of(&reads, value) == 1 => Operand::Last(value),
                None => Operand::Shared(value),
            },
        };
        let operands = reads.iter().map(to_operand).collect();
        let is_released = |value: &ValueId| last.get(value) == Some(&index) && count_of(&reads, *value) > 1;
        let releases = reads.iter().flatten().copied().filter(is_released).collect();
        let wanted = node.outputs.iter().map(Option::is_some).collect();
        steps.push(Step {
            operator: made.operator,
            own: node.inputs.len(),
            name: node.name,
            op: node.op,
            operands,
            outputs: node.outputs,
            wanted,
            releases,
        });
    }
    let outputs = graph.outputs.iter().map(|&value| known(value).map_or(Operand::Shared(value), Operand::Constant));
    let outputs = outputs.collect();
    let inputs = graph.inputs.iter().chain(&graph.captures);
    let inputs = inputs.map(|value| last.contains_key(value).then_some(*value)).collect();
    Plan {
        steps,
        constants,
        slots: graph.names.len(),
        inputs,
        captures: graph.captures.len(),
        outputs,
        declared: graph.declared,
    }
}
