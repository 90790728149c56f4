//! What an optimiser that looks at too little gets wrong. Each case was found beside onnxruntime in an engine that did.

use edgewise::tensor::Tensor;
use ndarray::{ArrayD, Slice};
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

use crate::onnx::{
    DataType, float, floats, int, ints, load, longs, matrix, model, node, ramp, text, value, vector, with,
};

fn build(node: Vec<NodeProto>, initializer: Vec<TensorProto>, dims: &str, outputs: &[&str]) -> ModelProto {
    let output = outputs.iter().map(|name| value(name, DataType::Float, dims)).collect();
    model(GraphProto {
        node,
        input: vec![value("x", DataType::Float, dims)],
        output,
        initializer,
        ..GraphProto::default()
    })
}

fn to_array(tensor: Tensor) -> ArrayD<f32> {
    ArrayD::from_shape_vec(tensor.dims().to_vec(), tensor.into_vec().unwrap()).unwrap()
}

fn run(model: &ModelProto, x: Tensor) -> Vec<ArrayD<f32>> {
    run_named(model, &[("x", x)])
}

fn run_named(model: &ModelProto, inputs: &[(&str, Tensor)]) -> Vec<ArrayD<f32>> {
    crate::onnx::run(&mut load(model).unwrap(), inputs).unwrap().into_iter().map(to_array).collect()
}

/// The part of a tensor at an index of the axis of the batch.
fn take_row(tensor: Tensor, row: usize) -> Tensor {
    let part = to_array(tensor).slice_axis(ndarray::Axis(1), Slice::from(row..row + 1)).to_owned();
    Tensor::new(part.shape(), part.iter().copied().collect()).unwrap()
}

fn assert_close(actual: &ArrayD<f32>, expected: &ArrayD<f32>) {
    assert_eq!(actual.shape(), expected.shape());
    let worst = actual.iter().zip(expected).map(|(a, e)| (a - e).abs()).fold(0f32, f32::max);
    assert!(worst < 1e-4, "{worst}: {actual} for {expected}");
}

/// The strided part of each spatial axis of an NCHW value.
fn stride(value: &ArrayD<f32>, start: isize, step: isize) -> ArrayD<f32> {
    value
        .slice_each_axis(|axis| if axis.axis.index() < 2 { Slice::from(..) } else { Slice::new(start, None, step) })
        .to_owned()
}

#[test]
fn a_stride_behind_a_padded_convolution_keeps_its_place() {
    for pad in ["SAME_UPPER", "SAME_LOWER"] {
        for size in [6, 7, 8, 9] {
            let nodes = vec![
                with("Conv x w -> c", vec![text("auto_pad", pad), ints("kernel_shape", &[3, 3])]),
                node("Relu c -> r"),
                with("Conv r one -> y", vec![ints("kernel_shape", &[1, 1]), ints("strides", &[2, 2])]),
            ];
            let weights = vec![
                floats("w", &[1, 1, 3, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]),
                floats("one", &[1, 1, 1, 1], &[1.0]),
            ];
            let strided = run(&build(nodes.clone(), weights.clone(), "1 1 h w", &["y"]), ramp(&[1, 1, size, size]));
            let whole = run(&build(nodes, weights, "1 1 h w", &["r"]), ramp(&[1, 1, size, size]));
            assert_close(&strided[0], &stride(&whole[0], 0, 2));
        }
    }
}

#[test]
fn a_strided_slice_behind_a_convolution_keeps_its_offset() {
    for (start, step) in [(1, 2), (2, 3), (0, 2)] {
        let nodes = vec![
            with("Conv x w -> c", vec![ints("kernel_shape", &[3, 3]), ints("pads", &[1, 1, 1, 1])]),
            node("Relu c -> r"),
            node("Slice r starts ends axes steps -> y"),
        ];
        let weights = vec![
            floats("w", &[1, 1, 3, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0]),
            longs("starts", &[start, start]),
            longs("ends", &[i64::MAX, i64::MAX]),
            longs("axes", &[2, 3]),
            longs("steps", &[step, step]),
        ];
        let strided = run(&build(nodes.clone(), weights.clone(), "1 1 h w", &["y"]), ramp(&[1, 1, 8, 8]));
        let whole = run(&build(nodes, weights, "1 1 h w", &["r"]), ramp(&[1, 1, 8, 8]));
        assert_close(&strided[0], &stride(&whole[0], start as isize, step as isize));
    }
}

#[test]
fn a_strided_slice_stays_behind_a_softmax() {
    let nodes = vec![with("Softmax x -> s", vec![int("axis", -1)]), node("Slice s starts ends axes steps -> y")];
    let weights = vec![longs("starts", &[1]), longs("ends", &[i64::MAX]), longs("axes", &[3]), longs("steps", &[2])];
    let sliced = run(&build(nodes.clone(), weights.clone(), "1 1 h w", &["y"]), ramp(&[1, 1, 2, 4]));
    let whole = run(&build(nodes, weights, "1 1 h w", &["s"]), ramp(&[1, 1, 2, 4]));
    let expected = whole[0].slice_each_axis(|axis| match axis.axis.index() {
        3 => Slice::new(1, None, 2),
        _ => Slice::from(..),
    });
    assert_close(&sliced[0], &expected.to_owned());
}

#[test]
fn a_broadcast_axis_is_summed_in_full() {
    let nodes = vec![node("Expand x dims -> e"), node("MatMul e w -> y")];
    let weights = vec![longs("dims", &[2, 6]), floats("w", &[6, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])];
    let outputs = run(&build(nodes, weights, "a b", &["y"]), matrix(&[[1f32], [-2.0]]));
    assert_eq!(outputs[0], to_array(matrix(&[[21f32], [-42.0]])));
}

#[test]
fn a_broadcast_is_not_lost_on_its_way_to_a_product() {
    let w = || floats("w", &[6, 1], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    let yes = || TensorProto {
        name: "yes".to_string(),
        dims: vec![2, 6],
        data_type: DataType::Bool as i32,
        raw_data: vec![1; 12],
        ..TensorProto::default()
    };
    let ways = [
        vec![node("Expand x dims -> e"), node("Neg e -> n"), node("MatMul n w -> y")],
        vec![node("Tile x repeats -> t"), node("Neg t -> n"), node("MatMul n w -> y")],
        vec![node("Where yes x zero -> e"), node("Neg e -> n"), node("MatMul n w -> y")],
        vec![with("Concat x x5 -> c", vec![int("axis", 1)]), node("Neg c -> n"), node("MatMul n w -> y")],
    ];
    for mut nodes in ways {
        nodes.insert(0, node("Expand x five -> x5"));
        let weights = vec![
            longs("dims", &[2, 6]),
            longs("repeats", &[1, 6]),
            longs("five", &[2, 5]),
            w(),
            yes(),
            floats("zero", &[], &[0.0]),
        ];
        let outputs = run(&build(nodes, weights, "a b", &["y"]), matrix(&[[1f32], [-2.0]]));
        assert_eq!(outputs[0], to_array(matrix(&[[-21f32], [42.0]])));
    }
}

#[test]
fn large_and_small_exponents_neither_overflow_nor_vanish() {
    let softplus = run(&build(vec![node("Softplus x -> y")], vec![], "n", &["y"]), vector(&[-200f32, 0.0, 100.0]));
    assert_close(&softplus[0], &to_array(vector(&[0f32, std::f32::consts::LN_2, 100.0])));
    let nodes = vec![with("LogSoftmax x -> y", vec![int("axis", 0)])];
    let log_softmax = run(&build(nodes, vec![], "n", &["y"]), vector(&[0f32, -200.0]));
    assert_close(&log_softmax[0], &to_array(vector(&[0f32, -200.0])));
}

fn recurrent(attributes: Vec<AttributeProto>) -> ModelProto {
    recurrent_of(1, attributes)
}

fn recurrent_of(batch: usize, attributes: Vec<AttributeProto>) -> ModelProto {
    let mut nodes = vec![with("RNN x w r -> all last", attributes)];
    nodes[0].attribute.push(int("hidden_size", 1));
    let weights = vec![floats("w", &[1, 1, 1], &[0.5]), floats("r", &[1, 1, 1], &[0.9])];
    build(nodes, weights, &format!("t {batch} 1"), &["last"])
}

#[test]
fn a_run_begins_with_a_fresh_state() {
    let mut session = load(&recurrent(vec![])).unwrap();
    let mut last = || crate::onnx::run(&mut session, &[("x", ramp(&[5, 1, 1]))]).unwrap().remove(0);
    let first = last();
    assert_eq!(last(), first);
    assert_eq!(last(), first);
}

#[test]
fn a_recurrence_takes_a_batch_without_an_initial_state() {
    let both = run(&recurrent_of(2, vec![]), ramp(&[5, 2, 1]));
    for row in 0..2 {
        let one = run(&recurrent(vec![]), take_row(ramp(&[5, 2, 1]), row));
        assert!((both[0][[0, row, 0]] - one[0][[0, 0, 0]]).abs() < 1e-6);
    }
}

/// An LSTM whose initial state is an input and whose last state is the output.
fn stateful(batch: usize) -> ModelProto {
    let mut lstm = node("LSTM x w r ? ? h c -> all h1 c1");
    lstm.input[3] = String::new();
    lstm.input[4] = String::new();
    lstm.attribute = vec![int("hidden_size", 1)];
    let gates = |name: &str| floats(name, &[1, 4, 1], &[0.5, -0.3, 0.8, 0.1]);
    let mut model = build(vec![lstm], vec![gates("w"), gates("r")], &format!("t {batch} 1"), &["h1", "c1"]);
    let inputs = ["h", "c"].map(|name| value(name, DataType::Float, &format!("1 {batch} 1")));
    model.graph.as_mut().unwrap().input.extend(inputs);
    model
}

#[test]
fn a_recurrence_takes_and_gives_the_states_of_a_batch() {
    let run = |batch: usize, take: &dyn Fn(Tensor) -> Tensor| {
        let inputs = [
            ("x", ramp(&[5, 2, 1])),
            ("h", ramp(&[1, 2, 1])),
            ("c", matrix(&[[-0.3f32], [0.7]]).reshape(&[1, 2, 1]).unwrap()),
        ];
        run_named(&stateful(batch), &inputs.map(|(name, tensor)| (name, take(tensor))))
    };
    let both = run(2, &|tensor| tensor);
    for row in 0..2 {
        let one = run(1, &|tensor| take_row(tensor, row));
        for (both, one) in both.iter().zip(&one) {
            assert!((both[[0, row, 0]] - one[[0, 0, 0]]).abs() < 1e-6, "{both} {one}");
        }
    }
}

/// The definition of an RNN with `w` 0.5 and `r` 0.9, of one unit.
fn step_through(x: &[f32], clip: f32, activate: fn(f32) -> f32) -> f32 {
    x.iter().fold(0.0, |state, x| activate((0.5 * x + 0.9 * state).clamp(-clip, clip)))
}

#[test]
fn forms_of_a_recurrence_are_those_that_it_names() {
    let x = ramp(&[5, 1, 1]);
    let forward = x.slice::<f32>().unwrap().to_vec();
    let backward: Vec<f32> = forward.iter().rev().copied().collect();
    let relu = AttributeProto { strings: vec![b"Relu".to_vec()], r#type: 8, ..ints("activations", &[]) };
    for (attributes, expected) in [
        (vec![], step_through(&forward, 1e9, f32::tanh)),
        (vec![text("direction", "reverse")], step_through(&backward, 1e9, f32::tanh)),
        (vec![float("clip", 0.25)], step_through(&forward, 0.25, f32::tanh)),
        (vec![relu], step_through(&forward, 1e9, |value| value.max(0.0))),
    ] {
        let last = run(&recurrent(attributes.clone()), x.clone());
        assert!((last[0][[0, 0, 0]] - expected).abs() < 1e-5, "{attributes:?}: {} for {expected}", last[0]);
    }
}

#[test]
fn squeeze_without_axes_removes_every_dim_of_one() {
    for (dims, expected) in [(vec![1, 2, 1, 3], vec![2, 3]), (vec![2, 2, 2, 2], vec![2, 2, 2, 2]), (vec![1; 4], vec![])]
    {
        let outputs = run(&build(vec![node("Squeeze x -> y")], vec![], "a b c d", &["y"]), ramp(&dims));
        assert_eq!(outputs[0].shape(), expected);
    }
}
