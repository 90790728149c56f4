//! Operators that move elements, in the forms that the ONNX node tests leave out. Expected values are from onnxruntime.

use edgewise::error::Result;
use edgewise::tensor::{Element, Tensor};
use tract_onnx::pb::{AttributeProto, GraphProto, OperatorSetIdProto, ValueInfoProto, attribute_proto};

use crate::onnx::{DataType, int, load, model, node, value};

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    let r#type = attribute_proto::AttributeType::Ints as i32;
    AttributeProto { name: name.to_string(), ints: values.to_vec(), r#type, ..AttributeProto::default() }
}

fn text(name: &str, value: &str) -> AttributeProto {
    let (r#type, s) = (attribute_proto::AttributeType::String as i32, value.as_bytes().to_vec());
    AttributeProto { name: name.to_string(), s, r#type, ..AttributeProto::default() }
}

fn tensor<T: Element>(dims: &[usize], values: Vec<T>) -> Tensor {
    Tensor::new(dims, values).unwrap()
}

fn float(dims: &[usize], values: &[f32]) -> Tensor {
    tensor(dims, values.to_vec())
}

fn whole(values: &[i64]) -> Tensor {
    Tensor::vector(values.to_vec())
}

/// `"0 1 2"` counted up to the number of elements.
fn count(dims: &[usize]) -> Tensor {
    tensor(dims, (0..dims.iter().product::<usize>()).map(|index| index as f32).collect())
}

/// Runs one node: `"Slice a b c -> y"`, with inputs named from `a` on.
fn run(opset: i64, line: &str, attributes: Vec<AttributeProto>, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    let mut node = node(line);
    node.attribute = attributes;
    let names = ["a", "b", "c", "d", "e"];
    let input = |(name, tensor): (&&str, &Tensor)| {
        let data_type = DataType::try_from(tensor.element_type().onnx()).unwrap();
        let dims: Vec<String> = tensor.dims().iter().map(usize::to_string).collect();
        value(name, data_type, &dims.join(" "))
    };
    let output = |name: &String| ValueInfoProto { r#type: None, ..value(name, DataType::Float, "") };
    let graph = GraphProto {
        input: names.iter().zip(inputs).map(input).collect(),
        output: node.output.iter().map(output).collect(),
        node: vec![node],
        ..GraphProto::default()
    };
    let mut model = model(graph);
    model.opset_import = vec![OperatorSetIdProto { domain: String::new(), version: opset }];
    let values = names.iter().zip(inputs).map(|(name, tensor)| (name.to_string(), tensor.clone().into())).collect();
    let results = load(&model)?.run(values, None)?;
    results.into_iter().map(|(_, value)| value.into_tensor()).collect()
}

#[track_caller]
fn check(opset: i64, line: &str, attributes: Vec<AttributeProto>, inputs: &[Tensor], expected: &[Tensor]) {
    let outputs = run(opset, line, attributes, inputs).unwrap();
    assert_eq!(outputs.len(), expected.len());
    for (output, expected) in outputs.iter().zip(expected) {
        assert!(output == expected, "{output} for {expected}: {:?}", output.data());
    }
}

#[track_caller]
fn check_error(opset: i64, line: &str, attributes: Vec<AttributeProto>, inputs: &[Tensor], expected: &str) {
    let error = run(opset, line, attributes, inputs).unwrap_err();
    assert!(error.message.contains(expected), "{error}");
}

#[test]
fn axes_change_places() {
    let transposed = float(&[3, 2], &[0., 3., 1., 4., 2., 5.]);
    check(7, "Transpose a -> y", vec![], &[count(&[2, 3])], &[transposed]);
    let perm = || vec![ints("perm", &[1, 2, 0])];
    check(7, "Transpose a -> y", perm(), &[count(&[1, 2, 2])], &[count(&[2, 2, 1])]);
    check(7, "Transpose a -> y", perm(), &[count(&[0, 2, 3])], &[count(&[2, 3, 0])]);
    check_error(7, "Transpose a -> y", perm(), &[count(&[2, 2])], "the axes [1, 2, 0]");
    let words = |dims: &[usize], text: &str| tensor(dims, text.split(' ').map(str::to_string).collect());
    check(7, "Transpose a -> y", vec![], &[words(&[2, 2], "a b c d")], &[words(&[2, 2], "a c b d")]);
}

#[test]
fn parts_are_put_together_and_taken_apart() {
    let joined = float(&[2, 3], &[0., 5., 6., 1., 7., 8.]);
    check(7, "Concat a b -> y", vec![int("axis", -1)], &[count(&[2, 1]), float(&[2, 2], &[5., 6., 7., 8.])], &[joined]);
    check_error(7, "Concat a b -> y", vec![int("axis", 0)], &[count(&[2, 1]), count(&[2, 2])], "but for axis 0");
    let parts = [float(&[2], &[0., 1.]), float(&[1], &[2.])];
    check(7, "Split a -> x y", vec![ints("split", &[2, 1])], &[count(&[3])], &parts);
    check(13, "Split a b -> x y", vec![], &[count(&[3]), whole(&[2, 1])], &parts);
    check(18, "Split a -> x y", vec![int("num_outputs", 2)], &[count(&[3])], &parts);
    check_error(13, "Split a -> x y", vec![], &[count(&[3])], "3 elements cannot be split into 2");
}

#[test]
fn slices_go_either_way() {
    let old = vec![ints("starts", &[-2]), ints("ends", &[i64::MAX])];
    check(9, "Slice a -> y", old, &[count(&[4])], &[float(&[2], &[2., 3.])]);
    let slice = |start: i64, end: i64, step: i64, expected: &[f32]| {
        let inputs = [count(&[4]), whole(&[start]), whole(&[end]), whole(&[0]), whole(&[step])];
        check(13, "Slice a b c d e -> y", vec![], &inputs, &[float(&[expected.len()], expected)]);
    };
    slice(3, i64::MIN, -2, &[3., 1.]);
    slice(i64::MAX, i64::MIN, i64::MIN, &[3.]);
    slice(-1, i64::from(i32::MAX), -1, &[3., 2., 1., 0.]);
    slice(2, 1, 1, &[]);
    slice(0, 4, i64::MAX, &[0.]);
}

#[test]
fn indices_out_of_range_are_named() {
    let inputs = [count(&[2, 3]), whole(&[0, 3])];
    let expected = "index 3 is outside axis 1 of 3 elements";
    check_error(13, "Gather a b -> y", vec![int("axis", 1)], &inputs, expected);
    let inputs = [count(&[2, 3]), tensor(&[1, 2], vec![1i64, -4])];
    let expected = "index -4 is outside axis 1 of 3 elements";
    check_error(13, "GatherND a b -> y", vec![], &inputs, expected);
    let inputs = [count(&[2, 3]), tensor(&[1, 2], vec![1i64, -4]), count(&[1, 2])];
    check_error(13, "ScatterElements a b c -> y", vec![int("axis", 1)], &inputs, expected);
}

#[test]
fn a_reduction_meets_nan_as_in_onnxruntime() {
    let inputs = [float(&[2], &[f32::NAN, 1.]), whole(&[0, 1]), float(&[2], &[1., f32::NAN])];
    let expected = float(&[2], &[1., f32::NAN]);
    check(18, "ScatterElements a b c -> y", vec![text("reduction", "max")], &inputs, std::slice::from_ref(&expected));
    check(18, "ScatterElements a b c -> y", vec![text("reduction", "min")], &inputs, &[expected]);
    let inputs = [tensor(&[1], vec![250u8]), whole(&[0, 0]), tensor(&[2], vec![3u8, 4])];
    check(18, "ScatterElements a b c -> y", vec![text("reduction", "add")], &inputs, &[tensor(&[1], vec![1u8])]);
}

#[test]
fn pads_repeat_what_is_left() {
    let pads = |mode: &str, pads: &[i64], expected: &[f32]| {
        let inputs = [count(&[4]), whole(pads)];
        check(19, "Pad a b -> y", vec![text("mode", mode)], &inputs, &[float(&[expected.len()], expected)]);
        let old = vec![text("mode", mode), ints("pads", pads)];
        check(10, "Pad a -> y", old, &[count(&[4])], &[float(&[expected.len()], expected)]);
    };
    pads("constant", &[-1, 2], &[1., 2., 3., 0., 0.]);
    pads("reflect", &[-1, 2], &[1., 2., 3., 2., 1.]);
    pads("wrap", &[2, 1], &[2., 3., 0., 1., 2., 3., 0.]);
    pads("edge", &[2, -1], &[0., 0., 0., 1., 2.]);
    check_error(19, "Pad a b -> y", vec![text("mode", "edge")], &[count(&[0]), whole(&[1, 0])], "none to pad with");
}

#[test]
fn the_largest_come_in_the_order_of_their_indices() {
    let inputs = [float(&[5], &[1., 3., f32::NEG_INFINITY, 3., 0.]), whole(&[3])];
    let largest = [float(&[3], &[3., 3., 1.]), whole(&[1, 3, 0])];
    check(11, "TopK a b -> x y", vec![], &inputs, &largest);
    let smallest = [float(&[3], &[f32::NEG_INFINITY, 0., 1.]), whole(&[2, 4, 0])];
    check(11, "TopK a b -> x y", vec![int("largest", 0)], &inputs, &smallest);
    let values: Vec<i64> = (0..1000).map(|index| index * 7919 % 997 - 500).collect();
    let mut order: Vec<i64> = (0..1000).collect();
    order.sort_by_key(|&index| (-values[index as usize], index));
    let top: Vec<i64> = order.iter().take(10).map(|&index| values[index as usize]).collect();
    check(11, "TopK a b -> x y", vec![], &[whole(&values), whole(&[10])], &[whole(&top), whole(&order[..10])]);
    check_error(11, "TopK a b -> x y", vec![], &[count(&[2]), whole(&[3])], "3 elements cannot be chosen");
}

#[test]
fn zeros_of_both_signs_are_one() {
    check(13, "NonZero a -> y", vec![], &[float(&[3], &[-0.0, f32::NAN, 2.])], &[tensor(&[1, 2], vec![1i64, 2])]);
    let inputs = [float(&[4], &[0.0, 2., -0.0, 1.])];
    let expected = [float(&[3], &[0., 1., 2.]), whole(&[0, 3, 1]), whole(&[0, 2, 0, 1]), whole(&[2, 1, 1])];
    check(11, "Unique a -> w x y z", vec![], &inputs, &expected);
}
