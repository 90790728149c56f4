//! tract's errors in the model's words: which node, which operator, which operands.

use std::collections::BTreeMap;

use tract_onnx::prelude::{TractError, TypedFact, TypedModel};

use crate::error::{Error, Result};
use crate::model::Model;
use crate::tensor::{ElementType, describe};

/// The operator of every node by the node's name. tract names what it derives from a node by that name, a dot
/// and more.
pub(super) struct NodeNames(BTreeMap<String, String>);

impl NodeNames {
    pub fn new(model: &Model) -> Result<NodeNames> {
        let nodes = model.graph()?.node.iter();
        Ok(NodeNames(nodes.map(|node| (node.name.clone(), node.op_type.clone())).collect()))
    }

    /// The model's node that tract's node called `name` stands for.
    fn find(&self, name: &str) -> Option<(&str, &str)> {
        let mut end = name.len();
        loop {
            let prefix = name.get(..end)?;
            if let Some((node, op)) = self.0.get_key_value(prefix) {
                return Some((node, op));
            }
            end = prefix.rfind('.')?;
        }
    }

    /// Adds the node that tract calls `name` to an error.
    pub fn locate(&self, error: Error, name: &str) -> Error {
        match self.find(name) {
            Some((node, op)) => {
                let message = format!("node \"{node}\" ({op}): {}", error.message);
                Error { message, ..error }.at_node(node, op)
            }
            None => error,
        }
    }

    /// A plan could not be made.
    pub fn explain_planning(&self, error: &TractError) -> Error {
        let chain: Vec<String> = error.chain().map(ToString::to_string).collect();
        let name = chain.iter().rev().find_map(|text| quoted_node(text).filter(|name| self.find(name).is_some()));
        let cause = describe_cause(error);
        let error = Error::unsupported(match &name {
            Some(_) => cause,
            None => format!("the model cannot be prepared: {cause}"),
        });
        name.map_or(error.clone(), |name| self.locate(error, &name))
    }

    /// A node failed while the plan ran.
    pub fn explain_run(&self, model: &TypedModel, failed: Option<usize>, error: &TractError) -> Error {
        let node = failed.and_then(|id| model.nodes().get(id));
        let facts = node.and_then(|node| model.node_input_facts(node.id).ok()).unwrap_or_default();
        let operands: Vec<String> = facts.iter().map(|fact| describe_fact(fact)).collect();
        let operands = if operands.is_empty() { String::new() } else { format!(" on {}", operands.join(" and ")) };
        let error = Error::execution(format!("{}{operands}", describe_cause(error)));
        match node {
            Some(node) => self.locate(error, &node.name),
            None => error,
        }
    }
}

/// `float32[1,3,224,224]`
fn describe_fact(fact: &TypedFact) -> String {
    let name = ElementType::from_tract(fact.datum_type).map_or("?", ElementType::name);
    describe(name, &fact.shape)
}

/// The innermost cause that is a message and not tract's own place.
fn describe_cause(error: &TractError) -> String {
    error.root_cause().to_string().lines().next().unwrap_or_default().trim().to_string()
}

/// `conv1` of `Failed analyse for node #12 "conv1" ConvHir`.
fn quoted_node(text: &str) -> Option<String> {
    let after = text.split_once("#")?.1;
    let (_, quoted) = after.split_once('"')?;
    let (name, _) = quoted.split_once('"')?;
    Some(name.to_string())
}
