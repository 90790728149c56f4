//! Steps before a convolution.

use tract_onnx::pb::{NodeProto, TensorProto};

use super::{IMAGE, check, conv, nodes, number, positive, weights};
use crate::onnx::{float, floats, int, node, text, with};

#[test]
fn what_comes_before_a_convolution_goes_into_its_weights() {
    let before = |steps: &[&str], last: NodeProto| [nodes(steps), vec![last]].concat();
    let bare = || node("Conv b w -> y");
    let grouped = || with("Conv b w -> y", vec![int("group", 3)]);
    let padded = || conv("Conv b w -> y");
    let own = |dims: &[i64], more: Vec<TensorProto>| {
        [vec![weights("w", dims), number("f", 1.5), number("t", -0.75), floats("one", &[1], &[2.0])], more].concat()
    };
    let wide = || own(&[4, 3, 3, 3], vec![]);
    let stats = || vec![positive("g", 3), weights("n", &[3]), weights("m", &[3]), positive("v", 3)];
    let norm = with("BatchNormalization x g n m v -> b", vec![float("epsilon", 0.01)]);
    let same = with("Conv b w -> y", vec![text("auto_pad", "SAME_UPPER")]);
    let image: Vec<&[usize]> = vec![IMAGE];
    let biased = node("Conv b w o -> y");
    let line: Vec<&[usize]> = vec![&[2, 3, 9]];
    check(vec![
        ("a factor and a term", before(&["Mul x f -> a", "Add a t -> b"], bare()), wide(), image.clone(), 1),
        ("a difference and a quotient", before(&["Sub x t -> a", "Div a f -> b"], bare()), wide(), image.clone(), 1),
        ("of one element", before(&["Mul one x -> a", "Add one a -> b"], bare()), wide(), image.clone(), 1),
        (
            "and a bias",
            before(&["Mul x f -> a", "Add a t -> b"], biased),
            own(&[4, 3, 3, 3], vec![weights("o", &[4])]),
            image.clone(),
            1,
        ),
        (
            "before groups",
            before(&["Mul x f -> a", "Add a t -> b"], grouped()),
            own(&[6, 1, 3, 3], vec![]),
            image.clone(),
            1,
        ),
        ("along a line", before(&["Mul x f -> a", "Add a t -> b"], bare()), own(&[4, 3, 3], vec![]), line, 1),
        ("a normalisation", vec![norm.clone(), bare()], own(&[4, 3, 3, 3], stats()), image.clone(), 1),
        ("a normalisation and groups", vec![norm.clone(), grouped()], own(&[6, 1, 3, 3], stats()), image.clone(), 1),
        ("a normalisation and pads", vec![norm, padded()], own(&[4, 3, 3, 3], stats()), image.clone(), 2),
        ("a factor and pads", before(&["Mul x f -> b"], padded()), wide(), image.clone(), 1),
        ("a term and pads", before(&["Add x t -> b"], padded()), wide(), image.clone(), 2),
        ("a term and pads that follow", before(&["Add x t -> b"], same), wide(), image.clone(), 2),
        ("a factor, a term and pads", before(&["Mul x f -> a", "Add a t -> b"], padded()), wide(), image.clone(), 2),
        (
            "a factor of 0, a term and pads",
            before(&["Mul x z -> a", "Add a t -> b"], padded()),
            own(&[4, 3, 3, 3], vec![number("z", 0.0)]),
            image.clone(),
            3,
        ),
        (
            "a factor of a value read twice",
            nodes(&["Mul x f -> b", "Conv b w -> c", "ReduceSum b -> s", "Add c s -> y"]),
            wide(),
            image.clone(),
            3,
        ),
        (
            "a factor for each channel, which may make channels",
            before(&["Mul x k -> b"], bare()),
            own(&[4, 3, 3, 3], vec![TensorProto { dims: vec![3, 1, 1], ..positive("k", 3) }]),
            vec![&[2, 1, 6, 5]],
            2,
        ),
        ("a number from", before(&["Sub t x -> b"], bare()), wide(), image.clone(), 2),
        (
            "an infinite term",
            before(&["Add x i -> b"], bare()),
            own(&[4, 3, 3, 3], vec![number("i", f32::INFINITY)]),
            image,
            2,
        ),
    ]);
}
