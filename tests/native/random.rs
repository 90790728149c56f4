//! Random numbers: how they are distributed, and what a seed does.

use edgewise::session::Session;
use edgewise::tensor::Tensor;
use edgewise::value::Value;
use tract_onnx::pb::{AttributeProto, GraphProto, attribute_proto};

use crate::onnx::{DataType, floats, int, load, model, node, run, value};

fn number(name: &str, number: f32) -> AttributeProto {
    let r#type = attribute_proto::AttributeType::Float as i32;
    AttributeProto { name: name.into(), r#type, f: number, ..AttributeProto::default() }
}

fn shape(dims: &[i64]) -> AttributeProto {
    let r#type = attribute_proto::AttributeType::Ints as i32;
    AttributeProto { name: "shape".into(), r#type, ints: dims.to_vec(), ..AttributeProto::default() }
}

/// A model of one node, with an input where `op` names one.
fn session(op: &str, attributes: &[AttributeProto]) -> Session {
    let mut layer = node(&format!("{op} -> o"));
    layer.attribute = attributes.to_vec();
    let input = if layer.input.is_empty() { vec![] } else { vec![value("x", DataType::Float, "? ?")] };
    let mut output = value("o", DataType::Float, "");
    output.r#type = None;
    load(&model(GraphProto { node: vec![layer], input, output: vec![output], ..GraphProto::default() })).unwrap()
}

fn draw(session: &mut Session, input: Option<&Tensor>) -> Tensor {
    let inputs = input.map(|tensor| ("x".to_string(), Value::Tensor(tensor.clone())));
    session.run(inputs.into_iter().collect(), None).unwrap().remove(0).1.into_tensor().unwrap()
}

/// The mean and the variance.
fn moments(tensor: &Tensor) -> (f64, f64) {
    let values = tensor.to_f64s().unwrap();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    (mean, values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64)
}

#[test]
fn numbers_are_distributed_as_asked() {
    for dtype in [1, 11] {
        let common = [shape(&[200, 100]), number("seed", 3.0), int("dtype", dtype)];
        let normal = [&common[..], &[number("mean", 2.0), number("scale", 3.0)]].concat();
        let (mean, variance) = moments(&draw(&mut session("RandomNormal", &normal), None));
        assert!((mean - 2.0).abs() < 0.1 && (variance - 9.0).abs() < 0.4, "{mean} {variance}");
        let uniform = [&common[..], &[number("low", -1.0), number("high", 5.0)]].concat();
        let numbers = draw(&mut session("RandomUniform", &uniform), None);
        let (mean, variance) = moments(&numbers);
        assert!((mean - 2.0).abs() < 0.1 && (variance - 3.0).abs() < 0.1, "{mean} {variance}");
        assert!(numbers.to_f64s().unwrap().iter().all(|number| (-1.0..5.0).contains(number)));
    }
}

#[test]
fn a_seed_repeats_in_sessions_and_not_in_runs() {
    let x = Tensor::new(&[2, 3], vec![0.5f32; 6]).unwrap();
    for op in ["RandomNormalLike x", "RandomUniformLike x"] {
        let seeded = [number("seed", 7.0)];
        let (mut one, mut two) = (session(op, &seeded), session(op, &seeded));
        let first = draw(&mut one, Some(&x));
        assert_eq!(first.dims(), x.dims());
        assert_eq!(first, draw(&mut two, Some(&x)));
        let second = draw(&mut one, Some(&x));
        assert_ne!(first, second);
        assert_eq!(second, draw(&mut two, Some(&x)));
        assert_ne!(draw(&mut session(op, &[]), Some(&x)), draw(&mut session(op, &[]), Some(&x)));
    }
}

#[test]
fn events_have_their_chances() {
    let chances: Vec<f32> = (0..4000).map(|index| [0.0, 1.0, 0.25, f32::NAN][index % 4]).collect();
    let x = Tensor::new(&[1000, 4], chances).unwrap();
    let drawn = draw(&mut session("Bernoulli x", &[number("seed", 1.0), int("dtype", 9)]), Some(&x));
    let drawn = drawn.slice::<bool>().unwrap();
    let counts = [0, 1, 2, 3].map(|column| drawn.iter().skip(column).step_by(4).filter(|&&event| event).count());
    assert!(counts[0] == 0 && counts[1] == 1000 && counts[2].abs_diff(250) < 50 && counts[3] == 0, "{counts:?}");
}

#[test]
fn classes_have_their_weights() {
    let weights = [1f32, 2.0, 0.0, 1.0, 0.0, 0.0, 5.0, 0.0];
    let x = Tensor::new(&[2, 4], weights.iter().map(|weight| weight.ln() + 100.0).collect()).unwrap();
    let attributes = [number("seed", 1.0), int("sample_size", 4000), int("dtype", 7)];
    let drawn = draw(&mut session("Multinomial x", &attributes), Some(&x));
    assert_eq!(drawn.dims(), [2, 4000]);
    let (first, second) = drawn.slice::<i64>().unwrap().split_at(4000);
    let counts = [0, 1, 2, 3].map(|class| first.iter().filter(|&&drawn| drawn == class).count());
    assert!(counts[0].abs_diff(1000) < 150 && counts[1].abs_diff(2000) < 150 && counts[2] == 0, "{counts:?}");
    assert!(second.iter().all(|&class| class == 2));
}

#[test]
fn training_drops_elements_and_scales_those_it_keeps() {
    let x = Tensor::new(&[100, 40], vec![3.0f32; 4000]).unwrap();
    let mut layer = node("Dropout x ratio training -> o mask");
    layer.attribute = vec![int("seed", 5)];
    let graph = GraphProto {
        node: vec![layer],
        input: vec![value("x", DataType::Float, "? ?"), value("training", DataType::Bool, "")],
        output: vec![value("o", DataType::Float, "? ?"), value("mask", DataType::Bool, "? ?")],
        initializer: vec![floats("ratio", &[], &[0.25])],
        ..GraphProto::default()
    };
    let mut session = load(&model(graph)).unwrap();
    let mut draw =
        |training: bool| run(&mut session, &[("x", x.clone()), ("training", Tensor::scalar(training))]).unwrap();
    let results = draw(true);
    let (kept, mask) = (results[0].slice::<f32>().unwrap(), results[1].slice::<bool>().unwrap());
    assert!(kept.iter().zip(mask).all(|(&kept, &is_kept)| kept == if is_kept { 4.0 } else { 0.0 }));
    assert!(mask.iter().filter(|&&is_kept| is_kept).count().abs_diff(3000) < 120);
    assert_ne!(draw(true)[1], results[1]);
    let results = draw(false);
    assert_eq!(results[0], x);
    assert!(results[1].slice::<bool>().unwrap().iter().all(|&is_kept| is_kept));
}
