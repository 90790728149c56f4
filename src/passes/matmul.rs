//! What stands around a product of matrices and can be a part of it.

use super::{Rewriter, int_of, ints_of, make_fused, make_node};
use crate::graph::{Attribute, Node};

/// A product with a matrix whose axes have just been exchanged.
pub fn take_transpose(rewriter: &mut Rewriter, index: usize) -> Option<Node> {
    let product = rewriter.node_of(index, "MatMul")?;
    let transpose = rewriter.sole(product.input(1), "Transpose")?;
    let perm = ints_of(transpose, "perm")?;
    let rank = perm.len() as i64;
    let exchanges_last = perm.iter().zip(0..).all(|(&from, to)| match rank - to {
        1 => from == rank - 2,
        2 => from == rank - 1,
        _ => from == to,
    });
    // Of a product of vectors, the transposition would mean nothing.
    if !exchanges_last || rank < 2 {
        return None;
    }
    let mut node = make_node("FusedMatMul", 1, vec![product.input(0), transpose.input(0)]);
    node.domain = "com.microsoft".to_string();
    node.attributes.insert("transB".to_string(), Attribute::Int(1));
    Some(node)
}

/// A sum with a constant along the last axis behind a product with a constant matrix.
pub fn add_bias(rewriter: &mut Rewriter, index: usize) -> Option<Node> {
    if let Some(node) = rewriter.node_of(index, "Gemm") {
        return match_gemm(rewriter, node);
    }
    let sum = rewriter.node_of(index, "Add")?;
    Rewriter::pairs(sum).into_iter().find_map(|(input, bias)| {
        let product = rewriter.sole(input, "MatMul")?;
        let [_, columns] = rewriter.floats(product.input(1))?.dims() else { return None };
        let fits = rewriter.floats(bias)?.dims() == [*columns];
        fits.then(|| make_fused("FusedGemm", vec![product.input(0), product.input(1), bias], Default::default()))
    })
}

/// A Gemm as PyTorch writes its layers. Its activation, if it has one, can then follow.
fn match_gemm(rewriter: &Rewriter, gemm: &Node) -> Option<Node> {
    let is_plain = ["alpha", "beta"].iter().all(|name| super::float_of(gemm, name, 1.0) == 1.0);
    let weights = rewriter.floats(gemm.input(1))?;
    let is_transposed = int_of(gemm, "transB", 0) != 0;
    let columns = match (weights.dims(), is_transposed) {
        ([_, columns], false) | ([columns, _], true) => *columns,
        _ => return None,
    };
    let bias = rewriter.floats(gemm.input(2))?;
    if !is_plain || int_of(gemm, "transA", 0) != 0 || bias.dims() != [columns] {
        return None;
    }
    let mut node = make_fused("FusedGemm", gemm.inputs.clone(), Default::default());
    if is_transposed {
        node.attributes.insert("transB".to_string(), Attribute::Int(1));
    }
    Some(node)
}
