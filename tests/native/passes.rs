//! Patterns that a pass must not take for the one it looks for.

use edgewise::tensor::Tensor;
use edgewise::value::Value;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TensorProto};

use crate::onnx::{DataType, floats, load, model, node, value};

fn build(node: Vec<NodeProto>, initializer: Vec<TensorProto>) -> ModelProto {
    let (input, output) = (vec![value("x", DataType::Float, "")], vec![value("y", DataType::Float, "")]);
    let mut model = model(GraphProto { node, input, output, initializer, ..GraphProto::default() });
    model.graph.iter_mut().flat_map(|graph| &mut graph.input).for_each(|input| {
        if let Some(tract_onnx::pb::type_proto::Value::TensorType(tensor)) =
            input.r#type.as_mut().and_then(|kind| kind.value.as_mut())
        {
            tensor.shape = None;
        }
    });
    model
}

fn run(model: &ModelProto, dims: &[usize], values: &[f32]) -> (Vec<usize>, Vec<f32>) {
    let x = Value::Tensor(Tensor::new(dims, values.to_vec()).unwrap());
    let outputs = load(model).unwrap().run(vec![("x".to_string(), x)], None).unwrap();
    let y = outputs[0].1.tensor().unwrap();
    (y.dims().to_vec(), y.slice::<f32>().unwrap().iter().map(|value| value.round()).collect())
}

#[test]
fn a_constant_of_more_axes_behind_a_convolution_adds_axes() {
    let weights = || vec![floats("w", &[2, 1, 1, 1], &[1.0, 10.0]), floats("c", &[1, 1, 2, 1, 1], &[100.0, 200.0])];
    let sum = build(vec![node("Conv x w -> a"), node("Add a c -> y")], weights());
    assert_eq!(run(&sum, &[1, 1, 1, 1], &[3.0]), (vec![1, 1, 2, 1, 1], vec![103.0, 230.0]));
}

#[test]
fn a_constant_behind_a_normalisation_goes_by_its_axes_and_not_by_the_channels() {
    let vectors = [("s", 1.0), ("b", 0.0), ("m", 0.0), ("v", 1.0)].map(|(name, value)| floats(name, &[2], &[value; 2]));
    let with = |dims: &[i64]| {
        let mut weights = vectors.to_vec();
        weights.push(floats("c", dims, &[10.0, 20.0]));
        build(vec![node("BatchNormalization x s b m v -> a"), node("Mul a c -> y")], weights)
    };
    let x = [1.0, 2.0, 3.0, 4.0];
    // Three axes: [2,1,1] scales the batch.
    assert_eq!(run(&with(&[2, 1, 1]), &[2, 2, 1], &x), (vec![2, 2, 1], vec![10.0, 20.0, 60.0, 80.0]));
    assert_eq!(run(&with(&[2, 1, 1]), &[1, 2, 2, 1], &x), (vec![1, 2, 2, 1], vec![10.0, 20.0, 60.0, 80.0]));
    assert_eq!(run(&with(&[1, 2, 1, 1]), &[2, 2, 1], &x).0, vec![1, 2, 2, 1]);
}

#[test]
fn a_normalisation_behind_a_convolution_of_one_axis_is_a_part_of_it() {
    let vectors = [("s", [2.0, 3.0]), ("b", [1.0, 2.0]), ("m", [0.0, 1.0]), ("v", [1.0, 1.0])];
    let mut weights: Vec<_> = vectors.iter().map(|(name, values)| floats(name, &[2], values)).collect();
    weights.push(floats("w", &[2, 1, 1], &[1.0, 10.0]));
    let norm = build(vec![node("Conv x w -> a"), node("BatchNormalization a s b m v -> y")], weights);
    assert_eq!(load(&norm).unwrap().stats().steps, 1);
    assert_eq!(run(&norm, &[1, 1, 2], &[1.0, 2.0]), (vec![1, 2, 2], vec![3.0, 5.0, 29.0, 59.0]));
}

#[test]
fn a_number_of_several_axes_in_a_pattern_adds_axes() {
    let number = |name: &str, dims: &[i64], value: f32| floats(name, dims, &[value]);
    let weights =
        |dims: &[i64]| vec![number("r", &[], std::f32::consts::SQRT_2), number("o", &[], 1.0), number("h", dims, 0.5)];
    let nodes = ["Div x r -> a", "Erf a -> b", "Add b o -> c", "Mul x c -> d", "Mul d h -> y"].map(node).to_vec();
    assert_eq!(load(&build(nodes.clone(), weights(&[]))).unwrap().stats().steps, 1);
    assert_eq!(run(&build(nodes, weights(&[1, 1, 1])), &[1], &[9.0]), (vec![1, 1, 1], vec![9.0]));
}
