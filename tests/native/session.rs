use std::collections::BTreeMap;

use edgewise::error::{Error, ErrorCode};
use edgewise::model::{Limits, Reader};
use edgewise::session::{NamedValues, Session};
use edgewise::tensor::{ElementType, Tensor};
use prost::Message;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto};

use crate::onnx::{DataType, int, load, matrix, model, node, read, scale, value, vector};

fn named(inputs: &[(&str, Tensor)]) -> NamedValues {
    inputs.iter().map(|(name, tensor)| (name.to_string(), tensor.clone().into())).collect()
}

fn row(batch: usize) -> Tensor {
    Tensor::zeros(ElementType::Float32, &[batch, 3]).unwrap()
}

fn refuse(session: &mut Session, inputs: NamedValues) -> Error {
    session.run(inputs, None).expect_err("the inputs should be refused")
}

#[test]
fn a_wrong_name_says_which_there_are_and_the_nearest() {
    let mut model = scale();
    let graph = model.graph.as_mut().unwrap();
    graph.input[0].name = "image".to_string();
    graph.node[0].input[0] = "image".to_string();
    let mut session = load(&model).unwrap();
    let error = refuse(&mut session, named(&[("imgae", row(1))]));
    assert_eq!(error.code, ErrorCode::InputInvalid);
    assert_eq!(error.message, "the model has no input \"imgae\": its inputs are \"image\"; did you mean \"image\"?");
    let error = session.run(named(&[("image", row(1))]), Some(&["Y".to_string()])).unwrap_err();
    assert_eq!(error.message, "the model has no output \"Y\": its outputs are \"y\"; did you mean \"y\"?");
    assert!(session.run(named(&[("image", row(1))]), None).is_ok());
}

#[test]
fn wrong_dims_and_types_say_expected_and_got() {
    let mut session = load(&scale()).unwrap();
    for (tensor, message) in [
        (vector(&[1f32, 2.0, 3.0]), "input \"x\": expected float32[batch,3], got float32[3]"),
        (matrix(&[[1f32, 2.0]]), "input \"x\": expected float32[batch,3], got float32[1,2]"),
        (matrix(&[[1f64, 2.0, 3.0]]), "input \"x\": expected float32[batch,3], got float64[1,3]"),
    ] {
        let error = refuse(&mut session, named(&[("x", tensor)]));
        assert_eq!((error.code, error.message.as_str()), (ErrorCode::InputInvalid, message));
        assert_eq!(error.subject.expected.as_deref(), Some("float32[batch,3]"));
        assert_eq!(error.subject.input.as_deref(), Some("x"));
    }
    let error = refuse(&mut session, vec![]);
    assert_eq!(error.message, "1 input is missing: \"x\" float32[batch,3]");
    assert!(session.run(named(&[("x", row(2))]), None).is_ok());
}

fn sum() -> ModelProto {
    model(GraphProto {
        node: vec![node("Add a b -> y"), node("Sub a b -> z")],
        input: vec![value("a", DataType::Float, "n"), value("b", DataType::Float, "n")],
        output: vec![value("y", DataType::Float, "n"), value("z", DataType::Float, "n")],
        ..GraphProto::default()
    })
}

#[test]
fn one_name_is_one_size() {
    let mut session = load(&sum()).unwrap();
    let inputs = named(&[("a", vector(&[1f32, 2.0])), ("b", vector(&[1f32]))]);
    let error = refuse(&mut session, inputs);
    assert_eq!(error.message, "input \"b\": expected float32[n], got float32[1], and \"n\" is 2 in input \"a\"");
}

#[test]
fn outputs_come_by_their_own_names() {
    let mut session = load(&sum()).unwrap();
    let inputs = || named(&[("b", vector(&[1f32])), ("a", vector(&[3f32]))]);
    let all = session.run(inputs(), None).unwrap();
    assert_eq!(all, named(&[("y", vector(&[4f32])), ("z", vector(&[2f32]))]));
    let one = session.run(inputs(), Some(&["z".to_string()])).unwrap();
    assert_eq!(one, named(&[("z", vector(&[2f32]))]));
    assert_eq!(session.run(inputs(), Some(&[])).unwrap(), vec![]);
}

#[test]
fn warming_up_takes_dims_and_changes_no_result() {
    let mut session = load(&scale()).unwrap();
    let dims = |name: &str, dims: &[usize]| BTreeMap::from([(name.to_string(), dims.to_vec())]);
    session.warm_up(&dims("x", &[2, 3])).unwrap();
    for (wrong, code) in [
        (dims("z", &[2, 3]), ErrorCode::InputInvalid),
        (dims("x", &[2, 4]), ErrorCode::InputInvalid),
        (dims("x", &[3]), ErrorCode::InputInvalid),
        (BTreeMap::new(), ErrorCode::InputInvalid),
        (dims("x", &[1 << 40, 3]), ErrorCode::LimitExceeded),
    ] {
        assert_eq!(session.warm_up(&wrong).unwrap_err().code, code, "{wrong:?}");
    }
    let outputs = session.run(named(&[("x", matrix(&[[1f32, 1.0, 1.0]]))]), None).unwrap();
    assert_eq!(outputs, named(&[("y", matrix(&[[1f32, 2.0, 3.0]]))]));
}

#[test]
fn warming_up_survives_values_that_an_operator_cannot_take() {
    let mut session = load(&reshape()).unwrap();
    session.warm_up(&BTreeMap::new()).unwrap();
    let inputs = named(&[("x", vector(&[0f32; 6])), ("shape", vector(&[2i64, 3]))]);
    assert!(session.run(inputs, None).is_ok());
}

/// A session whose tensors may take 1 MiB each.
fn load_limited(model: &ModelProto) -> Session {
    let limits = Limits { tensor_bytes: 1 << 20, ..Limits::default() };
    let mut reader = Reader::new(limits, None, None);
    reader.push(&model.encode_to_vec()).unwrap();
    reader.end().unwrap();
    Session::new(reader.finish().unwrap(), &BTreeMap::new()).unwrap()
}

#[test]
fn a_value_over_the_limit_is_refused_before_it_is_made() {
    let large = [1i64 << 20, 1 << 20];
    let table: Vec<(NodeProto, Vec<i64>)> = vec![
        (node("Expand x n -> big"), large.to_vec()),
        (node("Tile x n -> big"), large.to_vec()),
        (node("Reshape x n -> big"), vec![1, 1]),
        (node("ConstantOfShape n -> big"), large.to_vec()),
        (node("ConstantOfShape n -> big"), vec![i64::MAX, i64::MAX]),
        (node("Pad x n -> big"), vec![0, 0, 1 << 20, 1 << 20]),
        (node("Resize x ? ? n -> big"), large.to_vec()),
    ];
    for (mut layer, n) in table {
        layer.input.iter_mut().filter(|name| *name == "?").for_each(String::clear);
        let name = layer.name.clone();
        let fits = name.starts_with("reshape");
        let graph = GraphProto {
            node: vec![layer, node("Shape big -> y")],
            input: vec![value("x", DataType::Float, "a b"), value("n", DataType::Int64, "k")],
            output: vec![value("y", DataType::Int64, "2")],
            ..GraphProto::default()
        };
        let mut session = load_limited(&model(graph));
        let result = session.run(named(&[("x", matrix(&[[1f32]])), ("n", vector(&n))]), None);
        if fits {
            assert!(result.is_ok());
            continue;
        }
        let error = result.unwrap_err();
        assert_eq!(error.code, ErrorCode::LimitExceeded, "{error}");
        assert_eq!(error.subject.node, Some(name));
    }
}

#[test]
fn a_product_over_the_limit_is_refused_and_the_session_works_on() {
    let graph = GraphProto {
        node: vec![node("MatMul a b -> c"), node("ReduceSum c -> y")],
        input: vec![value("a", DataType::Float, "n 1"), value("b", DataType::Float, "1 m")],
        output: vec![value("y", DataType::Float, "1 1")],
        ..GraphProto::default()
    };
    let mut session = load_limited(&model(graph));
    let ones = |dims: &[usize]| Tensor::new(dims, vec![1f32; dims.iter().product()]).unwrap();
    let error = refuse(&mut session, named(&[("a", ones(&[1024, 1])), ("b", ones(&[1, 1024]))]));
    assert_eq!((error.code, error.subject.node.as_deref()), (ErrorCode::LimitExceeded, Some("matmul_c")));
    let outputs = session.run(named(&[("a", ones(&[512, 1])), ("b", ones(&[1, 512]))]), None).unwrap();
    assert_eq!(outputs, named(&[("y", matrix(&[[262_144f32]]))]));
}

#[test]
fn named_dims_can_be_fixed() {
    let fix = |name: &str| {
        let sizes = BTreeMap::from([(name.to_string(), 2)]);
        Session::new(read(&scale().encode_to_vec()).unwrap(), &sizes)
    };
    let mut session = fix("batch").unwrap();
    assert_eq!(session.inputs()[0].to_string(), "float32[2,3]");
    session.run(named(&[("x", row(2))]), None).unwrap();
    assert_eq!(refuse(&mut session, named(&[("x", row(1))])).code, ErrorCode::InputInvalid);
    let error = fix("bacth").err().unwrap();
    assert!(error.message.contains("did you mean \"batch\""), "{error}");
}

#[test]
fn a_failing_node_is_named_and_the_session_works_on() {
    let graph = GraphProto {
        node: vec![node("Gather x i -> y")],
        input: vec![value("x", DataType::Float, "2"), value("i", DataType::Int64, "1")],
        output: vec![value("y", DataType::Float, "1")],
        ..GraphProto::default()
    };
    let mut session = load(&model(graph)).unwrap();
    let inputs = |index: i64| named(&[("x", vector(&[1f32, 2.0])), ("i", vector(&[index]))]);
    let error = refuse(&mut session, inputs(7));
    assert_eq!(error.code, ErrorCode::ExecutionFailed);
    assert_eq!((error.subject.node.as_deref(), error.subject.op.as_deref()), (Some("gather_y"), Some("Gather")));
    assert!(error.message.starts_with("node \"gather_y\" (Gather): "), "{error}");
    assert_eq!(session.run(inputs(1), None).unwrap(), named(&[("y", vector(&[2f32]))]));
}

#[test]
fn dims_that_do_not_fit_name_the_node() {
    let graph = GraphProto {
        node: vec![node("Add a b -> y")],
        input: vec![value("a", DataType::Float, "n"), value("b", DataType::Float, "m")],
        output: vec![value("y", DataType::Float, "k")],
        ..GraphProto::default()
    };
    let mut session = load(&model(graph)).unwrap();
    let inputs = named(&[("a", vector(&[1f32; 3])), ("b", vector(&[1f32; 4]))]);
    let error = refuse(&mut session, inputs);
    assert_eq!(error.code, ErrorCode::ExecutionFailed);
    assert_eq!(error.subject.node.as_deref(), Some("add_y"));
    assert!(error.message.ends_with("(inputs: float32[3], float32[4])"), "{error}");
}

#[test]
fn a_declared_type_that_is_wrong_is_refused() {
    let mut cast = node("Cast x -> y");
    cast.attribute = vec![int("to", DataType::Int64 as i64)];
    let graph = GraphProto {
        node: vec![cast],
        input: vec![value("x", DataType::Float, "2")],
        output: vec![value("y", DataType::Float, "2")],
        ..GraphProto::default()
    };
    let error = refuse(&mut load(&model(graph)).unwrap(), named(&[("x", vector(&[1f32, 2.0]))]));
    assert_eq!(error.message, "output \"y\" is declared float32[2] and computed as int64[2]");
    assert_eq!((error.code, error.subject.output.as_deref()), (ErrorCode::ExecutionFailed, Some("y")));
}

#[test]
fn inputs_of_zero_length_run() {
    let mut session = load(&scale()).unwrap();
    let outputs = session.run(named(&[("x", row(0))]), None).unwrap();
    assert_eq!(outputs[0].1.tensor().unwrap().dims(), &[0, 3]);
}

/// `y = x` in the dims that the values of `shape` name.
fn reshape() -> ModelProto {
    model(GraphProto {
        node: vec![node("Reshape x shape -> y")],
        input: vec![value("x", DataType::Float, "6"), value("shape", DataType::Int64, "2")],
        output: vec![value("y", DataType::Float, "a b")],
        ..GraphProto::default()
    })
}

#[test]
fn dims_may_hang_on_values() {
    let mut session = load(&reshape()).unwrap();
    for shape in [[2i64, 3], [3, 2], [2, 3], [-1, 1]] {
        let x = vector(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let outputs = session.run(named(&[("x", x), ("shape", vector(&shape))]), None).unwrap();
        let expected: Vec<usize> = shape.iter().map(|&dim| if dim < 0 { 6 } else { dim as usize }).collect();
        assert_eq!(outputs[0].1.tensor().unwrap().dims(), expected);
    }
    let inputs = |shape: &[i64]| named(&[("x", vector(&[0f32; 6])), ("shape", vector(shape))]);
    let error = refuse(&mut session, inputs(&[4, 4]));
    assert_eq!(error.subject.node.as_deref(), Some("reshape_y"), "{error}");
    assert!(session.run(inputs(&[6, 1]), None).is_ok());
}

#[test]
fn empty_values_pass_through_any_operator() {
    let graph = GraphProto {
        node: vec![
            node("Relu x -> a"),
            node("MatMul a x -> b"),
            node("Concat b x -> c"),
            node("Softmax c -> y"),
            node("ReduceSum x -> sum"),
            node("ReduceMax x -> max"),
            node("NonZero x -> nz"),
        ],
        input: vec![value("x", DataType::Float, "n m")],
        output: vec![
            value("y", DataType::Float, "n m"),
            value("sum", DataType::Float, "1 1"),
            value("max", DataType::Float, "1 1"),
            value("nz", DataType::Int64, "2 k"),
        ],
        ..GraphProto::default()
    };
    let mut model = model(graph);
    model.graph.as_mut().unwrap().node[2].attribute = vec![int("axis", 0)];
    let mut session = load(&model).unwrap();
    let mut run = |dims: &[usize]| {
        let outputs = session.run(named(&[("x", Tensor::zeros(ElementType::Float32, dims).unwrap())]), None).unwrap();
        outputs.into_iter().map(|(_, value)| value.into_tensor().unwrap()).collect::<Vec<_>>()
    };
    let empty = run(&[0, 0]);
    assert_eq!(empty[0].dims(), &[0, 0]);
    assert_eq!(empty[1], matrix(&[[0f32]]));
    assert_eq!(empty[2], matrix(&[[f32::NEG_INFINITY]]));
    assert_eq!(empty[3].dims(), &[2, 0]);
    assert_eq!(run(&[3, 3])[1], matrix(&[[0f32]]));
}

#[test]
fn bounds_may_be_inputs() {
    let graph = GraphProto {
        node: vec![node("Slice x starts ends -> y")],
        input: vec![
            value("x", DataType::Float, "6"),
            value("starts", DataType::Int64, "1"),
            value("ends", DataType::Int64, "1"),
        ],
        output: vec![value("y", DataType::Float, "n")],
        ..GraphProto::default()
    };
    let mut session = load(&model(graph)).unwrap();
    for (start, end, expected) in
        [(1, i64::MAX, vec![2f32, 3.0, 4.0, 5.0, 6.0]), (-2, 6, vec![5.0, 6.0]), (0, 1, vec![1.0])]
    {
        let x = vector(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let inputs = named(&[("x", x), ("starts", vector(&[start as i64])), ("ends", vector(&[end]))]);
        assert_eq!(session.run(inputs, None).unwrap(), named(&[("y", vector(&expected))]));
    }
}
