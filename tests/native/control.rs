//! Branches, loops and functions.

use edgewise::error::ErrorCode;
use edgewise::tensor::Tensor;
use edgewise::value::Value;
use prost::Message;
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

use crate::onnx::{DataType, floats, load, model, node, read, value};

fn graph(name: &str, graph: GraphProto) -> AttributeProto {
    AttributeProto { name: name.to_string(), g: Some(graph), r#type: 5, ..AttributeProto::default() }
}

fn run(model: &ModelProto, x: &[f32], count: i64) -> edgewise::error::Result<Vec<Vec<f32>>> {
    let x = ("x".to_string(), Value::Tensor(Tensor::vector(x.to_vec())));
    let count = ("m".to_string(), Value::Tensor(Tensor::scalar(count)));
    let outputs = load(model)?.run(vec![x, count], None)?;
    Ok(outputs.iter().map(|(_, value)| value.tensor().unwrap().slice::<f32>().unwrap().to_vec()).collect())
}

/// A loop whose body has the inputs `i c s t` and the outputs that are listed.
fn repeat(nodes: &[&str], outputs: &[&str], call: &str, results: &[&str], weights: Vec<TensorProto>) -> ModelProto {
    let float = |name: &&str| value(name, DataType::Float, "?");
    let body = GraphProto {
        node: nodes.iter().copied().map(node).collect(),
        input: vec![
            value("i", DataType::Int64, ""),
            value("c", DataType::Bool, ""),
            value("s", DataType::Float, "?"),
            value("t", DataType::Float, "?"),
        ],
        output: std::iter::once(value("c", DataType::Bool, "")).chain(outputs.iter().map(float)).collect(),
        ..GraphProto::default()
    };
    // A missing input is an empty name.
    let mut node = node(call);
    node.input.iter_mut().filter(|name| *name == "_").for_each(String::clear);
    node.attribute = vec![graph("body", body)];
    model(GraphProto {
        node: vec![node],
        input: vec![value("x", DataType::Float, "?"), value("m", DataType::Int64, "")],
        output: results.iter().map(float).collect(),
        initializer: weights,
        ..GraphProto::default()
    })
}

#[test]
fn a_body_may_give_what_it_is_given_and_what_it_captures() {
    let weights = vec![floats("w", &[2], &[5.0, 6.0])];
    let model = repeat(&[], &["t", "s", "x"], "Loop m _ x w -> a b z", &["a", "b", "z", "x"], weights);
    let turns = run(&model, &[1.0, 2.0], 3).unwrap();
    assert_eq!(turns, [vec![5.0, 6.0], vec![1.0, 2.0], vec![1.0, 2.0, 1.0, 2.0, 1.0, 2.0], vec![1.0, 2.0]]);
    let none = run(&model, &[1.0, 2.0], 0).unwrap();
    assert_eq!(none, [vec![1.0, 2.0], vec![5.0, 6.0], vec![], vec![1.0, 2.0]]);
}

#[test]
fn a_state_that_grows_leaves_what_it_grew_from_alone() {
    let nodes = ["Neg s -> n", "Relu n -> r"];
    let model = repeat(&nodes, &["n", "t", "r"], "Loop m _ x x -> a b z", &["a", "b", "z", "x"], vec![]);
    let outputs = run(&model, &[1.0, -2.0], 2).unwrap();
    assert_eq!(outputs, [vec![1.0, -2.0], vec![1.0, -2.0], vec![0.0, 2.0, 1.0, 0.0], vec![1.0, -2.0]]);
}

#[test]
fn a_loop_without_an_end_meets_the_limit() {
    let model = repeat(&[], &["s", "t", "x"], "Loop _ _ x x -> a b z", &["z"], vec![]);
    let mut session = {
        let mut reader = edgewise::model::Reader::new(
            edgewise::model::Limits { tensor_bytes: 1 << 16, ..Default::default() },
            None,
            None,
        );
        reader.push(&model.encode_to_vec()).unwrap();
        reader.end().unwrap();
        edgewise::session::Session::new(reader.finish().unwrap(), &Default::default()).unwrap()
    };
    let x = ("x".to_string(), Value::Tensor(Tensor::vector(vec![1f32])));
    let count = ("m".to_string(), Value::Tensor(Tensor::scalar(1i64)));
    let error = session.run(vec![x, count], None).unwrap_err();
    assert_eq!(error.code, ErrorCode::LimitExceeded);
    assert!(error.message.contains("Loop"), "{error}");
}

/// The parts of ONNX's message for a function that matter here.
#[derive(Clone, PartialEq, Message)]
struct Function {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, repeated, tag = "4")]
    input: Vec<String>,
    #[prost(string, repeated, tag = "5")]
    output: Vec<String>,
    #[prost(message, repeated, tag = "7")]
    node: Vec<NodeProto>,
    #[prost(string, tag = "10")]
    domain: String,
}

#[derive(Clone, PartialEq, Message)]
struct Functions {
    #[prost(message, repeated, tag = "25")]
    functions: Vec<Function>,
}

#[test]
fn functions_that_multiply_are_refused() {
    let call = |name: String, text: &str| NodeProto { op_type: name, domain: "my".to_string(), ..node(text) };
    let function = |index: usize| Function {
        name: format!("f{index}"),
        input: vec!["x".to_string()],
        output: vec!["y".to_string()],
        node: vec![call(format!("f{}", index + 1), "F x -> a"), call(format!("f{}", index + 1), "F a -> y")],
        domain: "my".to_string(),
    };
    let mut bytes = model(GraphProto {
        node: vec![call("f0".to_string(), "F x -> y")],
        input: vec![value("x", DataType::Float, "?")],
        output: vec![value("y", DataType::Float, "?")],
        ..GraphProto::default()
    })
    .encode_to_vec();
    bytes.extend(Functions { functions: (0..40).map(function).collect() }.encode_to_vec());
    let error = read(&bytes).and_then(|model| edgewise::session::Session::new(model, &Default::default())).err();
    assert_eq!(error.unwrap().code, ErrorCode::ModelInvalid);
}
