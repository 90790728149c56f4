//! A model's graph in the form that plans are made from: values have numbers in place of names, functions are inlined,
//! and a graph inside a node says which values around it it captures.

mod attribute;
mod build;
mod labels;
mod legacy;

pub use attribute::Attribute;
pub(crate) use build::{Builder, widen_half};
pub(crate) use labels::take_labels;

use std::collections::BTreeMap;

use crate::tensor::{ElementType, Tensor};

/// A value of one graph; the values of each graph are numbered from 0.
pub type ValueId = usize;

/// A graph, of a model or inside a node.
#[derive(Debug, Default)]
pub struct Graph {
    /// In no particular order.
    pub nodes: Vec<Node>,
    /// Values that the caller gives, before those that are captured.
    pub inputs: Vec<ValueId>,
    /// Values of the graph around this one, in the order of [`Node::captures`], by their numbers here.
    pub captures: Vec<ValueId>,
    /// Values that the graph gives.
    pub outputs: Vec<ValueId>,
    /// What the model declares about them, as far as it is known without a run.
    pub declared: Vec<Declared>,
    /// Values known at load.
    pub constants: BTreeMap<ValueId, Tensor>,
    /// The names of all values, for messages. Values that a pass adds have none.
    pub names: Vec<String>,
}

/// What a model declares about an output of a graph.
#[derive(Debug, Clone, Default)]
pub struct Declared {
    /// The element type as it is computed.
    pub element_type: Option<ElementType>,
    /// The dims; those that are free are 0. `None` where the rank is.
    pub dims: Option<Vec<usize>>,
}

/// An operator applied to values.
#[derive(Debug, Default)]
pub struct Node {
    /// The name, unique in the model but for nodes of functions used more than once.
    pub name: String,
    /// The operator's name in its domain.
    pub op: String,
    /// The operator's domain; the default one is called `ai.onnx`.
    pub domain: String,
    /// The version of the domain's operator set.
    pub opset: i64,
    /// Attributes, but for graphs.
    pub attributes: BTreeMap<String, Attribute>,
    /// Inputs; an optional one may be missing.
    pub inputs: Vec<Option<ValueId>>,
    /// Outputs; those that nobody asks for may be missing.
    pub outputs: Vec<Option<ValueId>>,
    /// The graphs inside the node, by attribute.
    pub graphs: BTreeMap<String, Graph>,
    /// The values that these graphs capture, those of one graph after those of another, by the names of their attributes.
    pub captures: Vec<ValueId>,
}

impl Graph {
    /// Adds a value.
    pub fn add_value(&mut self, name: impl Into<String>) -> ValueId {
        self.names.push(name.into());
        self.names.len() - 1
    }
}

impl Node {
    /// `Conv`, or `com.microsoft.FusedConv` outside the default domain.
    pub fn qualified_name(&self) -> String {
        match self.domain.as_str() {
            "ai.onnx" => self.op.clone(),
            domain => format!("{domain}.{}", self.op),
        }
    }

    /// The value of an input that is there.
    pub fn input(&self, index: usize) -> Option<ValueId> {
        self.inputs.get(index).copied().flatten()
    }

    /// The value of an output that is asked for.
    pub fn output(&self, index: usize) -> Option<ValueId> {
        self.outputs.get(index).copied().flatten()
    }

    /// All values that the node needs.
    pub fn reads(&self) -> impl Iterator<Item = ValueId> {
        self.inputs.iter().flatten().chain(&self.captures).copied()
    }
}
