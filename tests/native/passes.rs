//! Rewriting: what is put together gives what its parts give, and what only looks like a pattern stays as it is.
//!
//! Each case is a graph whose last value is `y`. It runs as it is, and with all its values as outputs, which keeps every node:
//! results must agree. A pattern runs in the steps that the case says; a near miss is a case of as many steps as nodes.

mod activation;
mod before_conv;
mod conv;
mod layer_norm;
mod matmul;
mod quantized;
mod scale;
mod sink;

use edgewise::tensor::{ElementType, Tensor};
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};

use crate::onnx::{DataType, assert_close, float, floats, ints, load, model, node, ramp, run, value, with};

/// Nodes, constants, the dims of `x` (and `z`), and steps.
type Case = (&'static str, Vec<NodeProto>, Vec<TensorProto>, Vec<&'static [usize]>, usize);

fn untyped(name: &str) -> ValueInfoProto {
    ValueInfoProto { name: name.to_string(), ..ValueInfoProto::default() }
}

fn build(nodes: &[NodeProto], constants: &[TensorProto], inputs: &[&[usize]], outputs: &[String]) -> ModelProto {
    let dims = |dims: &[usize]| vec!["?"; dims.len()].join(" ");
    let mut proto = model(GraphProto {
        node: nodes.to_vec(),
        input: inputs.iter().zip(["x", "z"]).map(|(of, name)| value(name, DataType::Float, &dims(of))).collect(),
        output: outputs.iter().map(|name| untyped(name)).collect(),
        initializer: constants.to_vec(),
        ..GraphProto::default()
    });
    proto.opset_import[0].version = 20;
    proto
}

fn check(table: Vec<Case>) {
    for (about, nodes, constants, dims, steps) in table {
        let inputs: Vec<(&str, Tensor)> = ["x", "z"].into_iter().zip(dims.iter().map(|dims| ramp(dims))).collect();
        let mut session = load(&build(&nodes, &constants, &dims, &["y".to_string()])).unwrap();
        let all: Vec<String> = nodes.iter().flat_map(|node| node.output.clone()).collect();
        let mut apart = load(&build(&nodes, &constants, &dims, &all)).unwrap();
        assert_eq!(session.stats().steps, steps, "steps of {about}");
        assert_eq!(apart.stats().steps, nodes.len(), "steps of {about}, taken apart");
        let expected = run(&mut apart, &inputs).unwrap_or_else(|error| panic!("{about}, taken apart: {error}"));
        let expected = &expected[all.iter().position(|name| name == "y").unwrap()];
        // The second run shows what the first has left behind.
        for _ in 0..2 {
            let actual = run(&mut session, &inputs).unwrap_or_else(|error| panic!("{about}: {error}"));
            assert_close(&actual[0], expected, 1e-5, about);
        }
    }
}

fn number(name: &str, number: f32) -> TensorProto {
    floats(name, &[], &[number])
}

/// Weights named `name` that repeat late.
fn weights(name: &str, dims: &[i64]) -> TensorProto {
    let dims_of: Vec<usize> = dims.iter().map(|&dim| dim as usize).collect();
    floats(name, dims, ramp(&dims_of).slice::<f32>().unwrap())
}

/// Channels of numbers above zero.
fn positive(name: &str, count: usize) -> TensorProto {
    let values: Vec<f32> = (0..count).map(|index| 0.5 + index as f32 / 4.0).collect();
    floats(name, &[count as i64], &values)
}

fn nodes(texts: &[&str]) -> Vec<NodeProto> {
    texts.iter().map(|text| node(text)).collect()
}

const IMAGE: &[usize] = &[2, 3, 6, 5];

fn conv(text: &str) -> NodeProto {
    with(text, vec![ints("kernel_shape", &[3, 3]), ints("pads", &[1, 1, 1, 1])])
}

/// A convolution of `IMAGE` to 4 channels, of the same size, and what stands behind it.
fn behind_conv(rest: &[&str]) -> Vec<NodeProto> {
    std::iter::once(conv("Conv x w -> c")).chain(nodes(rest)).collect()
}

fn conv_weights(more: Vec<TensorProto>) -> Vec<TensorProto> {
    std::iter::once(weights("w", &[4, 3, 3, 3])).chain(more).collect()
}

#[test]
fn axes_exchanged_twice_are_exchanged_once() {
    let perm = |text: &str, perm: &[i64]| with(text, vec![ints("perm", perm)]);
    let x: Vec<&[usize]> = vec![&[2, 3, 4, 5]];
    check(vec![
        (
            "two",
            vec![perm("Transpose x -> t", &[0, 2, 3, 1]), perm("Transpose t -> y", &[3, 0, 1, 2])],
            vec![],
            x.clone(),
            1,
        ),
        (
            "three",
            vec![
                perm("Transpose x -> t", &[0, 2, 3, 1]),
                perm("Transpose t -> u", &[1, 0, 2, 3]),
                perm("Transpose u -> y", &[3, 2, 0, 1]),
            ],
            vec![],
            x.clone(),
            1,
        ),
        (
            "with something between",
            vec![
                perm("Transpose x -> t", &[0, 2, 3, 1]),
                node("Softmax t -> r"),
                perm("Transpose r -> y", &[0, 3, 1, 2]),
            ],
            vec![],
            x.clone(),
            3,
        ),
    ]);
}

/// The steps of a graph and its outputs. Taking values as outputs keeps no nodes that are the same from becoming one.
fn run_whole(nodes: &[NodeProto], outputs: &[&str], x: &Tensor) -> (usize, Vec<Tensor>) {
    let outputs: Vec<String> = outputs.iter().map(|name| name.to_string()).collect();
    let mut session = load(&build(nodes, &[], &[x.dims()], &outputs)).unwrap();
    (session.stats().steps, run(&mut session, &[("x", x.clone())]).unwrap())
}

#[test]
fn nodes_that_do_nothing_or_the_same_are_not_run() {
    let x = ramp(&[3, 4]);
    let alpha = |text: &str, alpha: f32| with(text, vec![float("alpha", alpha)]);
    let (steps, outputs) = run_whole(&nodes(&["Identity x -> a", "Relu a -> b", "Identity b -> y"]), &["y"], &x);
    assert_eq!((steps, outputs[0].dims()), (1, x.dims()));
    let (steps, outputs) = run_whole(&nodes(&["Identity x -> a", "Identity a -> y"]), &["a", "y"], &x);
    assert_eq!((steps, outputs), (0, vec![x.clone(), x.clone()]));
    let (steps, outputs) = run_whole(&nodes(&["Dropout x -> a", "Dropout a -> y mask"]), &["y", "mask"], &x);
    assert_eq!((steps, &outputs[0], outputs[1].element_type()), (1, &x, ElementType::Bool));
    let turn = |text: &str| with(text, vec![ints("perm", &[1, 0])]);
    let (steps, outputs) = run_whole(&[turn("Transpose x -> t"), turn("Transpose t -> y")], &["y"], &x);
    assert_eq!((steps, &outputs[0]), (0, &x));
    let (steps, outputs) = run_whole(&nodes(&["Exp x -> a", "Exp x -> b", "Add a b -> y"]), &["a", "b", "y"], &x);
    assert_eq!(steps, 2);
    assert_eq!(outputs[0], outputs[1]);
    let doubled = outputs[0].slice::<f32>().unwrap().iter().map(|value| value * 2.0).collect::<Vec<_>>();
    assert_eq!(outputs[2].slice::<f32>().unwrap(), doubled);
    let differing = [alpha("Elu x -> a", 1.0), alpha("Elu x -> b", 2.0), node("Add a b -> y")];
    let (steps, outputs) = run_whole(&differing, &["a", "b", "y"], &x);
    assert_eq!(steps, 3);
    assert_ne!(outputs[0], outputs[1]);
    let order = nodes(&["Relu x -> r", "Sub x r -> a", "Sub r x -> b", "Sub a b -> y"]);
    assert_eq!(run_whole(&order, &["y"], &x).0, 4);
    let random = nodes(&["RandomUniformLike x -> a", "RandomUniformLike x -> b", "Sub a b -> y"]);
    let (steps, outputs) = run_whole(&random, &["a", "b", "y"], &x);
    assert_eq!(steps, 3);
    assert_ne!(outputs[0], outputs[1]);
}

#[test]
fn float64_keeps_its_precision() {
    let doubles = |name: &str, dims: &[i64], data: &[f64]| TensorProto {
        name: name.to_string(),
        dims: dims.to_vec(),
        data_type: DataType::Double as i32,
        double_data: data.to_vec(),
        ..TensorProto::default()
    };
    let scalars = || vec![doubles("three", &[], &[3.0]), doubles("zero", &[], &[0.0]), doubles("six", &[], &[6.0])];
    let table = [
        ("HardSigmoid", nodes(&["Add x three -> a", "Clip a zero six -> c", "Div c six -> y"]), scalars(), &[4][..]),
        (
            "a convolution",
            nodes(&["Conv x w -> c", "Add c k -> d", "Relu d -> y"]),
            vec![doubles("w", &[2, 1, 1, 1], &[1.0 / 3.0, 1e9]), doubles("k", &[2, 1, 1], &[1e-9, 1.0])],
            &[1, 1, 2, 2][..],
        ),
        (
            "a product",
            nodes(&["MatMul x w -> p", "Add p k -> q", "Relu q -> y"]),
            vec![doubles("w", &[2, 2], &[1.0 / 3.0, 1e9, 2.0, 1.0 / 7.0]), doubles("k", &[2], &[1e-9, 1.0])],
            &[2, 2][..],
        ),
    ];
    for (about, nodes, constants, dims) in table {
        let count = dims.iter().product::<usize>();
        let x = Tensor::new(dims, (0..count).map(|index| index as f64 / 3.0).collect()).unwrap();
        let all: Vec<String> = nodes.iter().flat_map(|node| node.output.clone()).collect();
        let results = [vec!["y".to_string()], all].map(|outputs| {
            let mut proto = build(&nodes, &constants, &[dims], &outputs);
            proto.graph.as_mut().unwrap().input[0] = value("x", DataType::Double, &vec!["?"; dims.len()].join(" "));
            let mut session = load(&proto).unwrap();
            assert_eq!(session.stats().steps, nodes.len(), "{about}");
            run(&mut session, &[("x", x.clone())]).unwrap().pop().unwrap()
        });
        assert_eq!(results[0].element_type(), ElementType::Float64, "{about}");
        assert_eq!(results[0], results[1], "{about}");
    }
}
