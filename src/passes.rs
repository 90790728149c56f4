//! Passes over a graph before it becomes a plan: what exporters take apart is put together again, and what can be done once
//! is done at load. Each pass looks at one node, the last of a pattern, and puts another in its place; what is left without
//! a reader is dropped.

mod activation;
mod conv;
mod duplicates;
mod identity;
mod layer_norm;
mod matmul;
mod quantized;
mod scale;
mod sink;

use std::collections::{BTreeMap, HashMap};

use crate::graph::{Attribute, Graph, Node, ValueId};
use crate::tensor::{ElementType, Tensor};

/// What takes the place of the node at an index, where that ends the pattern that the pass looks for.
type Pass = fn(&mut Rewriter, usize) -> Option<Node>;

/// What is one operator in truth. In this order, each over all nodes before the next, as below.
const OPERATORS: [Pass; 5] = [
    activation::find_hard_sigmoid,
    activation::find_hard_swish,
    activation::find_gelu,
    activation::find_gated,
    layer_norm::find,
];

/// The later ones look for what the earlier ones make.
const FUSIONS: [Pass; 11] = [
    scale::merge_into_batch_norm,
    scale::fold_into_conv,
    scale::fold_before_conv,
    conv::add_bias,
    conv::take_pads,
    matmul::take_transpose,
    matmul::add_bias,
    conv::add_residual,
    conv::add_activation,
    quantized::give_floats,
    quantized::add_bias,
];

/// Rewrites a graph whose nodes are in order. Those that are added stand at the end.
pub fn rewrite(graph: &mut Graph) {
    identity::remove(graph);
    duplicates::merge(graph);
    apply(graph, &OPERATORS);
    sink::transpose_later(graph);
    // Transpositions that undo one another are identities now.
    identity::remove(graph);
    apply(graph, &FUSIONS);
}

fn apply(graph: &mut Graph, passes: &[Pass]) {
    let mut rewriter = Rewriter::new(graph);
    for pass in passes {
        for index in 0..rewriter.nodes.len() {
            // What a pass made may be the beginning of what it makes next: an activation behind a bias behind a product.
            while let Some(node) = pass(&mut rewriter, index) {
                rewriter.replace(index, node);
            }
        }
    }
    rewriter.finish();
}

/// Drops the nodes for which `find` names another value for each of their outputs, and lets their readers read those. The
/// nodes are in order.
fn redirect(graph: &mut Graph, mut find: impl FnMut(&Node) -> Option<Vec<(ValueId, ValueId)>>) {
    let mut sources: HashMap<ValueId, ValueId> = HashMap::new();
    let mut kept = Vec::with_capacity(graph.nodes.len());
    for mut node in std::mem::take(&mut graph.nodes) {
        let resolve = |value: &mut ValueId| *value = sources.get(value).copied().unwrap_or(*value);
        node.inputs.iter_mut().flatten().chain(&mut node.captures).for_each(resolve);
        match find(&node) {
            Some(pairs) => sources.extend(pairs),
            None => kept.push(node),
        }
    }
    for output in &mut graph.outputs {
        *output = sources.get(output).copied().unwrap_or(*output);
    }
    graph.nodes = kept;
}

/// A graph that is being rewritten.
pub struct Rewriter<'g> {
    graph: &'g mut Graph,
    nodes: Vec<Option<Node>>,
    producers: HashMap<ValueId, usize>,
    /// How often each value is read, by nodes or as an output of the graph.
    uses: HashMap<ValueId, usize>,
}

impl<'g> Rewriter<'g> {
    fn new(graph: &'g mut Graph) -> Rewriter<'g> {
        let nodes: Vec<Option<Node>> = std::mem::take(&mut graph.nodes).into_iter().map(Some).collect();
        let mut producers = HashMap::new();
        let mut uses = HashMap::new();
        graph.outputs.iter().for_each(|&value| *uses.entry(value).or_default() += 1);
        for (index, node) in nodes.iter().enumerate().filter_map(|(index, node)| Some((index, node.as_ref()?))) {
            producers.extend(node.outputs.iter().flatten().map(|&value| (value, index)));
            node.reads().for_each(|value| *uses.entry(value).or_default() += 1);
        }
        Rewriter { graph, nodes, producers, uses }
    }

    fn finish(self) {
        self.graph.nodes = self.nodes.into_iter().flatten().collect();
    }

    /// The node at an index, unless it is gone.
    pub fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)?.as_ref()
    }

    /// The node at an index, where it is this operator.
    pub fn node_of(&self, index: usize, op: &str) -> Option<&Node> {
        self.node(index).filter(|node| node.op == op && is_standard(node))
    }

    /// The node that makes a value, where it is this operator.
    pub fn producer(&self, value: Option<ValueId>, op: &str) -> Option<&Node> {
        self.any_producer(value).filter(|node| node.op == op)
    }

    /// The node that makes a value.
    pub fn any_producer(&self, value: Option<ValueId>) -> Option<&Node> {
        self.node(*self.producers.get(&value?)?).filter(|node| is_standard(node))
    }

    /// The node that makes a value that only one node reads, where it is this operator.
    pub fn sole(&self, value: Option<ValueId>, op: &str) -> Option<&Node> {
        self.producer(value, op).filter(|_| self.is_read_once(value))
    }

    /// Whether one node reads a value, once, and nothing else does.
    pub fn is_read_once(&self, value: Option<ValueId>) -> bool {
        value.and_then(|value| self.uses.get(&value)) == Some(&1)
    }

    /// The value of an input known at load.
    pub fn constant(&self, value: Option<ValueId>) -> Option<&Tensor> {
        self.graph.constants.get(&value?)
    }

    /// A float32 tensor known at load.
    pub fn floats(&self, value: Option<ValueId>) -> Option<&Tensor> {
        self.constant(value).filter(|tensor| tensor.element_type() == ElementType::Float32)
    }

    /// The one element of a float32 tensor known at load. One of more axes may give axes to what it is combined with.
    pub fn number(&self, value: Option<ValueId>) -> Option<f32> {
        let tensor = self.floats(value).filter(|tensor| tensor.rank() <= 1)?;
        tensor.only::<f32>().ok()
    }

    /// The rank of a value, where it comes from a convolution by way of what leaves the rank as it is.
    pub fn rank_behind_conv(&self, value: Option<ValueId>) -> Option<usize> {
        let mut node = self.any_producer(value)?;
        loop {
            node = match node.op.as_str() {
                "Conv" | "ConvTranspose" => return self.constant(node.input(1)).map(Tensor::rank),
                "AveragePool" | "BatchNormalization" | "Clip" | "Concat" | "LeakyRelu" | "MaxPool" | "Relu" => {
                    self.any_producer(node.input(0))?
                }
                _ => return None,
            };
        }
    }

    /// The input of a node of two that is not the number `wanted`.
    pub fn beside(&self, node: &Node, wanted: f32) -> Option<ValueId> {
        let is_wanted = |value| self.number(value).is_some_and(|number| (number - wanted).abs() <= 1e-4 * wanted.abs());
        match (node.input(0), node.input(1)) {
            (other, number) if is_wanted(number) => other,
            (number, other) if is_wanted(number) => other,
            _ => None,
        }
    }

    /// The inputs of a node of two, in both orders.
    pub fn pairs(node: &Node) -> [(Option<ValueId>, Option<ValueId>); 2] {
        let (a, b) = (node.input(0), node.input(1));
        [(a, b), (b, a)]
    }

    /// Adds a value known at load.
    pub fn add_constant(&mut self, tensor: Tensor) -> ValueId {
        let value = self.graph.add_value("");
        self.graph.constants.insert(value, tensor);
        value
    }

    /// Adds a node, and gives its only output.
    pub fn add_node(&mut self, node: Node) -> ValueId {
        let value = self.graph.add_value("");
        node.reads().for_each(|value| *self.uses.entry(value).or_default() += 1);
        self.producers.insert(value, self.nodes.len());
        self.nodes.push(Some(Node { outputs: vec![Some(value)], ..node }));
        value
    }

    /// Puts a node in the place of another: it has the name and the outputs of the old one.
    fn replace(&mut self, index: usize, node: Node) {
        let Some(old) = self.nodes.get_mut(index).and_then(Option::take) else { return };
        node.reads().for_each(|value| *self.uses.entry(value).or_default() += 1);
        let reads: Vec<ValueId> = old.reads().collect();
        let replacement = Node { name: old.name, outputs: old.outputs, ..node };
        if let Some(place) = self.nodes.get_mut(index) {
            *place = Some(replacement);
        }
        reads.into_iter().for_each(|value| self.release(value));
    }

    /// One reader less: a node without readers goes.
    fn release(&mut self, value: ValueId) {
        let Some(count) = self.uses.get_mut(&value) else { return };
        *count = count.saturating_sub(1);
        let Some(&index) = self.producers.get(&value) else { return };
        let is_read = |value: &ValueId| self.uses.get(value).is_some_and(|count| *count > 0);
        if self.node(index).is_some_and(|node| !node.outputs.iter().flatten().any(is_read)) {
            let node = self.nodes.get_mut(index).and_then(Option::take);
            node.iter().flat_map(Node::reads).for_each(|value| self.release(value));
        }
    }
}

fn is_standard(node: &Node) -> bool {
    matches!(node.domain.as_str(), "ai.onnx" | "edgewise")
}

/// A node of ONNX's own operators, of a version that knows it.
pub fn make_node(op: &str, opset: i64, inputs: Vec<Option<ValueId>>) -> Node {
    Node { op: op.to_string(), domain: "ai.onnx".to_string(), opset, inputs, ..Node::default() }
}

/// An operator of ours, which a pass puts in the place of several.
pub fn make_fused(op: &str, inputs: Vec<Option<ValueId>>, attributes: BTreeMap<String, Attribute>) -> Node {
    Node { op: op.to_string(), domain: "edgewise".to_string(), opset: 1, inputs, attributes, ..Node::default() }
}

/// A whole number of a node's attributes.
pub fn int_of(node: &Node, name: &str, default: i64) -> i64 {
    if let Some(Attribute::Int(value)) = node.attributes.get(name) { *value } else { default }
}

/// A number of a node's attributes.
pub fn float_of(node: &Node, name: &str, default: f32) -> f32 {
    if let Some(Attribute::Float(value)) = node.attributes.get(name) { *value } else { default }
}

/// Whole numbers of a node's attributes.
pub fn ints_of<'n>(node: &'n Node, name: &str) -> Option<&'n [i64]> {
    if let Some(Attribute::Ints(values)) = node.attributes.get(name) { Some(values) } else { None }
}
