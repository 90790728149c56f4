//! Which operators run. A model that uses another one is refused at load, with all of them in one error.

use std::collections::BTreeMap;

use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};

use super::Model;
use super::check::list_subgraphs;
use super::restrictions::{Use, find_fault};
use crate::error::{Error, Result};

/// The operator sets whose meaning the table below is known to follow.
const OPSETS: std::ops::RangeInclusive<i64> = 7..=27;

/// Operators by domain. What tract registers and gets wrong is not here: its TreeEnsembleClassifier and
/// LinearClassifier mislabel some binary models, its GlobalLpPool and ArrayFeatureExtractor are wrong on some dims, its ReduceLogSumExp overflows, and it
/// ignores the domain, so that com.microsoft's Attention would be read as ONNX's.
const SUPPORTED: [(&str, &str); 3] = [
    (
        "ai.onnx",
        "Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization BitShift BitwiseAnd \
         BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast CastLike Ceil Celu Clip Compress Concat Constant \
         ConstantOfShape Conv ConvInteger ConvTranspose Cos Cosh CumSum DFT DepthToSpace DequantizeLinear Div Dropout \
         DynamicQuantizeLinear Einsum Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather GatherElements \
         GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual GridSample \
         GroupNormalization HammingWindow HannWindow HardSigmoid HardSwish Hardmax Identity If InstanceNormalization \
         IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax LpNormalization MatMul \
         MatMulInteger Max MaxPool Mean MeanVarianceNormalization MelWeightMatrix Min Mish Mod Mul Multinomial Neg \
         NonMaxSuppression NonZero Not OneHot Or PRelu Pad Pow QLinearConv QLinearMatMul QuantizeLinear \
         RMSNormalization RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range Reciprocal ReduceL1 \
         ReduceL2 ReduceLogSum ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare \
         Relu Reshape Resize RotaryEmbedding Round STFT Scan Scatter ScatterElements ScatterND Selu Shape Shrink \
         Sigmoid Sign SimplifiedLayerNormalization Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split \
         Sqrt Squeeze Sub Sum Swish Tan Tanh ThresholdedRelu Tile TopK Transpose Trilu Unsqueeze Where Xor",
    ),
    ("ai.onnx.ml", "CategoryMapper LinearRegressor Normalizer"),
    ("com.microsoft", "BiasGelu FastGelu Gelu QuickGelu SkipLayerNormalization SkipSimplifiedLayerNormalization"),
];

/// The default domain has two spellings.
pub(super) fn domain_name(domain: &str) -> &str {
    if domain.is_empty() { "ai.onnx" } else { domain }
}

/// `Conv`, or `com.microsoft.FusedConv` outside the default domain.
pub(super) fn qualified_name(node: &NodeProto) -> String {
    match domain_name(&node.domain) {
        "ai.onnx" => node.op_type.clone(),
        domain => format!("{domain}.{}", node.op_type),
    }
}

fn is_supported(node: &NodeProto) -> bool {
    SUPPORTED.iter().any(|(domain, names)| {
        *domain == domain_name(&node.domain) && names.split_ascii_whitespace().any(|name| name == node.op_type)
    })
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

/// The operators that cannot run, each with the names of its nodes in the model's order.
pub(super) fn list_unsupported(model: &Model) -> BTreeMap<String, Vec<String>> {
    let opset = model.metadata.opsets.get("ai.onnx").copied().unwrap_or_default();
    let mut unsupported: BTreeMap<String, Vec<String>> = BTreeMap::new();
    visit_nodes(&model.proto, &mut |node| {
        let name = qualified_name(node);
        let fault = match is_supported(node) {
            false => Some(name),
            true => {
                find_fault(&Use { node, opset, weights: &model.weights }).map(|fault| format!("{name} with {fault}"))
            }
        };
        if let Some(fault) = fault {
            unsupported.entry(fault).or_default().push(node.name.clone());
        }
    });
    unsupported
}

/// Refuses operators that cannot run, and operator sets whose operators may mean something else.
pub(super) fn check(model: &Model) -> Result<()> {
    let unsupported = list_unsupported(model);
    if let Some((first, nodes)) = unsupported.first_key_value() {
        let listed: Vec<String> = unsupported.iter().map(|(name, nodes)| describe(name, nodes)).collect();
        let subject = match unsupported.len() {
            1 => "1 operator is".to_string(),
            count => format!("{count} operators are"),
        };
        return Err(Error::operators(format!("{subject} not supported: {}", listed.join(", ")))
            .at_node(nodes.first().cloned().unwrap_or_default(), first));
    }
    match model.metadata.opsets.get("ai.onnx") {
        Some(version) if !OPSETS.contains(version) => Err(Error::unsupported(format!(
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
