//! What tract's optimiser or its operators get wrong by themselves. Each case was found beside onnxruntime.

use edgewise::error::ErrorCode;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use tract_onnx::prelude::{Tensor, tensor1, tensor2};
use tract_onnx::tract_hir::tract_ndarray::{ArrayD, Slice};

use crate::onnx::{DataType, floats, int, load, load_error, model, node, value};

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto { name: name.to_string(), ints: ints.to_vec(), r#type: 7, ..AttributeProto::default() }
}

fn text(name: &str, text: &str) -> AttributeProto {
    AttributeProto { name: name.to_string(), s: text.as_bytes().to_vec(), r#type: 3, ..AttributeProto::default() }
}

fn with(text: &str, attributes: Vec<AttributeProto>) -> NodeProto {
    NodeProto { attribute: attributes, ..node(text) }
}

fn longs(name: &str, data: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_string(),
        dims: vec![data.len() as i64],
        data_type: DataType::Int64 as i32,
        int64_data: data.to_vec(),
        ..TensorProto::default()
    }
}

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

fn ramp(dims: &[usize]) -> Tensor {
    let count: usize = dims.iter().product();
    let values = (0..count).map(|index| ((index * 37 % 23) as f32 - 11.0) / 7.0).collect();
    ArrayD::from_shape_vec(dims, values).unwrap().into()
}

fn run(model: &ModelProto, x: Tensor) -> Vec<ArrayD<f32>> {
    let outputs = load(model).unwrap().run(vec![("x".to_string(), x)], None).unwrap();
    outputs.into_iter().map(|(_, tensor)| tensor.into_plain_array::<f32>().unwrap()).collect()
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
    let outputs = run(&build(nodes, weights, "a b", &["y"]), tensor2(&[[1f32], [-2.0]]));
    assert_eq!(outputs[0], tensor2(&[[21f32], [-42.0]]).into_plain_array::<f32>().unwrap());
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
        let outputs = run(&build(nodes, weights, "a b", &["y"]), tensor2(&[[1f32], [-2.0]]));
        assert_eq!(outputs[0], tensor2(&[[-21f32], [42.0]]).into_plain_array::<f32>().unwrap());
    }
}

#[test]
fn large_and_small_exponents_neither_overflow_nor_vanish() {
    let softplus = run(&build(vec![node("Softplus x -> y")], vec![], "n", &["y"]), tensor1(&[-200f32, 0.0, 100.0]));
    assert_close(&softplus[0], &tensor1(&[0f32, std::f32::consts::LN_2, 100.0]).into_plain_array().unwrap());
    let nodes = vec![with("LogSoftmax x -> y", vec![int("axis", 0)])];
    let log_softmax = run(&build(nodes, vec![], "n", &["y"]), tensor1(&[0f32, -200.0]));
    assert_close(&log_softmax[0], &tensor1(&[0f32, -200.0]).into_plain_array().unwrap());
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
    let mut last = || session.run(vec![("x".to_string(), ramp(&[5, 1, 1]))], None).unwrap().remove(0).1;
    let first = last();
    assert_eq!(last(), first);
    assert_eq!(last(), first);
}

#[test]
fn a_recurrence_takes_a_batch_without_an_initial_state() {
    let both = run(&recurrent_of(2, vec![]), ramp(&[5, 2, 1]));
    for row in 0..2 {
        let one = ramp(&[5, 2, 1]).slice(1, row, row + 1).unwrap();
        let one = run(&recurrent(vec![]), one);
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
        let inputs =
            [("x", ramp(&[5, 2, 1])), ("h", ramp(&[1, 2, 1])), ("c", ramp(&[2, 2, 1]).slice(0, 1, 2).unwrap())];
        let inputs = inputs.into_iter().map(|(name, tensor)| (name.to_string(), take(tensor))).collect();
        let outputs = load(&stateful(batch)).unwrap().run(inputs, None).unwrap();
        outputs.into_iter().map(|(_, tensor)| tensor.into_plain_array::<f32>().unwrap()).collect::<Vec<_>>()
    };
    let both = run(2, &|tensor| tensor);
    for row in 0..2 {
        let one = run(1, &|tensor| tensor.slice(1, row, row + 1).unwrap());
        for (both, one) in both.iter().zip(&one) {
            assert!((both[[0, row, 0]] - one[[0, 0, 0]]).abs() < 1e-6, "{both} {one}");
        }
    }
}

#[test]
fn forms_that_would_be_computed_wrongly_are_refused() {
    for (attribute, name) in [
        (text("direction", "reverse"), "RNN with direction=reverse"),
        (AttributeProto { name: "clip".to_string(), f: 1.0, ..AttributeProto::default() }, "RNN with clip"),
        (
            AttributeProto {
                name: "activations".to_string(),
                strings: vec![b"Relu".to_vec()],
                ..AttributeProto::default()
            },
            "RNN with activations other than the default",
        ),
    ] {
        let error = load_error(&recurrent(vec![attribute]));
        assert_eq!(error.code, ErrorCode::OpUnsupported);
        assert_eq!(error.message, format!("1 operator is not supported: {name} (node \"rnn_all\")"));
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
