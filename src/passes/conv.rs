//! What follows a convolution is done while its result is in the cache.

use super::activation::clip_range;
use super::{Rewriter, float_of, ints_of, make_fused};
use crate::graph::{Attribute, Node, ValueId};
use crate::tensor::Tensor;

/// A sum with a constant for each channel behind a convolution without a bias, of any number of axes.
pub fn add_bias(rewriter: &mut Rewriter, index: usize) -> Option<Node> {
    let (node, bias) = match_bias(rewriter, index)?;
    let bias = rewriter.add_constant(bias);
    let mut node = node;
    node.inputs.truncate(2);
    node.inputs.push(Some(bias));
    Some(node)
}

fn match_bias(rewriter: &Rewriter, index: usize) -> Option<(Node, Tensor)> {
    let sum = rewriter.node_of(index, "Add")?;
    Rewriter::pairs(sum).into_iter().find_map(|(input, constant)| {
        let conv = rewriter.sole(input, "Conv").filter(|conv| conv.input(2).is_none() && conv.input(3).is_none())?;
        let [channels, _, kernel @ ..] = rewriter.floats(conv.input(1))?.dims() else { return None };
        let tensor = rewriter.floats(constant)?;
        let axes = tensor.dims().iter().rev().position(|dim| dim == channels)?;
        let adds_axes = tensor.rank() > kernel.len() + 2;
        let fits = axes == kernel.len() && tensor.len() == *channels && *channels > 1 && !adds_axes;
        let bias = tensor.clone().reshape(&[tensor.len()]).ok()?;
        fits.then(|| (copy(conv), bias))
    })
}

/// Zeros around the image, which the convolution adds itself.
pub fn take_pads(rewriter: &mut Rewriter, index: usize) -> Option<Node> {
    let conv = rewriter.node_of(index, "Conv")?;
    let pad = rewriter.sole(conv.input(0), "Pad")?;
    let is_constant = !matches!(pad.attributes.get("mode"), Some(Attribute::Text(mode)) if mode != b"constant");
    let is_explicit = match conv.attributes.get("auto_pad") {
        Some(Attribute::Text(mode)) => matches!(mode.as_slice(), b"NOTSET" | b"VALID" | b""),
        _ => true,
    };
    let (amounts, value) = match pad.opset {
        ..=10 => (ints_of(pad, "pads")?.to_vec(), float_of(pad, "value", 0.0)),
        _ => {
            let amounts = rewriter.constant(pad.input(1))?.to_i64s().ok()?.into_owned();
            (amounts, pad.input(2).map_or(Some(0.0), |value| rewriter.number(Some(value)))?)
        }
    };
    let rank = rewriter.floats(conv.input(1))?.rank();
    if !is_constant || !is_explicit || value != 0.0 || pad.input(3).is_some() || amounts.len() != 2 * rank {
        return None;
    }
    let (before, after) = amounts.split_at(rank);
    let (outer, spatial): (Vec<i64>, Vec<i64>) = (
        before.iter().take(2).chain(after.iter().take(2)).copied().collect(),
        before.iter().skip(2).chain(after.iter().skip(2)).copied().collect(),
    );
    if outer.iter().any(|&amount| amount != 0) || spatial.iter().any(|&amount| amount < 0) {
        return None;
    }
    let own = ints_of(conv, "pads").map_or_else(|| vec![0; spatial.len()], <[i64]>::to_vec);
    let sums = own.iter().zip(&spatial).map(|(own, added)| own + added).collect();
    let mut node = copy(conv);
    node.attributes.remove("auto_pad");
    node.attributes.insert("pads".to_string(), Attribute::Ints(sums));
    if let Some(input) = node.inputs.first_mut() {
        *input = pad.input(0);
    }
    Some(node)
}

/// A sum of a convolution's result and another value.
pub fn add_residual(rewriter: &mut Rewriter, index: usize) -> Option<Node> {
    let sum = rewriter.node_of(index, "Add").or_else(|| rewriter.node_of(index, "Sum"))?;
    if sum.inputs.len() != 2 {
        return None;
    }
    Rewriter::pairs(sum).into_iter().find_map(|(input, residual)| {
        let conv = rewriter.sole(input, "Conv").filter(|conv| conv.input(3).is_none())?;
        rewriter.floats(conv.input(1))?;
        // A small constant is no residual.
        if rewriter.constant(residual).is_some() || residual == input {
            return None;
        }
        let inputs = vec![conv.input(0), conv.input(1), conv.input(2), residual];
        Some(make_fused("FusedConv", inputs, conv.attributes.clone()))
    })
}

/// An activation behind a convolution.
pub fn add_activation(rewriter: &mut Rewriter, index: usize) -> Option<Node> {
    let (activation, source) = read_activation(rewriter, rewriter.node(index)?)?;
    let before = rewriter.any_producer(Some(source)).filter(|_| rewriter.is_read_once(Some(source)))?;
    let name = match before.op.as_str() {
        "Conv" | "FusedConv" => "FusedConv",
        "FusedGemm" => "FusedGemm",
        _ => return None,
    };
    if before.attributes.contains_key("activation") {
        return None;
    }
    rewriter.floats(before.input(1))?;
    let mut node = make_fused(name, before.inputs.clone(), before.attributes.clone());
    let (name, alpha, beta) = activation;
    node.attributes.insert("activation".to_string(), Attribute::Text(name.as_bytes().to_vec()));
    node.attributes.insert("alpha".to_string(), Attribute::Float(alpha));
    node.attributes.insert("beta".to_string(), Attribute::Float(beta));
    Some(node)
}

/// The activation of a node by its name and parameters, and the value that it is applied to.
fn read_activation(rewriter: &Rewriter, node: &Node) -> Option<((&'static str, f32, f32), ValueId)> {
    let source = node.input(0)?;
    let activation = match node.op.as_str() {
        _ if node.domain != "ai.onnx" => return None,
        "Relu" => ("Relu", 0.0, 0.0),
        "Clip" => {
            let (low, high) = clip_range(rewriter, node)?;
            ("Clip", low, high)
        }
        "LeakyRelu" => ("LeakyRelu", float_of(node, "alpha", 0.01), 0.0),
        "Sigmoid" => ("Sigmoid", 0.0, 0.0),
        "Tanh" => ("Tanh", 0.0, 0.0),
        "HardSigmoid" => ("HardSigmoid", float_of(node, "alpha", 0.2), float_of(node, "beta", 0.5)),
        "HardSwish" => ("HardSwish", 0.0, 0.0),
        "Swish" => ("Swish", float_of(node, "alpha", 1.0), 0.0),
        "Gelu" if !matches!(node.attributes.get("approximate"), Some(Attribute::Text(mode)) if mode == b"tanh") => {
            ("Gelu", 0.0, 0.0)
        }
        _ => return None,
    };
    Some((activation, source))
}

/// A node like another, to be put elsewhere.
fn copy(node: &Node) -> Node {
    Node {
        op: node.op.clone(),
        domain: node.domain.clone(),
        opset: node.opset,
        inputs: node.inputs.clone(),
        attributes: node.attributes.clone(),
        ..Node::default()
    }
}
