//! Graphs that do not hold together, and graphs that do in unusual ways.

use edgewise::error::ErrorCode;
use edgewise::tensor::Tensor;
use prost::Message;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, TypeProto};

use crate::onnx::{DataType, graph, int, load, load_error, matrix, model, node, read, run, scale, value, vector};

fn unary(nodes: Vec<NodeProto>) -> ModelProto {
    model(GraphProto {
        node: nodes,
        input: vec![value("x", DataType::Float, "2")],
        output: vec![value("y", DataType::Float, "2")],
        ..GraphProto::default()
    })
}

#[test]
fn a_cycle_is_named() {
    let error = load_error(&unary(vec![node("Add x b -> a"), node("Relu a -> b"), node("Relu b -> y")]));
    assert_eq!(error.code, ErrorCode::ModelInvalid);
    assert!(error.message.contains(r#"cycle: "relu_b" -> "add_a" -> "relu_b""#), "{error}");
    let error = load_error(&unary(vec![node("Add x y -> y")]));
    assert!(error.message.contains("cycle"), "{error}");
}

#[test]
fn nodes_may_stand_in_any_order() {
    let model = unary(vec![node("Relu b -> y"), node("Relu a -> b"), node("Relu x -> a")]);
    assert!(load(&model).is_ok());
}

#[test]
fn missing_values_are_listed_with_their_users() {
    let mut missing = scale();
    missing.graph.as_mut().unwrap().initializer.clear();
    let error = load_error(&missing);
    assert_eq!(error.code, ErrorCode::ModelInvalid);
    assert!(error.message.contains(r#""w" (input of node "mul_y", Mul)"#), "{error}");
    assert_eq!((error.subject.node.as_deref(), error.subject.op.as_deref()), (Some("mul_y"), Some("Mul")));
    let error = load_error(&unary(vec![node("Relu x -> z")]));
    assert!(error.message.contains(r#""y" (output of the graph)"#), "{error}");
}

#[test]
fn a_value_is_produced_once() {
    let error = load_error(&unary(vec![node("Relu x -> y"), node("Abs x -> y")]));
    assert!(error.message.contains(r#""y" more than once"#), "{error}");
    let error = load_error(&unary(vec![node("Relu x -> x"), node("Abs x -> y")]));
    assert!(error.message.contains(r#""x" more than once"#), "{error}");
}

#[test]
fn all_unsupported_operators_are_listed_at_once() {
    let foreign = NodeProto { domain: "com.example".to_string(), ..node("Attention b c -> y") };
    let error = load_error(&unary(vec![node("Foo x -> a"), node("Bar a -> b"), node("Foo x -> c"), foreign]));
    assert_eq!(error.code, ErrorCode::OpUnsupported);
    assert_eq!(
        error.message,
        "3 operators are not supported: Bar (node \"bar_b\"), Foo (nodes \"foo_a\", \"foo_c\"), \
         com.example.Attention (node \"attention_y\")"
    );
}

#[test]
fn unsupported_operators_inside_branches_are_found() {
    let branch = GraphProto {
        node: vec![node("Foo x -> inner")],
        output: vec![value("inner", DataType::Float, "2")],
        ..GraphProto::default()
    };
    let mut fork = node("If c -> y");
    fork.attribute = vec![graph("then_branch", branch.clone()), graph("else_branch", branch)];
    let mut model = unary(vec![fork]);
    model.graph.as_mut().unwrap().input.push(value("c", DataType::Bool, ""));
    let error = load_error(&model);
    assert_eq!(error.code, ErrorCode::OpUnsupported);
    assert!(error.message.contains("Foo (nodes \"foo_inner_2\", \"foo_inner\")"), "{error}");
}

#[test]
fn a_name_of_a_branch_own_is_no_cycle() {
    let branch = |op: &str| GraphProto {
        node: vec![node(&format!("{op} x -> y"))],
        output: vec![value("y", DataType::Float, "2")],
        ..GraphProto::default()
    };
    let mut fork = node("If c -> y");
    fork.attribute = vec![graph("then_branch", branch("Relu")), graph("else_branch", branch("Neg"))];
    let mut model = unary(vec![fork]);
    model.graph.as_mut().unwrap().input.push(value("c", DataType::Bool, ""));
    let mut session = load(&model).unwrap();
    for (condition, expected) in [(true, [0f32, 2.0]), (false, [1.0, -2.0])] {
        let outputs = run(&mut session, &[("x", vector(&[-1f32, 2.0])), ("c", Tensor::scalar(condition))]).unwrap();
        assert_eq!(outputs[0], vector(&expected));
    }
}

#[test]
fn opsets_outside_the_known_ones_are_refused() {
    for version in [0, 29] {
        let mut model = scale();
        model.opset_import[0].version = version;
        assert_eq!(load_error(&model).code, ErrorCode::ModelUnsupported, "{version}");
    }
    let mut model = scale();
    model.opset_import.clear();
    assert_eq!(load_error(&model).code, ErrorCode::ModelInvalid);
}

/// A type that a run cannot give, beside those that tract-onnx knows.
#[derive(Clone, PartialEq, Message)]
struct ForeignType {
    #[prost(bytes, optional, tag = "5")]
    map: Option<Vec<u8>>,
    #[prost(bytes, optional, tag = "8")]
    sparse: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct ForeignValue {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    kind: Option<ForeignType>,
}

#[derive(Clone, PartialEq, Message)]
struct ForeignGraph {
    #[prost(message, repeated, tag = "12")]
    output: Vec<ForeignValue>,
}

#[derive(Clone, PartialEq, Message)]
struct ForeignModel {
    #[prost(bytes, tag = "7")]
    graph: Vec<u8>,
}

#[test]
fn values_of_types_that_no_run_gives_are_refused() {
    let maps = ForeignType { map: Some(vec![]), sparse: None };
    let sparse = ForeignType { map: None, sparse: Some(vec![]) };
    for (kind, says) in [(maps, "\"y\" is a map"), (sparse, "\"y\" is a sparse tensor")] {
        let mut model = scale();
        let mut graph = model.graph.take().unwrap();
        graph.output.clear();
        let foreign = ForeignGraph { output: vec![ForeignValue { name: "y".to_string(), kind: Some(kind) }] };
        let graph = [graph.encode_to_vec(), foreign.encode_to_vec()].concat();
        let bytes = [model.encode_to_vec(), ForeignModel { graph }.encode_to_vec()].concat();
        let error = read(&bytes).expect_err("the type should be refused");
        assert!(error.message.contains(says), "{error}");
        assert_eq!(error.code, ErrorCode::ModelUnsupported);
    }
}

#[test]
fn an_output_without_a_type_is_what_is_computed() {
    let mut model = scale();
    model.graph.as_mut().unwrap().output[0].r#type = Some(TypeProto::default());
    let mut session = load(&model).unwrap();
    assert_eq!(session.outputs()[0].to_string(), "any[...]");
    let outputs = run(&mut session, &[("x", matrix(&[[1f32, 1.0, 1.0]]))]).unwrap();
    assert_eq!(outputs[0], matrix(&[[1f32, 2.0, 3.0]]));
}

#[test]
fn wrong_value_info_and_output_shapes_do_no_harm() {
    let mut model = scale();
    let graph = model.graph.as_mut().unwrap();
    graph.node = vec![node("Mul x w -> z"), node("Relu z -> y")];
    graph.value_info = vec![value("z", DataType::Float, "1 3")];
    graph.output = vec![value("y", DataType::Float, "1 3")];
    let mut session = load(&model).unwrap();
    let outputs = run(&mut session, &[("x", matrix(&[[1f32, 1.0, 1.0], [-1.0, 1.0, 1.0]]))]).unwrap();
    assert_eq!(outputs[0], matrix(&[[1f32, 2.0, 3.0], [0.0, 2.0, 3.0]]));
}

#[test]
fn nodes_without_names_or_with_the_same_name_run() {
    let mut nodes = vec![node("Relu x -> a"), node("Relu a -> b"), node("Relu b -> y")];
    nodes[0].name = "same".to_string();
    nodes[1].name = "same".to_string();
    nodes[2].name = String::new();
    assert!(load(&unary(nodes)).is_ok());
}

#[test]
fn an_initializer_may_stand_among_the_inputs() {
    let mut model = scale();
    model.graph.as_mut().unwrap().input.push(value("w", DataType::Float, "3"));
    let session = load(&model).unwrap();
    assert_eq!(session.inputs().len(), 1);
}

#[test]
fn a_constant_graph_runs_without_inputs() {
    let mut model = scale();
    let graph = model.graph.as_mut().unwrap();
    graph.input.clear();
    graph.node = vec![node("Mul w w -> y")];
    let outputs = run(&mut load(&model).unwrap(), &[]).unwrap();
    assert_eq!(outputs[0].dims(), &[3]);
}

#[test]
fn int64_is_computed_as_a_number() {
    let mut cast = node("Cast x -> i");
    cast.attribute = vec![int("to", DataType::Int64 as i64)];
    let graph = GraphProto {
        node: vec![cast, node("Mul i i -> y")],
        input: vec![value("x", DataType::Int32, "2")],
        output: vec![value("y", DataType::Int64, "2")],
        ..GraphProto::default()
    };
    let outputs = run(&mut load(&model(graph)).unwrap(), &[("x", vector(&[3i32, -4]))]).unwrap();
    assert_eq!(outputs[0], vector(&[9i64, 16]));
}

#[test]
fn a_shape_without_a_value_is_filled_with_float32_zeros() {
    let graph = GraphProto {
        node: vec![node("Shape x -> s"), node("ConstantOfShape s -> z"), node("Add x z -> y")],
        input: vec![value("x", DataType::Float, "n 2")],
        output: vec![value("y", DataType::Float, "n 2"), value("s", DataType::Int64, "2")],
        ..GraphProto::default()
    };
    let outputs = run(&mut load(&model(graph)).unwrap(), &[("x", matrix(&[[1f32, 2.0]]))]).unwrap();
    assert_eq!(outputs[0], matrix(&[[1f32, 2.0]]));
    assert_eq!(outputs[1], vector(&[1i64, 2]));
}
