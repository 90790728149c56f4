//! Activations that exporters write as several nodes.

use std::f32::consts::{FRAC_1_SQRT_2, SQRT_2};

use super::{Rewriter, float_of, make_node};
use crate::graph::{Attribute, Node, ValueId};

/// `Clip(x + 3, 0, 6) / 6` is a HardSigmoid.
pub fn find_hard_sigmoid(rewriter: &mut Rewriter, index: usize) -> Option<Node> {
    let source = match_hard_sigmoid(rewriter, index)?;
    let mut node = make_node("HardSigmoid", 6, vec![Some(source)]);
    node.attributes.insert("alpha".to_string(), Attribute::Float(1.0 / 6.0));
    node.attributes.insert("beta".to_string(), Attribute::Float(0.5));
    Some(node)
}

fn match_hard_sigmoid(rewriter: &Rewriter, index: usize) -> Option<ValueId> {
    match_clipped(rewriter, match_sixth(rewriter, index)?)
}

/// What the node at an index divides by 6.
fn match_sixth(rewriter: &Rewriter, index: usize) -> Option<ValueId> {
    match rewriter.node_of(index, "Div") {
        Some(node) => node.input(0).filter(|_| rewriter.number(node.input(1)) == Some(6.0)),
        None => rewriter.beside(rewriter.node_of(index, "Mul")?, 1.0 / 6.0),
    }
}

/// `x`, where `value` is `Clip(x + 3, 0, 6)`.
fn match_clipped(rewriter: &Rewriter, value: ValueId) -> Option<ValueId> {
    let clip = rewriter.sole(Some(value), "Clip")?;
    if clip_range(rewriter, clip) != Some((0.0, 6.0)) {
        return None;
    }
    rewriter.beside(rewriter.sole(clip.input(0), "Add")?, 3.0)
}

/// `x * Clip(x + 3, 0, 6) / 6` is a HardSwish, as PaddlePaddle's exporter writes it.
pub fn find_hard_swish(rewriter: &mut Rewriter, index: usize) -> Option<Node> {
    let product = rewriter.sole(match_sixth(rewriter, index), "Mul")?;
    let source = Rewriter::pairs(product).into_iter().find_map(|(x, clipped)| {
        let of = match_clipped(rewriter, clipped?)?;
        Some(of).filter(|_| x == Some(of))
    })?;
    Some(make_node("HardSwish", 14, vec![Some(source)]))
}

/// The bounds of a Clip, where they are known at load.
pub fn clip_range(rewriter: &Rewriter, clip: &Node) -> Option<(f32, f32)> {
    if clip.opset < 11 {
        return Some((float_of(clip, "min", f32::NEG_INFINITY), float_of(clip, "max", f32::INFINITY)));
    }
    let bound = |value: Option<ValueId>, open: f32| value.map_or(Some(open), |_| rewriter.number(value));
    Some((bound(clip.input(1), f32::NEG_INFINITY)?, bound(clip.input(2), f32::INFINITY)?))
}

/// `x / 2 * (1 + Erf(x / sqrt 2))`, in whatever order, is a Gelu.
pub fn find_gelu(rewriter: &mut Rewriter, index: usize) -> Option<Node> {
    let source = match_gelu(rewriter, index)?;
    Some(make_node("Gelu", 20, vec![Some(source)]))
}

fn match_gelu(rewriter: &Rewriter, index: usize) -> Option<ValueId> {
    let last = rewriter.node_of(index, "Mul")?;
    // Half of a product, or a product with a half.
    if let Some(product) = rewriter.beside(last, 0.5) {
        let product = rewriter.sole(Some(product), "Mul")?;
        return Rewriter::pairs(product).into_iter().find_map(|(x, sum)| match_erf(rewriter, sum, x?));
    }
    Rewriter::pairs(last).into_iter().find_map(|(half, other)| {
        if let Some(x) = rewriter.sole(half, "Mul").and_then(|half| rewriter.beside(half, 0.5)) {
            return match_erf(rewriter, other, x);
        }
        let halved = rewriter.sole(other, "Mul").and_then(|other| rewriter.beside(other, 0.5));
        match_erf(rewriter, halved, half?)
    })
}

/// `x`, where `sum` is `1 + Erf(x / sqrt 2)`.
fn match_erf(rewriter: &Rewriter, sum: Option<ValueId>, x: ValueId) -> Option<ValueId> {
    let erf = rewriter.beside(rewriter.sole(sum, "Add")?, 1.0)?;
    let scaled = rewriter.sole(Some(erf), "Erf")?.input(0);
    let is_near = |number: f32, wanted: f32| (number - wanted).abs() < 1e-3;
    let source = match rewriter.sole(scaled, "Div") {
        Some(div) => div.input(0).filter(|_| rewriter.number(div.input(1)).is_some_and(|by| is_near(by, SQRT_2))),
        None => rewriter.beside(rewriter.sole(scaled, "Mul")?, FRAC_1_SQRT_2),
    };
    source.filter(|&source| source == x)
}

/// `x` times a function of `x`.
pub fn find_gated(rewriter: &mut Rewriter, index: usize) -> Option<Node> {
    let (op, source) = match_gated(rewriter, index)?;
    Some(make_node(op, 24, vec![Some(source)]))
}

fn match_gated(rewriter: &Rewriter, index: usize) -> Option<(&'static str, ValueId)> {
    let product = rewriter.node_of(index, "Mul")?;
    Rewriter::pairs(product).into_iter().find_map(|(x, gate)| {
        let x = x?;
        let reads = |node: &&Node| node.input(0) == Some(x);
        if rewriter.sole(gate, "Sigmoid").filter(reads).is_some() {
            return Some(("Swish", x));
        }
        if let Some(gate) = rewriter.sole(gate, "HardSigmoid").filter(reads) {
            let is_sixth = (float_of(gate, "alpha", 0.2) - 1.0 / 6.0).abs() < 1e-6;
            return Some(("HardSwish", x)).filter(|_| is_sixth && float_of(gate, "beta", 0.5) == 0.5);
        }
        let tanh = rewriter.sole(gate, "Tanh")?;
        rewriter.sole(tanh.input(0), "Softplus").filter(reads).map(|_| ("Mish", x))
    })
}
