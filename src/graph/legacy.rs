//! What nodes say otherwise before opset 7, where all operators that share it say it alike.

use super::{Attribute, Graph, Node};

/// Operators whose second operand may begin at any axis of the first, `axis`, where `broadcast` is set.
const BROADCASTING: [&str; 11] = ["Add", "And", "Div", "Equal", "Greater", "Less", "Mul", "Or", "Pow", "Sub", "Xor"];

/// Gives the second operand the axes that it lacks behind its own, in a node in front, so that it broadcasts by the rules of today.
pub fn align_operand(node: &mut Node, graph: &mut Graph) {
    if node.opset >= 7 || node.domain != "ai.onnx" {
        return;
    }
    let int =
        |name: &str| if let Some(Attribute::Int(value)) = node.attributes.get(name) { Some(*value) } else { None };
    let axis = match node.op.as_str() {
        "PRelu" => Some(1),
        op if BROADCASTING.contains(&op) && int("broadcast") == Some(1) => int("axis"),
        _ => None,
    };
    if let (Some(axis), &[first, Some(second)]) = (axis, node.inputs.as_slice()) {
        let aligned = graph.add_value(graph.names.get(second).cloned().unwrap_or_default());
        graph.nodes.push(Node {
            name: node.name.clone(),
            op: "Align".to_string(),
            domain: "edgewise".to_string(),
            opset: 1,
            attributes: [("axis".to_string(), Attribute::Int(axis))].into(),
            inputs: vec![first, Some(second)],
            outputs: vec![Some(aligned)],
            ..Node::default()
        });
        node.inputs = vec![first, Some(aligned)];
    }
}
