//! Products of matrices and convolutions, with weights known at load and at run.

use edgewise::error::Error;
use edgewise::tensor::Tensor;
use edgewise::value::Value;
use tract_onnx::pb::{
    AttributeProto, GraphProto, NodeProto, OperatorSetIdProto, TensorProto, attribute_proto::AttributeType,
};

use crate::onnx::{DataType, int, load, model, node, value};

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    let r#type = AttributeType::Ints as i32;
    AttributeProto { name: name.to_string(), ints: ints.to_vec(), r#type, ..AttributeProto::default() }
}

fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { name: name.to_string(), f, r#type: AttributeType::Float as i32, ..AttributeProto::default() }
}

fn text(name: &str, text: &str) -> AttributeProto {
    let (s, r#type) = (text.as_bytes().to_vec(), AttributeType::String as i32);
    AttributeProto { name: name.to_string(), s, r#type, ..AttributeProto::default() }
}

fn operator(domain: &str, words: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto { domain: domain.to_string(), attribute, ..node(words) }
}

/// Counts from `first` by `step`.
fn count(dims: &[usize], first: f32, step: f32) -> Tensor {
    let values = (0..dims.iter().product()).map(|index: usize| first + step * index as f32);
    Tensor::new(dims, values.collect()).unwrap()
}

fn floats(dims: &[usize], values: &[f32]) -> Tensor {
    Tensor::new(dims, values.to_vec()).unwrap()
}

fn double(tensor: &Tensor) -> Tensor {
    Tensor::new(tensor.dims(), tensor.to_f64s().unwrap().into_owned()).unwrap()
}

/// Runs one node on inputs a, b, c and d, all but the first of which are weights where `known`.
fn run(node: &NodeProto, inputs: &[Tensor], known: bool) -> Result<Tensor, Error> {
    let data_type = DataType::try_from(inputs[0].element_type().onnx()).unwrap();
    let names = ["a", "b", "c", "d"].iter().zip(inputs).filter(|(name, _)| node.input.contains(&name.to_string()));
    let (mut graph, mut given) = (GraphProto { node: vec![node.clone()], ..GraphProto::default() }, vec![]);
    for (index, (name, tensor)) in names.enumerate() {
        if known && index > 0 {
            graph.initializer.push(TensorProto {
                name: name.to_string(),
                dims: tensor.dims().iter().map(|&dim| dim as i64).collect(),
                data_type: data_type as i32,
                raw_data: tensor.as_bytes().to_vec(),
                ..TensorProto::default()
            });
        } else {
            graph.input.push(value(name, data_type, &"? ".repeat(tensor.rank())));
            given.push((name.to_string(), Value::Tensor(tensor.clone())));
        }
    }
    graph.output.push(value("y", data_type, ""));
    graph.output[0].r#type = None;
    let mut model = model(graph);
    let domain = node.domain.clone();
    if !domain.is_empty() {
        model.opset_import.push(OperatorSetIdProto { domain, version: 1 });
    }
    load(&model)?.run(given, None)?.remove(0).1.into_tensor()
}

fn check(node: &NodeProto, inputs: &[Tensor], expected: &Tensor) {
    for known in [false, true] {
        let actual = run(node, inputs, known).unwrap();
        assert_eq!(actual.dims(), expected.dims(), "{node:?}");
        for (actual, expected) in actual.to_f64s().unwrap().iter().zip(expected.to_f64s().unwrap().iter()) {
            assert!((actual - expected).abs() <= 1e-5 * (1.0 + expected.abs()), "{actual} for {expected}: {node:?}");
        }
    }
}

#[test]
fn products_broadcast_their_batches() {
    let matmul = operator("", "MatMul a b -> y", vec![]);
    let table = [
        (floats(&[2], &[1.0, 2.0]), floats(&[2], &[3.0, 4.0]), floats(&[], &[11.0])),
        (floats(&[1, 2], &[1.0, 2.0]), floats(&[2], &[3.0, 4.0]), floats(&[1], &[11.0])),
        (floats(&[2], &[1.0, 2.0]), floats(&[2, 1, 2, 1], &[1., 2., 3., 4.]), floats(&[2, 1, 1], &[5.0, 11.0])),
        (floats(&[2, 1, 1], &[2.0, 3.0]), floats(&[1, 2], &[5.0, 7.0]), floats(&[2, 1, 2], &[10., 14., 15., 21.])),
        (
            floats(&[2, 1, 1, 1], &[2.0, 3.0]),
            floats(&[3, 1, 1], &[1.0, 2.0, 3.0]),
            floats(&[2, 3, 1, 1], &[2., 4., 6., 3., 6., 9.]),
        ),
        (floats(&[2, 0], &[]), floats(&[0, 3], &[]), floats(&[2, 3], &[0.0; 6])),
        (floats(&[0, 2, 3], &[]), floats(&[3, 4], &[1.0; 12]), floats(&[0, 2, 4], &[])),
    ];
    for (a, b, expected) in &table {
        check(&matmul, &[a.clone(), b.clone()], expected);
        check(&matmul, &[double(a), double(b)], &double(expected));
    }
}

#[test]
fn products_take_what_follows_them() {
    let (a, b) = (floats(&[2, 2], &[1., 2., 3., 4.]), floats(&[2, 2], &[1., -1., 0., 1.]));
    let fused = vec![int("transA", 1), int("transB", 1), float("alpha", 0.5)];
    let fused = operator("com.microsoft", "FusedMatMul a b -> y", fused);
    check(&fused, &[a.clone(), b.clone()], &floats(&[2, 2], &[-1.0, 1.5, -1.0, 2.0]));
    let bias = floats(&[2], &[-2.0, 0.0]);
    let fused = vec![text("activation", "Clip"), float("alpha", 0.0), float("beta", 0.75)];
    let fused = operator("edgewise", "FusedGemm a b c -> y", fused);
    check(&fused, &[a.clone(), b.clone(), bias.clone()], &floats(&[2, 2], &[0.0, 0.75, 0.75, 0.75]));
    let gemm =
        vec![float("alpha", 2.0), float("beta", -1.0), text("activation", "LeakyRelu"), float("activation_alpha", 0.5)];
    let gemm = operator("com.microsoft", "FusedGemm a b c -> y", gemm);
    check(&gemm, &[a, b, bias], &floats(&[2, 2], &[4.0, 2.0, 8.0, 2.0]));
}

#[test]
fn convolutions_of_float64_are_those_of_float32() {
    // The weights of Conv, and those of ConvTranspose.
    let table = [
        (vec![], [2, 4, 7, 9], [6, 4, 3, 2], [4, 6, 3, 2]),
        (vec![int("group", 2), ints("pads", &[1, 0, 2, 3])], [1, 4, 5, 6], [6, 2, 3, 3], [4, 3, 3, 3]),
        (
            vec![int("group", 4), ints("strides", &[2, 1]), ints("dilations", &[1, 2])],
            [2, 4, 8, 9],
            [4, 1, 3, 3],
            [4, 1, 3, 3],
        ),
        (vec![ints("strides", &[3, 2]), ints("pads", &[1, 0, 1, 2])], [1, 4, 2, 3], [5, 4, 2, 3], [4, 5, 3, 3]),
    ];
    for (attributes, image, weights, transposed) in table {
        for (op, weights) in [("Conv", weights), ("ConvTranspose", transposed)] {
            let node = operator("", &format!("{op} a b -> y"), attributes.clone());
            let inputs = [count(&image, -1.0, 0.03), count(&weights, 0.5, -0.02)];
            let expected = run(&node, &[double(&inputs[0]), double(&inputs[1])], false).unwrap();
            check(&node, &inputs, &expected);
        }
    }
}

#[test]
fn a_window_that_never_moves_may_have_any_stride() {
    let image = floats(&[1, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let weights = floats(&[1, 1, 2, 2], &[3.0; 4]);
    let strides = || vec![ints("strides", &[4, i64::MAX])];
    check(&operator("", "Conv a b -> y", strides()), &[image, weights.clone()], &floats(&[1, 1, 1, 1], &[30.0]));
    let pixel = floats(&[1, 1, 1, 1], &[2.0]);
    check(&operator("", "ConvTranspose a b -> y", strides()), &[pixel, weights], &floats(&[1, 1, 2, 2], &[6.0; 4]));
}

#[test]
fn convolutions_take_what_follows_them() {
    let inputs = [
        floats(&[1, 1, 3], &[1., 2., -3.]),
        floats(&[1, 1, 2], &[1., 1.]),
        floats(&[1], &[-4.]),
        floats(&[1, 1, 2], &[0., 1.]),
    ];
    for domain in ["edgewise", "com.microsoft"] {
        let relu = || vec![text("activation", "Relu")];
        let bias = [floats(&[1], &[-2.5])];
        let inputs = [&inputs[..2], &bias, &inputs[3..]].concat();
        check(&operator(domain, "FusedConv a b c -> y", relu()), &inputs, &floats(&[1, 1, 2], &[0.5, 0.0]));
        check(&operator(domain, "FusedConv a b c d -> y", relu()), &inputs, &floats(&[1, 1, 2], &[0.5, 0.0]));
    }
    let attributes = vec![text("activation", "LeakyRelu"), float("alpha", 0.5)];
    let node = operator("edgewise", "FusedConv a b c d -> y", attributes);
    check(&node, &inputs, &floats(&[1, 1, 2], &[-0.5, -2.0]));
}

#[test]
fn operands_that_do_not_fit_are_refused() {
    let table = [
        ("MatMul a b -> y", vec![2, 3], vec![2, 3], "as many columns on the left as rows on the right, got 3 and 2"),
        ("MatMul a b -> y", vec![2, 1, 1], vec![3, 1, 1], "cannot broadcast batches of 2 and 3"),
        ("MatMul a b -> y", vec![], vec![1, 1], "got a scalar"),
        ("Gemm a b -> y", vec![2], vec![2, 2], "expected matrices"),
        ("Conv a b -> y", vec![1, 2, 5, 5], vec![1, 3, 2, 2], "expected 3 channels, got 2"),
        ("Conv a b -> y", vec![1, 2, 5, 5], vec![1, 2, 6, 6], "a kernel over 6 pixels does not fit 5"),
        ("Conv a b -> y", vec![1, 2, 5, 5], vec![1, 2, 2], "is not that of the node"),
        ("Conv a b -> y", vec![1, 2, 1, 1, 1, 1], vec![1, 2, 1, 1, 1, 1], "at most 3 spatial axes"),
    ];
    for (words, a, b, message) in table {
        for known in [false, true] {
            let error = run(&operator("", words, vec![]), &[count(&a, 1.0, 1.0), count(&b, 1.0, 1.0)], known);
            let error = error.unwrap_err();
            assert!(error.message.contains(message), "{words}: {error}");
        }
    }
    let node = operator("", "Conv a b -> y", vec![int("group", 2)]);
    for known in [false, true] {
        let error = run(&node, &[count(&[1, 4, 3], 0.0, 1.0), count(&[3, 2, 1], 0.0, 1.0)], known).unwrap_err();
        assert!(error.message.contains("in 2 groups"), "{error}");
    }
}
