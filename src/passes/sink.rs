//! Transpositions put off: what is computed element by element can be computed before the axes are exchanged, and two
//! exchanges that meet there are one, or none. Exporters from TensorFlow, whose images have their channels last, put a pair
//! of them around whatever stands between two convolutions.

use std::collections::HashMap;

use super::{int_of, ints_of, make_node};
use crate::graph::{Attribute, Graph, Node, ValueId};
use crate::plan::drop_unused;
use crate::tensor::Tensor;

/// Operators of one input that compute each element from one.
const UNARY: &[&str] = &[
    "Abs",
    "Celu",
    "Clip",
    "Elu",
    "Erf",
    "Exp",
    "Gelu",
    "HardSigmoid",
    "HardSwish",
    "LeakyRelu",
    "Log",
    "Mish",
    "Neg",
    "Reciprocal",
    "Relu",
    "Selu",
    "Sigmoid",
    "Softplus",
    "Softsign",
    "Sqrt",
    "Swish",
    "Tanh",
    "ThresholdedRelu",
];

/// Operators of inputs that are broadcast to one another.
const BROADCAST: &[&str] = &["Add", "Div", "Max", "Mean", "Min", "Mul", "PRelu", "Pow", "Sub", "Sum"];

/// Operators over some axes.
const REDUCTIONS: &[&str] = &["ReduceMax", "ReduceMean", "ReduceMin", "ReduceSum"];

/// A value that is another one with its axes in the order of `perm`.
#[derive(Clone)]
struct Turned {
    source: ValueId,
    perm: Vec<usize>,
}

impl Turned {
    /// An axis of the value as one of its source.
    fn axis(&self, axis: i64) -> Option<usize> {
        let rank = i64::try_from(self.perm.len()).ok()?;
        self.perm.get(usize::try_from(if axis < 0 { axis + rank } else { axis }).ok()?).copied()
    }
}

struct Sinker<'g> {
    graph: &'g mut Graph,
    turned: HashMap<ValueId, Turned>,
    /// How often each value is read by what does not itself exchange axes.
    uses: HashMap<ValueId, usize>,
    /// The dims that a Reshape gives a value, where they are known.
    shapes: HashMap<ValueId, (ValueId, Vec<i64>)>,
}

/// Moves transpositions behind what follows them, as far as there are not more of them then. The nodes are in order.
pub fn transpose_later(graph: &mut Graph) {
    let is_turn = |node: &Node| node.op == "Transpose" && node.domain == "ai.onnx" && ints_of(node, "perm").is_some();
    if !graph.nodes.iter().any(is_turn) {
        return;
    }
    let mut uses = HashMap::new();
    let others = graph.nodes.iter().filter(|node| !is_turn(node)).flat_map(Node::reads);
    others.chain(graph.outputs.iter().copied()).for_each(|value| *uses.entry(value).or_default() += 1);
    let nodes = std::mem::take(&mut graph.nodes);
    let mut sinker = Sinker { graph, turned: HashMap::new(), uses, shapes: HashMap::new() };
    for node in nodes {
        let made = sinker.merge(&node).or_else(|| sinker.sink(&node)).unwrap_or_else(|| vec![node]);
        sinker.graph.nodes.extend(made);
    }
    drop_unused(sinker.graph);
}

impl Sinker<'_> {
    /// A Transpose of what is not a Transpose itself, or an Identity.
    fn merge(&mut self, node: &Node) -> Option<Vec<Node>> {
        if node.op == "Reshape"
            && let Some(dims) = node.input(1).and_then(|dims| self.graph.constants.get(&dims))
        {
            let dims = dims.to_i64s().ok()?.into_owned();
            self.shapes.insert(node.output(0)?, (node.input(0)?, dims));
        }
        if node.op != "Transpose" || node.domain != "ai.onnx" {
            return None;
        }
        let outer: Vec<usize> =
            ints_of(node, "perm")?.iter().map(|&axis| usize::try_from(axis).ok()).collect::<Option<_>>()?;
        let mut sorted = outer.clone();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..outer.len()) {
            return None;
        }
        let turned = match self.turned.get(&node.input(0)?).filter(|inner| inner.perm.len() == outer.len()) {
            Some(inner) => Turned {
                source: inner.source,
                perm: outer.iter().filter_map(|&axis| inner.perm.get(axis).copied()).collect(),
            },
            None => Turned { source: node.input(0)?, perm: outer },
        };
        Some(vec![self.turn(turned, node)?])
    }

    /// The node that exchanges the axes of a source, with the name and the output of another one.
    fn turn(&mut self, turned: Turned, node: &Node) -> Option<Node> {
        let output = node.output(0)?;
        let mut made = if turned.perm.iter().copied().eq(0..turned.perm.len()) {
            make_node("Identity", 1, vec![Some(turned.source)])
        } else {
            let mut made = make_node("Transpose", 13, vec![Some(turned.source)]);
            let perm = turned.perm.iter().filter_map(|&axis| i64::try_from(axis).ok()).collect();
            made.attributes.insert("perm".to_string(), Attribute::Ints(perm));
            made
        };
        (made.name, made.outputs) = (node.name.clone(), vec![Some(output)]);
        self.turned.insert(output, turned);
        Some(made)
    }

    /// A node applied before the axes of its inputs are exchanged, and the exchange.
    fn sink(&mut self, node: &Node) -> Option<Vec<Node>> {
        if node.domain != "ai.onnx" || node.outputs.iter().skip(1).any(Option::is_some) || !node.graphs.is_empty() {
            return None;
        }
        let op = node.op.as_str();
        if REDUCTIONS.contains(&op) {
            return self.sink_reduction(node);
        }
        let mut extra = Vec::new();
        let (inputs, perm) = if UNARY.contains(&op) {
            // What other inputs they have are numbers.
            let turned = self.sole(node.input(0))?;
            let rest = node.inputs.iter().skip(1).copied();
            (std::iter::once(Some(turned.source)).chain(rest).collect(), turned.perm)
        } else if op == "Concat" {
            self.turn_all(node)?
        } else if BROADCAST.contains(&op) && node.opset >= 7 {
            self.turn_any(node, &mut extra)?
        } else {
            return None;
        };
        let value = self.graph.add_value("");
        let mut moved = make_node(op, node.opset, inputs);
        moved.attributes = node.attributes.clone();
        moved.name = node.name.clone();
        moved.outputs = vec![Some(value)];
        let turned = Turned { source: value, perm };
        if op == "Concat" {
            let axis = i64::try_from(turned.axis(int_of(node, "axis", 0))?).ok()?;
            moved.attributes.insert("axis".to_string(), Attribute::Int(axis));
        }
        extra.push(moved);
        extra.push(self.turn(turned, node)?);
        Some(extra)
    }

    /// Where a value comes from that one node reads, transpositions aside.
    fn sole(&self, value: Option<ValueId>) -> Option<Turned> {
        let value = value?;
        self.turned.get(&value).filter(|_| self.uses.get(&value) == Some(&1)).cloned()
    }

    /// Sources of inputs that are all exchanged in one way.
    fn turn_all(&self, node: &Node) -> Option<(Vec<Option<ValueId>>, Vec<usize>)> {
        let all = node.inputs.iter().map(|&input| self.sole(input)).collect::<Option<Vec<_>>>()?;
        let perm = all.first()?.perm.clone();
        let is_same = all.iter().all(|turned| turned.perm == perm);
        is_same.then(|| (all.into_iter().map(|turned| Some(turned.source)).collect(), perm))
    }

    /// The same, where inputs may also be constants or reshaped, of one axis at most, which can lie anywhere.
    fn turn_any(&mut self, node: &Node, extra: &mut Vec<Node>) -> Option<(Vec<Option<ValueId>>, Vec<usize>)> {
        let turned = node.inputs.iter().filter_map(|&input| self.sole(input)).collect::<Vec<_>>();
        let perm = turned.first().filter(|first| turned.iter().all(|other| other.perm == first.perm))?.perm.clone();
        let narrow = |input: &Option<ValueId>| self.sole(*input).is_some() || self.turn_dims(*input, &perm).is_some();
        if !node.inputs.iter().all(narrow) {
            return None;
        }
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for &input in &node.inputs {
            if let Some(turned) = self.sole(input) {
                inputs.push(Some(turned.source));
                continue;
            }
            let (value, dims) = self.turn_dims(input, &perm)?;
            let place = self.graph.add_value("");
            if let Some(tensor) = self.graph.constants.get(&value) {
                let dims = dims.iter().map(|&dim| usize::try_from(dim).ok()).collect::<Option<Vec<_>>>()?;
                let tensor = tensor.clone().reshape(&dims).ok()?;
                self.graph.constants.insert(place, tensor);
            } else {
                let shape = self.graph.add_value("");
                self.graph.constants.insert(shape, Tensor::vector(dims));
                let mut reshape = make_node("Reshape", 13, vec![Some(value), Some(shape)]);
                reshape.outputs = vec![Some(place)];
                extra.push(reshape);
            }
            inputs.push(Some(place));
        }
        Some((inputs, perm))
    }

    /// What a value of one axis at most, beside axes of 1, is made from, and the dims it has before its axes are exchanged.
    fn turn_dims(&self, value: Option<ValueId>, perm: &[usize]) -> Option<(ValueId, Vec<i64>)> {
        let value = value?;
        let (source, dims) = match self.graph.constants.get(&value) {
            Some(tensor) => (value, tensor.dims().iter().map(|&dim| i64::try_from(dim).ok()).collect::<Option<_>>()?),
            None => self.shapes.get(&value).cloned()?,
        };
        let missing = perm.len().checked_sub(dims.len())?;
        let own: Vec<i64> = std::iter::repeat_n(1, missing).chain(dims).collect();
        // 0 copies a dim of what is reshaped, -1 takes what is left.
        if own.iter().any(|&dim| dim < 1) || own.iter().filter(|&&dim| dim != 1).count() > 1 {
            return None;
        }
        let mut before = vec![1; perm.len()];
        for (&axis, dim) in perm.iter().zip(own) {
            *before.get_mut(axis)? = dim;
        }
        Some((source, before))
    }

    /// A reduction over the axes of the source. Where these go, what is left may be in order.
    fn sink_reduction(&mut self, node: &Node) -> Option<Vec<Node>> {
        let turned = self.sole(node.input(0))?;
        let axes = match ints_of(node, "axes") {
            Some(axes) => axes.to_vec(),
            None => self.graph.constants.get(&node.input(1)?)?.to_i64s().ok()?.into_owned(),
        };
        if axes.is_empty() {
            return None;
        }
        let own = axes.iter().map(|&axis| turned.axis(axis)).collect::<Option<Vec<usize>>>()?;
        let keeps = int_of(node, "keepdims", 1) != 0;
        let left = || turned.perm.iter().filter(|axis| !own.contains(axis));
        if !keeps && !left().is_sorted() {
            return None;
        }
        let axes: Vec<i64> = own.iter().filter_map(|&axis| i64::try_from(axis).ok()).collect();
        let mut moved = make_node(&node.op, node.opset, vec![Some(turned.source)]);
        moved.attributes = node.attributes.clone();
        moved.name = node.name.clone();
        if moved.attributes.remove("axes").is_some() {
            moved.attributes.insert("axes".to_string(), Attribute::Ints(axes));
        } else {
            let place = self.graph.add_value("");
            self.graph.constants.insert(place, Tensor::vector(axes));
            moved.inputs.push(Some(place));
        }
        if !keeps {
            moved.outputs = node.outputs.clone();
            return Some(vec![moved]);
        }
        let value = self.graph.add_value("");
        moved.outputs = vec![Some(value)];
        let turn = self.turn(Turned { source: value, perm: turned.perm }, node)?;
        Some(vec![moved, turn])
    }
}
