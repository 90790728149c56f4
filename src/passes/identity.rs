//! Nodes that give what they are given.

use super::{int_of, redirect};
use crate::graph::{Graph, Node};

/// Lets the readers of such a node read what it is given.
pub fn remove(graph: &mut Graph) {
    redirect(graph, |node| {
        let (input, output) = (node.input(0)?, node.output(0)?);
        gives_its_input(node).then(|| vec![(output, input)])
    });
}

fn gives_its_input(node: &Node) -> bool {
    let is_only_output = node.outputs.iter().skip(1).all(Option::is_none);
    node.domain == "ai.onnx"
        && match node.op.as_str() {
            "Identity" => true,
            // With a third input, or in training, which is what old operator sets begin with, it may do something.
            "Dropout" => {
                let is_test = int_of(node, "is_test", i64::from(node.opset >= 7)) != 0;
                is_only_output && node.input(2).is_none() && is_test
            }
            _ => false,
        }
}
