//! Elementwise operators: what they make of types, of ends and of memory that they are given.

use std::collections::BTreeMap;

use edgewise::error::{ErrorCode, Result};
use edgewise::session::Session;
use edgewise::tensor::{Element, ElementType, Tensor};
use prost::Message;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, OperatorSetIdProto, attribute_proto::AttributeType};

use crate::onnx::{DataType, assert_close, float, int, matrix, model, node, read, value};

fn opset(version: i64, graph: GraphProto) -> ModelProto {
    let domains = ["", "ai.onnx.ml"].into_iter();
    let opset_import = domains.map(|domain| OperatorSetIdProto { domain: domain.to_string(), version }).collect();
    ModelProto { opset_import, ..model(graph) }
}

fn text(name: &str, text: &str) -> AttributeProto {
    let r#type = AttributeType::String as i32;
    AttributeProto { name: name.to_string(), s: text.as_bytes().to_vec(), r#type, ..AttributeProto::default() }
}

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

/// What nodes make of inputs a to e; the result is y, of the element type `to`.
pub fn run(version: i64, nodes: &[(&str, Vec<AttributeProto>)], inputs: &[Tensor], to: ElementType) -> Result<Tensor> {
    let graph = GraphProto {
        node: nodes
            .iter()
            .map(|(text, attributes)| {
                let mut node = node(text);
                node.input.iter_mut().filter(|name| *name == "-").for_each(String::clear);
                node.attribute = attributes.clone();
                if let Some((domain, name)) = node.op_type.clone().rsplit_once('.') {
                    (node.domain, node.op_type) = (domain.to_string(), name.to_string());
                }
                node
            })
            .collect(),
        input: inputs
            .iter()
            .zip(NAMES)
            .map(|(tensor, name)| {
                let dims: Vec<String> = tensor.dims().iter().map(usize::to_string).collect();
                value(name, tensor.element_type().onnx(), &dims.join(" "))
            })
            .collect(),
        output: vec![value("y", to.onnx(), "")],
        ..GraphProto::default()
    };
    let mut session = Session::new(read(&opset(version, graph).encode_to_vec())?, &BTreeMap::new())?;
    let given = || inputs.iter().zip(NAMES).map(|(tensor, name)| (name.to_string(), tensor.clone().into()));
    let first = session.run(given().collect(), None)?;
    assert_eq!(first, session.run(given().collect(), None)?, "a run changes its inputs");
    first[0].1.tensor().cloned()
}

fn vector<T: Element>(values: &[T]) -> Tensor {
    Tensor::vector(values.to_vec())
}

#[test]
fn integers_wrap_truncate_and_compare_exactly() {
    let large = 1i64 << 53;
    let rows: Vec<(&str, Tensor, Tensor, Tensor)> = vec![
        ("Add", vector(&[200u8, 255]), vector(&[100u8]), vector(&[44u8, 99])),
        ("Sub", vector(&[0u32]), vector(&[1u32]), vector(&[u32::MAX])),
        ("Mul", vector(&[i32::MAX]), vector(&[2i32]), vector(&[-2i32])),
        ("Div", vector(&[-7i64, i64::MIN]), vector(&[2i64, -1]), vector(&[-3i64, i64::MIN])),
        ("Div", vector(&[u64::MAX]), vector(&[2u64]), vector(&[u64::MAX / 2])),
        ("Mod", vector(&[-7i8, 7, -6]), vector(&[3i8, -3, 3]), vector(&[2i8, -2, 0])),
        ("Pow", vector(&[2i64, -2, 3]), vector(&[62i64, 3, -1]), vector(&[1i64 << 62, -8, 0])),
        ("Max", vector(&[u64::MAX]), vector(&[1u64]), vector(&[u64::MAX])),
        ("Equal", vector(&[large]), vector(&[large + 1]), vector(&[false])),
        ("Less", vector(&[large as u64, u64::MAX - 1]), vector(&[large as u64 + 1, u64::MAX]), vector(&[true, true])),
        ("Equal", vector(&["a".to_string(), "b".into()]), vector(&["b".to_string()]), vector(&[false, true])),
        ("And", vector(&[true, true, false]), vector(&[true, false, true]), vector(&[true, false, false])),
        ("BitwiseXor", vector(&[-1i16]), vector(&[255i16]), vector(&[-256i16])),
    ];
    for (op, a, b, expected) in rows {
        let y = run(19, &[(&format!("{op} a b -> y"), vec![])], &[a, b], expected.element_type()).unwrap();
        assert!(y == expected, "{op}: {y}");
    }
    let shift = |x: u8, by: u8, direction| {
        let nodes = [("BitShift a b -> y", vec![text("direction", direction)])];
        run(11, &nodes, &[vector(&[x]), vector(&[by])], ElementType::Uint8).unwrap().only::<u8>().unwrap()
    };
    assert_eq!((shift(200, 1, "LEFT"), shift(200, 3, "RIGHT"), shift(200, 9, "LEFT")), (144, 25, 0));
}

#[test]
fn what_cannot_be_computed_is_an_error() {
    let zero = vector(&[0i32]);
    for (op, a, b) in [
        ("Div", vector(&[1i32]), zero.clone()),
        ("Mod", vector(&[1i32]), zero.clone()),
        ("Add", vector(&[1f32, 2.0]), vector(&[1f32, 2.0, 3.0])),
        ("Add", vector(&[1f32]), zero.clone()),
        ("And", zero.clone(), zero.clone()),
    ] {
        let error = run(13, &[(&format!("{op} a b -> y"), vec![])], &[a, b], ElementType::Int32).unwrap_err();
        assert_eq!(error.code, ErrorCode::ExecutionFailed, "{error}");
    }
    let none = run(
        13,
        &[("Div a b -> y", vec![])],
        &[Tensor::zeros(ElementType::Int32, &[0]).unwrap(), zero],
        ElementType::Int32,
    );
    assert_eq!(none.unwrap().dims(), [0]);
}

#[test]
fn chains_work_in_place_and_keep_nan() {
    let (nan, inf) = (f32::NAN, f32::INFINITY);
    let a = Tensor::new(&[2, 3], vec![nan, -1.0, 2.0, inf, -inf, 0.5]).unwrap();
    // Every second operand, and the first, is nobody else's when its turn comes.
    let nodes: Vec<(&str, Vec<AttributeProto>)> = vec![
        ("Neg a -> n", vec![]),
        ("Sub b n -> s", vec![]),
        ("Relu s -> r", vec![]),
        ("Max r b -> m", vec![]),
        ("Clip m c -> y", vec![]),
    ];
    let y = run(13, &nodes, &[a, vector(&[1f32, 2.0, 3.0]), Tensor::scalar(2.5f32)], ElementType::Float32).unwrap();
    let y = y.slice::<f32>().unwrap();
    assert!(y[0].is_nan());
    assert_eq!(&y[1..], [2.5, 5.0, f32::MAX, 2.5, 3.5]);
}

#[test]
fn casts_are_those_of_onnxruntime() {
    let floats = vector(&[300.7f32, -1.5, 70000.0, f32::NAN]);
    let words = |words: &[&str]| vector(&words.iter().map(|word| word.to_string()).collect::<Vec<_>>());
    let rows: Vec<(Tensor, Tensor)> = vec![
        (floats.clone(), vector(&[44u8, 255, 112, 0])),
        (floats.clone(), vector(&[300i32, -1, 70000, i32::MIN])),
        (floats.clone(), vector(&[true, true, true, true])),
        (floats.clone(), words(&["300.70001", "-1.5", "70000", "NaN"])),
        (vector(&[200i16, -200]), vector(&[-56i8, 56])),
        (vector(&[true, false]), words(&["1", "0"])),
        (words(&[" 5", "-3", "2.7"]), vector(&[5i64, -3, 2])),
        (words(&["1e3", "-INF", "2.5"]), vector(&[1000f64, f64::NEG_INFINITY, 2.5])),
        (vector(&[u64::MAX]), vector(&[u64::MAX as f32])),
    ];
    for (a, expected) in rows {
        let to = expected.element_type();
        let y = run(19, &[("Cast a -> y", vec![int("to", to.onnx().into())])], &[a], to).unwrap();
        assert!(y == expected, "{expected}: {:?}", y.data());
    }
    // Half precision rounds, whatever holds the numbers.
    for (half, rounded) in [(DataType::Float16, 0.099_975_586f32), (DataType::Bfloat16, 0.100_097_656)] {
        let nodes =
            [("Cast a -> h", vec![int("to", half as i64)]), ("Cast h -> y", vec![int("to", DataType::Float as i64)])];
        let y = run(19, &nodes, &[vector(&[0.1f32])], ElementType::Float32).unwrap();
        assert_eq!(y.only::<f32>().unwrap(), rounded);
    }
}

#[test]
fn types_of_less_than_two_bytes_round_trip() {
    let rows = [
        (DataType::Float8e4m3fn, 465.0, 448.0, true),
        (DataType::Float8e4m3fn, 465.0, f32::NAN, false),
        (DataType::Float8e5m2, 1e9, f32::INFINITY, false),
        (DataType::Float8e5m2fnuz, -0.3, -0.3125, true),
    ];
    for (to, x, expected, saturates) in rows {
        let attributes = vec![int("to", to as i64), int("saturate", saturates.into())];
        let nodes = [("Cast a -> h", attributes), ("Cast h -> y", vec![int("to", DataType::Float as i64)])];
        let y: f32 = run(19, &nodes, &[vector(&[x])], ElementType::Float32).unwrap().only().unwrap();
        assert!(y == expected || (y.is_nan() && expected.is_nan()), "{to:?}: {y}");
    }
}

#[test]
fn the_mask_of_a_dropout_says_what_is_kept() {
    let nodes = [("Dropout a -> k m", vec![]), ("Not m -> y", vec![])];
    for (version, dropped) in [(13, false), (10, true)] {
        let y = run(version, &nodes, &[vector(&[1f32])], ElementType::Bool).unwrap();
        assert_eq!(y.only::<bool>().unwrap(), dropped);
    }
}

#[test]
fn a_gate_is_multiplied() {
    let (a, b) = (vector(&[1f32, -2.0]), vector(&[3f32, 4.0]));
    let inputs = [a.clone(), b];
    let y = run(28, &[("SwiGLU a b -> y", vec![])], &inputs, ElementType::Float32).unwrap();
    assert_close(&y, &vector(&[2.1931758f32, -0.95362437]), 1e-6, "SwiGLU");
    let y = run(28, &[("SwiGLU a b -> y", vec![float("alpha", 2.0)])], &inputs, ElementType::Float32).unwrap();
    assert_close(&y, &vector(&[2.6423912f32, -0.14388968]), 1e-6, "SwiGLU of alpha 2");
    let other = [a, vector(&[1f32])];
    assert!(run(28, &[("SwiGLU a b -> y", vec![])], &other, ElementType::Float32).is_err());
}

#[test]
fn whole_numbers_pass_through_functions_of_real_ones() {
    let halves = [float("alpha", 0.5), float("beta", 0.5)];
    let gemm = [matrix(&[[3i32, 0]]), matrix(&[[1i32], [1]]), vector(&[1i32])];
    let y = run(13, &[("Gemm a b c -> y", halves.to_vec())], &gemm, ElementType::Int32).unwrap();
    assert_eq!(y, matrix(&[[2i32]]));
    let y = run(13, &[("Erf a -> y", vec![])], &[vector(&[-9i8, 1, 9])], ElementType::Int8).unwrap();
    assert_eq!(y, vector(&[-1i8, 0, 1]));
    let window = vec![int("output_datatype", 7), int("periodic", 0)];
    let y = run(17, &[("BlackmanWindow a -> y", window)], &[Tensor::scalar(3i64)], ElementType::Int64).unwrap();
    assert_eq!(y, vector(&[0i64, 1, 0]));
    let scaled = [matrix(&[[3f64, 4.0]]), vector(&[1f32, 2.0])];
    let y = run(23, &[("RMSNormalization a b -> y", vec![])], &scaled, ElementType::Float32).unwrap();
    assert_close(&y, &matrix(&[[0.848_527_9f32, 2.262_741]]), 1e-5, "RMSNormalization");
}
