//! Factors and terms of channels.

use tract_onnx::pb::{NodeProto, TensorProto};

use super::{IMAGE, behind_conv, check, conv, conv_weights, nodes, positive, weights};
use crate::onnx::{float, int, ints, node, with};

#[test]
fn factors_and_terms_of_channels_go_into_weights() {
    let norm = |from: &str, to: &str| {
        with(&format!("BatchNormalization {from} g b m v -> {to}"), vec![float("epsilon", 0.01)])
    };
    let stats = |count: usize| {
        vec![positive("g", count), weights("b", &[count as i64]), weights("m", &[count as i64]), positive("v", count)]
    };
    let with_norm = |before: NodeProto, rest: &[&str]| {
        [vec![before, norm("c", if rest.is_empty() { "y" } else { "n" })], nodes(rest)].concat()
    };
    let own = |first: TensorProto, rest: Vec<TensorProto>| [vec![first], rest].concat();
    let image: Vec<&[usize]> = vec![IMAGE];
    let step = |op: &str| behind_conv(&[op]);
    let k = |dims: &[i64]| {
        let count = dims.iter().product::<i64>() as usize;
        TensorProto { dims: dims.to_vec(), ..positive("k", count) }
    };
    let grouped = with("ConvTranspose x w -> c", vec![int("group", 2), ints("strides", &[2, 2])]);
    let biased = [vec![conv("Conv x w o -> c")], vec![norm("c", "y")]].concat();
    let alone = |rest: &[&str]| [vec![norm("x", "n")], nodes(rest)].concat();
    let scaled = |dims: &[i64]| [stats(3), vec![k(dims)]].concat();
    check(vec![
        (
            "a normalisation",
            with_norm(conv("Conv x w -> c"), &[]),
            own(weights("w", &[4, 3, 3, 3]), stats(4)),
            image.clone(),
            1,
        ),
        (
            "a normalisation behind a bias",
            biased,
            [conv_weights(vec![weights("o", &[4])]), stats(4)].concat(),
            image.clone(),
            1,
        ),
        (
            "a normalisation and Relu",
            with_norm(conv("Conv x w -> c"), &["Relu n -> y"]),
            own(weights("w", &[4, 3, 3, 3]), stats(4)),
            image.clone(),
            1,
        ),
        (
            "a normalisation behind a depthwise convolution",
            with_norm(with("Conv x w -> c", vec![int("group", 3)]), &[]),
            own(weights("w", &[6, 1, 3, 3]), stats(6)),
            image.clone(),
            1,
        ),
        (
            "a normalisation behind a transposed convolution",
            with_norm(node("ConvTranspose x w -> c"), &[]),
            own(weights("w", &[3, 5, 2, 2]), stats(5)),
            image.clone(),
            1,
        ),
        (
            "a normalisation behind a transposed convolution of groups",
            with_norm(grouped, &[]),
            own(weights("w", &[4, 3, 2, 2]), stats(6)),
            vec![&[2, 4, 3, 4]],
            1,
        ),
        (
            "a normalisation and a factor",
            with_norm(conv("Conv x w -> c"), &["Mul n k -> y"]),
            [conv_weights(vec![k(&[4, 1, 1])]), stats(4)].concat(),
            image.clone(),
            1,
        ),
        (
            "a normalisation read twice",
            with_norm(conv("Conv x w -> c"), &["Mul n n -> y"]),
            own(weights("w", &[4, 3, 3, 3]), stats(4)),
            image.clone(),
            2,
        ),
        (
            "a normalisation of a result read twice",
            [with_norm(conv("Conv x w -> c"), &["Add n c -> y"])].concat(),
            own(weights("w", &[4, 3, 3, 3]), stats(4)),
            image.clone(),
            3,
        ),
        ("a factor", step("Mul c k -> y"), conv_weights(vec![k(&[4, 1, 1])]), image.clone(), 1),
        ("a factor for all", step("Mul k c -> y"), conv_weights(vec![k(&[])]), image.clone(), 1),
        ("a quotient", step("Div c k -> y"), conv_weights(vec![k(&[1, 4, 1, 1])]), image.clone(), 1),
        ("a difference", step("Sub c k -> y"), conv_weights(vec![k(&[4, 1, 1])]), image.clone(), 1),
        ("a term for all", step("Add c k -> y"), conv_weights(vec![k(&[1])]), image.clone(), 1),
        (
            "a factor, a term and Relu",
            behind_conv(&["Mul c k -> d", "Sub d k -> e", "Relu e -> y"]),
            conv_weights(vec![k(&[4, 1, 1])]),
            image.clone(),
            1,
        ),
        ("a difference from", step("Sub k c -> y"), conv_weights(vec![k(&[4, 1, 1])]), image.clone(), 2),
        ("a quotient by", step("Div k c -> y"), conv_weights(vec![k(&[4, 1, 1])]), image.clone(), 2),
        ("a factor for each row", step("Mul c k -> y"), conv_weights(vec![k(&[6, 1])]), image.clone(), 2),
        ("a factor of more axes", step("Mul c k -> y"), conv_weights(vec![k(&[2, 1, 4, 1, 1])]), image.clone(), 2),
        (
            "a factor for all of more axes",
            step("Mul c k -> y"),
            conv_weights(vec![k(&[1, 1, 1, 1, 1])]),
            image.clone(),
            2,
        ),
        (
            "a factor for more channels than there are",
            step("Mul c k -> y"),
            own(weights("w", &[1, 3, 3, 3]), vec![k(&[4, 1, 1])]),
            image.clone(),
            2,
        ),
        (
            "a factor of a result read twice",
            behind_conv(&["Mul c k -> d", "Add c d -> y"]),
            conv_weights(vec![k(&[4, 1, 1])]),
            image.clone(),
            3,
        ),
        (
            "a normalisation behind a pool, and a factor",
            [
                vec![
                    conv("Conv x w -> c"),
                    with("MaxPool c -> p", vec![ints("kernel_shape", &[2, 2])]),
                    norm("p", "n"),
                ],
                nodes(&["Mul n k -> q", "Add q k -> y"]),
            ]
            .concat(),
            [conv_weights(vec![k(&[4, 1, 1])]), stats(4)].concat(),
            image.clone(),
            3,
        ),
        ("a normalisation by itself and a number", alone(&["Mul n k -> y"]), scaled(&[]), image.clone(), 1),
        (
            "a normalisation of a volume and a factor for each plane",
            alone(&["Mul n k -> y"]),
            scaled(&[4, 1, 1]),
            vec![&[2, 3, 4, 3, 5]],
            2,
        ),
        (
            "a normalisation of a line and a factor for each batch",
            alone(&["Mul n k -> y"]),
            scaled(&[3, 1, 1]),
            vec![&[3, 3, 5]],
            2,
        ),
        (
            "a normalisation of rows and a factor of three axes",
            alone(&["Add n k -> y"]),
            scaled(&[3, 1, 1]),
            vec![&[2, 3]],
            2,
        ),
        (
            "a normalisation of one channel and a factor for many",
            [vec![norm("x", "n")], nodes(&["Mul n k -> y"])].concat(),
            [stats(1), vec![k(&[3, 1, 1])]].concat(),
            vec![&[2, 1, 4, 4]],
            2,
        ),
    ]);
}
