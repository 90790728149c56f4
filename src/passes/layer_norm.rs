//! LayerNormalization as PyTorch's exporter writes it for operator sets below 17.

use super::{Rewriter, ints_of, make_node};
use crate::graph::{Attribute, Node, ValueId};

/// `(x - mean) / sqrt(mean((x - mean)^2) + epsilon) * scale + bias`, over the last axis.
pub fn find(rewriter: &mut Rewriter, index: usize) -> Option<Node> {
    let (inputs, epsilon) = match_norm(rewriter, index)?;
    let mut node = make_node("LayerNormalization", 17, inputs);
    node.attributes.insert("axis".to_string(), Attribute::Int(-1));
    node.attributes.insert("epsilon".to_string(), Attribute::Float(epsilon));
    Some(node)
}

fn match_norm(rewriter: &Rewriter, index: usize) -> Option<(Vec<Option<ValueId>>, f32)> {
    let sum = rewriter.node_of(index, "Add")?;
    Rewriter::pairs(sum).into_iter().find_map(|(scaled, bias)| {
        let product = rewriter.sole(scaled, "Mul")?;
        Rewriter::pairs(product).into_iter().find_map(|(normal, scale)| {
            let (x, epsilon) = match_division(rewriter, rewriter.sole(normal, "Div")?)?;
            let is_vector = |value| rewriter.floats(value).is_some_and(|tensor| tensor.rank() == 1 && tensor.len() > 1);
            let same = rewriter.floats(scale)?.len() == rewriter.floats(bias)?.len();
            (is_vector(scale) && is_vector(bias) && same).then(|| (vec![Some(x), scale, bias], epsilon))
        })
    })
}

fn match_division(rewriter: &Rewriter, division: &Node) -> Option<(ValueId, f32)> {
    let centred = division.input(0);
    let (x, mean) = split_centred(rewriter, centred)?;
    let root = rewriter.sole(division.input(1), "Sqrt")?;
    let sum = rewriter.sole(root.input(0), "Add")?;
    let (variance, epsilon) = Rewriter::pairs(sum).into_iter().find_map(|(a, b)| Some((a, rewriter.number(b)?)))?;
    let average = rewriter.sole(variance, "ReduceMean").filter(|node| is_over_last(rewriter, node))?;
    let square = rewriter.any_producer(average.input(0)).filter(|_| rewriter.is_read_once(average.input(0)))?;
    let base = match square.op.as_str() {
        "Pow" if rewriter.number(square.input(1)) == Some(2.0) => square.input(0),
        "Mul" if square.input(0) == square.input(1) => square.input(0),
        _ => None,
    };
    // PyTorch subtracts the mean once, or once for each use.
    let is_same = base == centred || base.and_then(|_| split_centred(rewriter, base)) == Some((x, mean));
    is_same.then_some((x, epsilon))
}

/// A value and its mean over the last axis, where `value` is their difference.
fn split_centred(rewriter: &Rewriter, value: Option<ValueId>) -> Option<(ValueId, ValueId)> {
    let difference = rewriter.producer(value, "Sub")?;
    let (x, mean) = (difference.input(0)?, difference.input(1)?);
    let average = rewriter.producer(Some(mean), "ReduceMean")?;
    (average.input(0) == Some(x) && is_over_last(rewriter, average)).then_some((x, mean))
}

fn is_over_last(rewriter: &Rewriter, node: &Node) -> bool {
    let keeps = super::int_of(node, "keepdims", 1) == 1;
    let axes = match ints_of(node, "axes") {
        Some(axes) => Some(axes.to_vec()),
        None => rewriter.constant(node.input(1)).and_then(|axes| Some(axes.to_i64s().ok()?.into_owned())),
    };
    keeps && axes.is_some_and(|axes| axes == [-1])
}
