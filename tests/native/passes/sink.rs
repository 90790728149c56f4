//! Transpositions put off.

use edgewise::tensor::Tensor;
use tract_onnx::pb::{NodeProto, TensorProto};

use super::{build, check, conv_weights, nodes, number, positive, weights};
use crate::onnx::{floats, int, ints, load, longs, node, run, with};

fn turn(text: &str, perm: &[i64]) -> NodeProto {
    with(&format!("Transpose {text}"), vec![ints("perm", perm)])
}

/// To channels last, and back.
const LAST: &[i64] = &[0, 2, 3, 1];
const FIRST: &[i64] = &[0, 3, 1, 2];

fn between(middle: Vec<NodeProto>) -> Vec<NodeProto> {
    [vec![turn("x -> t", LAST)], middle, vec![turn("r -> y", FIRST)]].concat()
}

#[test]
fn transpositions_around_what_does_not_mind_them_go() {
    let x: Vec<&[usize]> = vec![&[2, 3, 4, 5]];
    let xz: Vec<&[usize]> = vec![&[2, 3, 4, 5], &[2, 3, 4, 5]];
    let k = |dims: &[i64]| {
        let count = dims.iter().product::<i64>() as usize;
        TensorProto { dims: dims.to_vec(), ..positive("k", count) }
    };
    let reduce = |op: &str, axes: &[i64], keeps: i64| {
        with(&format!("{op} t -> r"), vec![ints("axes", axes), int("keepdims", keeps)])
    };
    let both = |middle: &[&str]| {
        [vec![turn("x -> t", LAST), turn("z -> u", LAST)], nodes(middle), vec![turn("r -> y", FIRST)]].concat()
    };
    let concat = |axis: i64| {
        let concat = with("Concat t u -> r", vec![int("axis", axis)]);
        [vec![turn("x -> t", LAST), turn("z -> u", LAST), concat], vec![turn("r -> y", FIRST)]].concat()
    };
    let mean = |axes: &[i64], keeps: i64| {
        vec![turn("x -> t", LAST), with("ReduceMean t -> y", vec![ints("axes", axes), int("keepdims", keeps)])]
    };
    check(vec![
        ("an activation", between(nodes(&["Relu t -> r"])), vec![], x.clone(), 1),
        ("many", between(nodes(&["Exp t -> a", "Neg a -> b", "Sigmoid b -> r"])), vec![], x.clone(), 3),
        ("a bound", between(nodes(&["Clip t lo -> r"])), vec![number("lo", 0.25)], x.clone(), 1),
        ("a number", between(nodes(&["Sub k t -> r"])), vec![k(&[])], x.clone(), 1),
        ("a factor for each channel", between(nodes(&["Mul t k -> r"])), vec![k(&[3])], x.clone(), 1),
        ("a factor for each column", between(nodes(&["Mul k t -> r"])), vec![k(&[5, 1])], x.clone(), 1),
        ("a slope for each channel", between(nodes(&["PRelu t k -> r"])), vec![k(&[1, 1, 3])], x.clone(), 1),
        ("two", both(&["Add t u -> r"]), vec![], xz.clone(), 1),
        ("channels side by side", concat(-1), vec![], xz.clone(), 1),
        ("rows side by side", concat(1), vec![], xz.clone(), 1),
        (
            "a gate for each channel",
            [
                vec![turn("x -> t", LAST), with("GlobalAveragePool x -> g", vec![])],
                nodes(&["Reshape g d -> e", "Mul t e -> r"]),
                vec![turn("r -> y", FIRST)],
            ]
            .concat(),
            vec![longs("d", &[1, 1, 1, 3])],
            vec![&[1, 3, 4, 5]],
            3,
        ),
        (
            "a convolution before",
            [
                nodes(&["Conv x w -> c"]),
                vec![turn("c -> t", LAST)],
                nodes(&["Relu t -> r"]),
                vec![turn("r -> y", FIRST)],
            ]
            .concat(),
            conv_weights(vec![]),
            vec![&[2, 3, 6, 5]],
            1,
        ),
        ("a mean of pixels", mean(&[1, 2], 0), vec![], x.clone(), 1),
        ("a mean of channels", mean(&[-1], 0), vec![], x.clone(), 1),
        ("a mean of rows", mean(&[1], 0), vec![], x.clone(), 2),
        ("a mean that keeps axes", between(vec![reduce("ReduceMax", &[1, -2], 1)]), vec![], x.clone(), 1),
        // What stays as it is.
        ("a mean of all", mean(&[], 0), vec![], x.clone(), 2),
        ("a softmax", between(nodes(&["Softmax t -> r"])), vec![], x.clone(), 3),
        (
            "more axes",
            between(nodes(&["Mul t k -> s", "Squeeze s a -> r"])),
            vec![k(&[1, 1, 1, 1, 3]), longs("a", &[0])],
            x.clone(),
            4,
        ),
        ("a picture", between(nodes(&["Mul t k -> r"])), vec![weights("k", &[4, 5, 1])], x.clone(), 3),
        (
            "one of two",
            [vec![turn("x -> t", LAST)], nodes(&["Add t z -> r"]), vec![turn("r -> y", FIRST)]].concat(),
            vec![],
            vec![&[2, 3, 4, 5], &[2, 4, 5, 3]],
            3,
        ),
        (
            "other orders",
            [vec![turn("x -> t", LAST), turn("z -> u", &[0, 3, 2, 1])], nodes(&["Add t u -> y"])].concat(),
            vec![],
            vec![&[2, 3, 4, 5], &[2, 3, 5, 4]],
            3,
        ),
        (
            "a value read by others",
            [vec![turn("x -> t", LAST)], nodes(&["Relu t -> r", "Softmax t -> s", "Mul r s -> y"])].concat(),
            vec![],
            x.clone(),
            4,
        ),
    ]);
}

#[test]
fn transposed_values_can_be_outputs_and_hold_anything() {
    let nodes = [turn("x -> t", LAST), node("Relu t -> r"), node("Add r k -> s"), turn("s -> y", FIRST)];
    let strange = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 1.0, -2.0];
    let constants = [floats("k", &[2], &[f32::INFINITY, 1.0])];
    let values: Vec<f32> = (0..24).map(|index| strange[index * 5 % 6]).collect();
    let x = Tensor::new(&[1, 2, 3, 4], values).unwrap();
    let results = [vec!["y", "r", "s"], vec!["y", "t", "r", "s"], vec!["y", "r"]].map(|outputs| {
        let outputs: Vec<String> = outputs.iter().map(|name| name.to_string()).collect();
        let mut session = load(&build(&nodes, &constants, &[x.dims()], &outputs)).unwrap();
        run(&mut session, &[("x", x.clone())]).unwrap().swap_remove(0)
    });
    let alone = {
        let mut session = load(&build(&nodes, &constants, &[x.dims()], &["y".to_string()])).unwrap();
        assert_eq!(session.stats().steps, 2);
        run(&mut session, &[("x", x.clone())]).unwrap().swap_remove(0)
    };
    for result in results {
        let bits = |tensor: &Tensor| {
            let values = tensor.slice::<f32>().unwrap();
            values.iter().map(|value| if value.is_nan() { u32::MAX } else { value.to_bits() }).collect::<Vec<_>>()
        };
        assert_eq!((result.dims(), bits(&result)), (alone.dims(), bits(&alone)));
    }
}
