//! Which operators run. A model that uses another one is refused at load, with all of them in one error.

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};

use super::Metadata;
use super::check::list_subgraphs;
use super::extension::FunctionProto;
use crate::error::{Error, Result};
use crate::plan::Faults;

/// The operator sets whose meaning is known.
const OPSETS: std::ops::RangeInclusive<i64> = 1..=28;

/// The default domain has two spellings.
pub(crate) fn domain_name(domain: &str) -> &str {
    if domain.is_empty() { "ai.onnx" } else { domain }
}

/// `Conv`, or `com.microsoft.FusedConv` outside the default domain.
pub(super) fn qualified_name(node: &NodeProto) -> String {
    match domain_name(&node.domain) {
        "ai.onnx" => node.op_type.clone(),
        domain => format!("{domain}.{}", node.op_type),
    }
}

/// Calls `visit` with every node of the model, those of subgraphs included.
pub(super) fn visit_nodes(proto: &ModelProto, visit: &mut dyn FnMut(&NodeProto)) {
    fn walk(graph: &GraphProto, visit: &mut dyn FnMut(&NodeProto)) {
        for node in &graph.node {
            visit(node);
            list_subgraphs(node).for_each(|inner| walk(inner, visit));
        }
    }
    proto.graph.iter().for_each(|graph| walk(graph, visit));
}

/// Refuses operators that cannot run, all in one error.
pub(crate) fn refuse_faults(faults: &Faults) -> Result<()> {
    let Some((first, nodes)) = faults.first_key_value() else { return Ok(()) };
    let listed: Vec<String> = faults.iter().map(|(name, nodes)| describe(name, nodes)).collect();
    let subject = match faults.len() {
        1 => "1 operator is".to_string(),
        count => format!("{count} operators are"),
    };
    Err(Error::operators(format!("{subject} not supported: {}", listed.join(", ")))
        .at_node(nodes.first().cloned().unwrap_or_default(), first))
}

/// Refuses an operator set whose operators may mean something else. One that no node uses harms nobody: onnxruntime writes
/// its newest into every model that it saves.
pub(super) fn check_opset(metadata: &Metadata, proto: &ModelProto, functions: &[FunctionProto]) -> Result<()> {
    let mut used = !functions.is_empty();
    visit_nodes(proto, &mut |node| used |= domain_name(&node.domain) == "ai.onnx");
    match metadata.opsets.get("ai.onnx") {
        Some(version) if used && !OPSETS.contains(version) => Err(Error::unsupported(format!(
            "the model uses version {version} of the operator set ai.onnx, and {} to {} are supported",
            OPSETS.start(),
            OPSETS.end()
        ))),
        _ => Ok(()),
    }
}

fn describe(name: &str, nodes: &[String]) -> String {
    const LISTED: usize = 20;
    let quoted: Vec<String> = nodes.iter().take(LISTED).map(|node| format!("\"{node}\"")).collect();
    let more = if nodes.len() > LISTED { format!(" and {} more", nodes.len() - LISTED) } else { String::new() };
    let noun = if nodes.len() == 1 { "node" } else { "nodes" };
    format!("{name} ({noun} {}{more})", quoted.join(", "))
}
