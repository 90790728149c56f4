//! What stands around a product of matrices and can be a part of it.

use super::{Rewriter, int_of, ints_of, make_fused, make_node};
use crate::graph::{Attribute, Node};

/// A product with matrices whose axes have just been exchanged. Where heads were exchanged with rows on the way, as attention
/// has it, that is left to do, and copies whole rows.
pub fn take_transpose(rewriter: &mut Rewriter, index: usize) -> Option<Node> {
    let product = rewriter.node_of(index, "MatMul")?;
    let transpose = rewriter.sole(product.input(1), "Transpose")?;
    let (left, source) = (product.input(0), transpose.input(0)?);
    let mut rest = ints_of(transpose, "perm")?.to_vec();
    let last = rest.len().checked_sub(1).filter(|&last| last > 0)?;
    rest.swap(last - 1, last);
    // Of a product of vectors, the transposition would mean nothing.
    if rest.get(last).copied() != i64::try_from(last).ok() {
        return None;
    }
    let right = match rest.iter().zip(0..).all(|(&from, to)| from == to) {
        true => source,
        false => {
            let mut node = make_node("Transpose", 13, vec![Some(source)]);
            node.attributes.insert("perm".to_string(), Attribute::Ints(rest));
            rewriter.add_node(node)
        }
    };
    let mut node = make_node("FusedMatMul", 1, vec![left, Some(right)]);
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
