//! Products of bytes that become numbers at once, as onnxruntime's dynamic quantisation writes them in five nodes.

use super::{Rewriter, int_of, make_fused};
use crate::graph::{Node, ValueId};
use crate::tensor::{ElementType, Tensor};

/// The columns of a product of bytes whose right side is a matrix known at load.
fn count_columns(rewriter: &Rewriter, product: &Node) -> Option<usize> {
    let [_, columns] = *rewriter.constant(product.input(1))?.dims() else { return None };
    Some(columns)
}

/// `Cast(MatMulInteger(a, b)) * (scale of a * scale of b)`, where the scale of `a` is one that DynamicQuantizeLinear gives.
pub fn give_floats(rewriter: &mut Rewriter, index: usize) -> Option<Node> {
    let scaled = rewriter.node_of(index, "Mul")?;
    let float = i64::from(ElementType::Float32.onnx());
    Rewriter::pairs(scaled).into_iter().find_map(|(cast, scale)| {
        let cast = rewriter.sole(cast, "Cast").filter(|cast| int_of(cast, "to", 0) == float)?;
        let product = rewriter.sole(cast.input(0), "MatMulInteger")?;
        let columns = count_columns(rewriter, product)?;
        let (of_rows, of_columns) = split_scale(rewriter, scale, columns)?;
        let own = |index: usize| product.input(index);
        let inputs = vec![own(0), own(1), Some(of_rows), Some(of_columns), own(2), own(3)];
        Some(make_fused("MatMulIntegerToFloat", inputs, Default::default()))
    })
}

fn split_scale(rewriter: &Rewriter, scale: Option<ValueId>, columns: usize) -> Option<(ValueId, ValueId)> {
    let factors = rewriter.producer(scale, "Mul")?;
    Rewriter::pairs(factors).into_iter().find_map(|(of_rows, of_columns)| {
        let quantised = rewriter.producer(of_rows, "DynamicQuantizeLinear")?;
        let known = rewriter.floats(of_columns)?;
        let fits = known.rank() <= 1 && (known.len() == 1 || known.len() == columns);
        (fits && quantised.output(1) == of_rows).then_some((of_rows?, of_columns?))
    })
}

/// A sum with a constant for each column behind such a product.
pub fn add_bias(rewriter: &mut Rewriter, index: usize) -> Option<Node> {
    let sum = rewriter.node_of(index, "Add")?;
    Rewriter::pairs(sum).into_iter().find_map(|(product, bias)| {
        let product = rewriter.sole(product, "MatMulIntegerToFloat").filter(|product| product.inputs.len() == 6)?;
        let columns = count_columns(rewriter, product)?;
        rewriter.floats(bias).map(Tensor::dims).filter(|dims| *dims == [columns])?;
        let inputs = product.inputs.iter().copied().chain([bias]).collect();
        Some(make_fused("MatMulIntegerToFloat", inputs, Default::default()))
    })
}
