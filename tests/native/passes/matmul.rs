//! What stands around a product of matrices.

use tract_onnx::pb::AttributeProto;

use super::{check, nodes, weights};
use crate::onnx::{float, int, ints, node, with};

#[test]
fn what_stands_around_a_product_joins_it() {
    let perm = |text: &str, perm: &[i64]| with(text, vec![ints("perm", perm)]);
    let exchanged = |axes: &[i64]| vec![perm("Transpose z -> t", axes), node("MatMul x t -> y")];
    let biased = nodes(&["MatMul x w -> p", "Add p b -> y"]);
    let of = |columns: i64, bias: &[i64]| vec![weights("w", &[6, columns]), weights("b", bias)];
    let gemm = |attributes: Vec<AttributeProto>| vec![with("Gemm x w b -> g", attributes), node("Relu g -> y")];
    let turned = |bias: &[i64]| vec![weights("w", &[5, 6]), weights("b", bias)];
    let rows: Vec<&[usize]> = vec![&[4, 6]];
    check(vec![
        ("a transposed matrix", exchanged(&[1, 0]), vec![], vec![&[4, 6], &[5, 6]], 1),
        ("transposed matrices", exchanged(&[0, 2, 1]), vec![], vec![&[3, 4, 6], &[3, 5, 6]], 1),
        ("a transposed matrix and a vector", exchanged(&[1, 0]), vec![], vec![&[6], &[5, 6]], 1),
        ("transposed matrices and a vector", exchanged(&[0, 2, 1]), vec![], vec![&[6], &[3, 5, 6]], 1),
        ("other axes", exchanged(&[1, 0, 2]), vec![], vec![&[5, 4, 6], &[6, 5, 6]], 2),
        ("heads and rows", exchanged(&[0, 2, 3, 1]), vec![], vec![&[2, 3, 4, 6], &[2, 5, 3, 6]], 2),
        (
            "a transposed matrix read twice",
            [vec![perm("Transpose z -> t", &[1, 0])], nodes(&["MatMul x t -> p", "MatMul p t -> y"])].concat(),
            vec![],
            vec![&[6, 6], &[6, 6]],
            3,
        ),
        (
            "a transposed left side",
            [vec![perm("Transpose z -> t", &[1, 0])], nodes(&["MatMul t x -> y"])].concat(),
            vec![],
            vec![&[4, 6], &[4, 5]],
            2,
        ),
        ("a bias", biased.clone(), of(5, &[5]), rows.clone(), 1),
        ("a bias of a batch", biased.clone(), of(5, &[5]), vec![&[2, 3, 4, 6]], 1),
        ("a bias of a vector", biased.clone(), of(5, &[5]), vec![&[6]], 1),
        ("a bias of no rows", biased.clone(), of(5, &[5]), vec![&[0, 6]], 1),
        (
            "a bias and an activation",
            nodes(&["MatMul x w -> p", "Add b p -> q", "Relu q -> y"]),
            of(5, &[5]),
            rows.clone(),
            1,
        ),
        ("one for all", biased.clone(), of(5, &[1]), rows.clone(), 2),
        ("a term of two axes", biased.clone(), of(5, &[1, 5]), rows.clone(), 2),
        ("a term for each row", biased.clone(), of(5, &[4, 1]), rows.clone(), 2),
        ("a bias of one column that makes more", biased.clone(), of(1, &[5]), rows.clone(), 2),
        (
            "a bias of a product read twice",
            nodes(&["MatMul x w -> p", "Add p b -> q", "Mul p q -> y"]),
            of(5, &[5]),
            rows.clone(),
            3,
        ),
        ("Gemm and an activation", gemm(vec![]), of(5, &[5]), rows.clone(), 1),
        ("Gemm of a transposed matrix", gemm(vec![int("transB", 1)]), turned(&[5]), rows.clone(), 1),
        ("Gemm of a transposed left side", gemm(vec![int("transA", 1)]), of(5, &[5]), vec![&[6, 4]], 2),
        ("Gemm with a factor", gemm(vec![float("alpha", 0.5)]), of(5, &[5]), rows.clone(), 2),
        ("Gemm with a factor of the bias", gemm(vec![float("beta", 0.5)]), of(5, &[5]), rows.clone(), 2),
        ("Gemm of a bias for each row", gemm(vec![]), of(5, &[4, 1]), rows.clone(), 2),
        ("Gemm of a bias for all", gemm(vec![]), of(5, &[1]), rows.clone(), 2),
    ]);
}
