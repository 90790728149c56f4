//! Pooling, resizing, sampling and boxes: what onnxruntime gives.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, ValueInfoProto};

use edgewise::tensor::{Element, Tensor};
use edgewise::value::Value;

use crate::onnx::{DataType, load, model, node, value};

/// An operator, its opset and attributes; its inputs, `_` for none; its outputs. Elements are float32, int64 or uint8, and
/// `..` counts from 0.
type Case = (&'static str, &'static str, &'static str);

const POOLING: &[Case] = &[
    (
        "MaxPool 12 kernel_shape=2,2 strides=2,2 storage_order=1",
        "f[1,1,4,4] 0 7 1 8 2 9 3 10 4 11 5 12 6 0 7 1",
        "f[1,1,2,2] 9 10 11 12; i[1,1,2,2] 5 13 6 14",
    ),
    (
        "MaxPool 12 kernel_shape=3,3 strides=2,2 pads=1,1,1,1",
        "f[1,1,4,4] 0 7 1 8 2 9 3 10 4 11 5 12 6 0 7 1",
        "f[1,1,2,2] 9 10 11 12",
    ),
    ("MaxPool 12 kernel_shape=1, strides=3, pads=0,0 ceil_mode=1", "f[1,1,5] ..", "f[1,1,2] 0 3"),
    ("MaxPool 12 kernel_shape=2,2 dilations=1,2", "u[1,1,2,3] 0 1 2 3 4 5", "u[1,1,1,1] 5"),
    (
        "AveragePool 19 kernel_shape=3,3 strides=2,2 pads=1,1,1,1 ceil_mode=1",
        "f[1,1,4,4] 0 7 1 8 2 9 3 10 4 11 5 12 6 0 7 1",
        "f[1,1,3,3] 4.5 6.333333 9 5.333333 6.444445 7.666667 3 2.666667 1",
    ),
    (
        "AveragePool 19 kernel_shape=3,3 strides=2,2 pads=1,1,1,1 ceil_mode=1 count_include_pad=1",
        "f[1,1,4,4] 0 7 1 8 2 9 3 10 4 11 5 12 6 0 7 1",
        "f[1,1,3,3] 2 4.222222 3 3.555556 6.444445 3.833333 1 1.333333 0.25",
    ),
    ("AveragePool 11 kernel_shape=2, strides=2, auto_pad=SAME_LOWER", "f[1,1,5] ..", "f[1,1,3] 0 1.5 3.5"),
    ("LpPool 18 kernel_shape=2, p=2", "f[1,1,3] 0 1 2", "f[1,1,2] 1 2.236068"),
    ("GlobalAveragePool 11", "f[1,2,3,3] ..", "f[1,2,1,1] 4 13"),
    ("GlobalMaxPool 11", "f[0,2,3,3]", "f[0,2,1,1]"),
    (
        "MaxUnpool 11 kernel_shape=2,2 strides=2,2",
        "f[1,1,2,2] 0 1 2 3; i[1,1,2,2] 1 4 10 24; i[4] 1 1 5 5",
        "f[1,1,5,5] 0 0 0 0 1 0 0 0 0 0 2 0 0 0 0 0 0 0 0 0 0 0 0 0 3",
    ),
];

const RESIZING: &[Case] = &[
    (
        "Resize 19 mode=nearest coordinate_transformation_mode=asymmetric nearest_mode=floor",
        "f[1,1,2,2] 0 1 2 3; _; f[4] 1 1 2 2",
        "f[1,1,4,4] 0 0 1 1 0 0 1 1 2 2 3 3 2 2 3 3",
    ),
    (
        "Resize 19 mode=linear",
        "f[1,1,2,2] 0 1 2 3; _; f[4] 1 1 2 2",
        "f[1,1,4,4] 0 0.25 0.75 1 0.5 0.75 1.25 1.5 1.5 1.75 2.25 2.5 2 2.25 2.75 3",
    ),
    (
        "Resize 19 mode=linear coordinate_transformation_mode=align_corners",
        "f[1,3] 0 1 2; _; _; i[2] 1 5",
        "f[1,5] 0 0.5 1 1.5 2",
    ),
    ("Resize 19 mode=linear antialias=1", "f[1,6] ..; _; f[2] 1 0.5", "f[1,3] 0.625 2.5 4.375"),
    (
        "Resize 19 mode=cubic exclude_outside=1 cubic_coeff_a=-0.5",
        "f[1,4] 0 1 2 3; _; f[2] 1 1.5",
        "f[1,6] -0.06578921 0.4117647 1.166666 1.833334 2.588235 3.065789",
    ),
    (
        "Resize 19 mode=nearest axes=1, coordinate_transformation_mode=tf_crop_and_resize extrapolation_value=9.0",
        "f[1,4] 0 1 2 3; f[2] -0.5 1; _; i[1] 3",
        "f[1,3] 9 1 3",
    ),
    (
        "Resize 19 mode=nearest keep_aspect_ratio_policy=not_larger",
        "f[2,4] ..; _; _; i[2] 6 6",
        "f[3,6] 0 0 1 2 2 3 0 0 1 2 2 3 4 4 5 6 6 7",
    ),
    ("Resize 19 mode=linear", "u[1,3] 0 255 9; _; f[2] 1 2", "u[1,6] 0 63 191 193 70 9"),
    (
        "Resize 19 mode=nearest coordinate_transformation_mode=asymmetric nearest_mode=round_prefer_ceil",
        "f[7] ..; _; _; i[1] 8",
        "f[8] 0 1 2 3 4 4 5 6",
    ),
    ("Upsample 7 mode=linear scales=1.0,1.0,1.0,2.0", "f[1,1,2,2] 0 1 2 3", "f[1,1,2,4] 0 0.5 1 1 2 2.5 3 3"),
];

const SAMPLING: &[Case] = &[
    (
        "GridSample 20 mode=linear padding_mode=zeros",
        "f[1,1,2,2] 0 1 2 3; f[1,1,4,2] -1 -1 0 0 0.5 3 -3 0.2",
        "f[1,1,1,4] 0 1.5 0 0",
    ),
    (
        "GridSample 20 mode=cubic padding_mode=reflection align_corners=1",
        "f[1,1,2,2] 0 1 2 3; f[1,1,4,2] -1 -1 0 0 0.5 3 -3 0.2",
        "f[1,1,1,4] 0 1.5 0.84375 2.295999",
    ),
    ("AffineGrid 20 align_corners=0", "f[1,2,3] 1 0 0.5 0 2 0; i[4] 1 1 1 2", "f[1,1,2,2] 0 0 1 0"),
    ("RoiAlign 16 output_height=1 output_width=2", "f[1,1,4,4] ..; f[1,4] 0 0 2 3; i[1] 0", "f[1,1,1,2] 4 5"),
    (
        "RoiAlign 10 output_height=1 output_width=2 mode=max sampling_ratio=1",
        "f[1,1,4,4] ..; f[1,4] 0 0 2 3; i[1] 0",
        "f[1,1,1,2] 2.25 2.5",
    ),
    ("MaxRoiPool 11 pooled_shape=2,2", "f[1,1,4,4] ..; f[1,5] 0 0 1 2 3", "f[1,1,2,2] 9 10 13 14"),
];

const BOXES: &[Case] = &[
    (
        "NonMaxSuppression 11",
        "f[1,4,4] 0 0 1 1 0 0.1 1 1.1 0 2 1 3 1 3 0 2; f[1,1,4] 0.5 0.9 0.3 0.3; i[1] 5; f[1] 0.5; f[1] 0.2",
        "i[2,3] 0 0 1 0 0 2",
    ),
    ("NonMaxSuppression 11", "f[1,4,4] 0 0 1 1 0 0.1 1 1.1 0 2 1 3 1 3 0 2; f[1,1,4] 0.5 0.9 0.3 0.3", "i[0,3]"),
];

fn parse_attribute(text: &str) -> AttributeProto {
    let (name, value) = text.split_once('=').unwrap();
    let mut attribute = AttributeProto { name: name.to_string(), ..AttributeProto::default() };
    let parts: Vec<&str> = value.split(',').filter(|part| !part.is_empty()).collect();
    let kind = if value.contains(',') && value.contains('.') {
        attribute.floats = parts.iter().map(|part| part.parse().unwrap()).collect();
        AttributeType::Floats
    } else if value.contains(',') {
        attribute.ints = parts.iter().map(|part| part.parse().unwrap()).collect();
        AttributeType::Ints
    } else if let Ok(number) = value.parse() {
        attribute.i = number;
        AttributeType::Int
    } else if let Ok(number) = value.parse() {
        attribute.f = number;
        AttributeType::Float
    } else {
        attribute.s = value.as_bytes().to_vec();
        AttributeType::String
    };
    attribute.r#type = kind as i32;
    attribute
}

fn parse_values<T: Element + std::str::FromStr>(dims: &[usize], text: &str) -> Tensor {
    let counted: Vec<String> = (0..dims.iter().product::<usize>()).map(|index| index.to_string()).collect();
    let words: Vec<&str> =
        if text == ".." { counted.iter().map(String::as_str).collect() } else { text.split_whitespace().collect() };
    let values = words.iter().map(|word| word.parse().ok().unwrap());
    Tensor::new(dims, values.collect::<Vec<T>>()).unwrap()
}

fn parse_tensors(text: &str) -> Vec<Option<Tensor>> {
    let parse = |text: &str| {
        let (head, values) = text.split_once(']')?;
        let (kind, dims) = head.split_once('[').unwrap();
        let dims: Vec<usize> = dims.split(',').map(|dim| dim.parse().unwrap()).collect();
        Some(match kind {
            "f" => parse_values::<f32>(&dims, values.trim()),
            "i" => parse_values::<i64>(&dims, values.trim()),
            _ => parse_values::<u8>(&dims, values.trim()),
        })
    };
    text.split("; ").map(parse).collect()
}

fn run(operator: &str, inputs: &str, outputs: usize) -> edgewise::error::Result<Vec<Tensor>> {
    let mut words = operator.split_whitespace();
    let (op, opset) = (words.next().unwrap(), words.next().unwrap());
    let inputs: Vec<(String, Option<Tensor>)> =
        parse_tensors(inputs).into_iter().enumerate().map(|(index, tensor)| (format!("x{index}"), tensor)).collect();
    let outputs: Vec<String> = (0..outputs).map(|index| format!("y{index}")).collect();
    let mut operator = node(&format!("{op} -> {}", outputs.join(" ")));
    operator.input =
        inputs.iter().map(|(name, tensor)| if tensor.is_some() { name.clone() } else { String::new() }).collect();
    operator.attribute = words.map(parse_attribute).collect();
    let given: Vec<(String, Tensor)> = inputs.into_iter().filter_map(|(name, tensor)| Some((name, tensor?))).collect();
    let describe = |(name, tensor): &(String, Tensor)| {
        let dims = vec!["?"; tensor.rank()].join(" ");
        value(name, DataType::try_from(tensor.element_type().onnx()).unwrap(), &dims)
    };
    let graph = GraphProto {
        input: given.iter().map(describe).collect(),
        output: outputs.iter().map(|name| ValueInfoProto { name: name.clone(), ..ValueInfoProto::default() }).collect(),
        node: vec![operator],
        ..GraphProto::default()
    };
    let mut model = model(graph);
    model.opset_import[0].version = opset.parse().unwrap();
    let given = given.into_iter().map(|(name, tensor)| (name, Value::Tensor(tensor))).collect();
    let results = load(&model)?.run(given, None)?;
    Ok(results.into_iter().map(|(_, value)| value.into_tensor().unwrap()).collect())
}

fn check(cases: &[Case]) {
    for (operator, inputs, outputs) in cases {
        let expected: Vec<Tensor> = parse_tensors(outputs).into_iter().flatten().collect();
        let actual = run(operator, inputs, expected.len()).unwrap();
        for (actual, expected) in actual.iter().zip(&expected) {
            assert_eq!(actual.dims(), expected.dims(), "{operator}");
            assert_eq!(actual.element_type(), expected.element_type(), "{operator}");
            for (a, e) in actual.to_f64s().unwrap().iter().zip(expected.to_f64s().unwrap().iter()) {
                assert!((a - e).abs() <= 1e-5 * e.abs().max(1.0), "{operator}: {a} for {e}");
            }
        }
    }
}

#[test]
fn windows_are_pooled() {
    check(POOLING);
}

#[test]
fn images_are_resized() {
    check(RESIZING);
}

#[test]
fn images_are_sampled() {
    check(SAMPLING);
}

#[test]
fn boxes_are_selected() {
    check(BOXES);
}

#[test]
fn a_window_without_values_keeps_nan_and_infinity() {
    let largest = run("MaxPool 12 kernel_shape=2, strides=2,", "f[1,1,4] -inf -inf NaN 1", 1).unwrap();
    let largest = largest[0].slice::<f32>().unwrap().to_vec();
    assert!(largest[0] == f32::NEG_INFINITY && largest[1].is_nan());
}

#[test]
fn what_does_not_fit_is_refused() {
    for (operator, inputs, expected) in [
        ("MaxPool 12 kernel_shape=5,", "f[1,1,2] 0 1", "a window of 5 along an axis of 2"),
        ("MaxPool 12 kernel_shape=2,2", "f[1,1,2] 0 1", "expected 4 axes"),
        ("MaxPool 12 kernel_shape=0,", "f[1,1,2] 0 1", "kernel_shape=[0]"),
        ("AveragePool 12 kernel_shape=2, pads=1,", "f[1,1,2] 0 1", "pads=[1]"),
        ("Resize 19 mode=linear", "f[2] 0 1", "expected scales or sizes"),
        ("Resize 19 mode=linear", "f[2] 0 1; _; f[2] 1 1", "expected 1 scales, got 2"),
        ("Resize 19 mode=linear", "f[2] 0 1; _; f[1] -1", "scales above 0"),
        ("Resize 19 mode=linear", "f[0]; _; _; i[1] 3", "an axis of 0 cannot have the size 3"),
        ("RoiAlign 16 output_height=1", "f[1,1,1,1] 0; f[1,4] 0 0 1 1; i[1] 1", "none of the 1 images"),
        ("GridSample 20 mode=linear", "f[1,1,2,2] ..; f[1,1,1,3] 0 0 0", "points of as many numbers as axes"),
        ("MaxUnpool 11 kernel_shape=2,", "f[1,1,1] 0; i[1,1,1] 9", "index 9 is outside"),
        ("NonMaxSuppression 11", "f[1,1,4] 0 0 1 1; f[1,1,2] 0 0", "as many scores as boxes"),
    ] {
        let error = run(operator, inputs, 1).unwrap_err();
        assert!(error.message.contains(expected), "{operator}: {error}");
    }
}
