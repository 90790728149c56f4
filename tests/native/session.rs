use std::collections::BTreeMap;

use edgewise::error::{Error, ErrorCode};
use edgewise::session::{NamedTensors, Session};
use prost::Message;
use tract_onnx::pb::{GraphProto, ModelProto};
use tract_onnx::prelude::{Tensor, tensor1, tensor2};

use crate::onnx::{DataType, int, load, model, node, read, scale, value};

fn named(name: &str, tensor: Tensor) -> NamedTensors {
    vec![(name.to_string(), tensor)]
}

fn row(batch: usize) -> Tensor {
    Tensor::zero::<f32>(&[batch, 3]).unwrap()
}

fn refuse(session: &mut Session, inputs: NamedTensors) -> Error {
    session.run(inputs, None).expect_err("the inputs should be refused")
}

#[test]
fn a_wrong_name_says_which_there_are_and_the_nearest() {
    let mut model = scale();
    let graph = model.graph.as_mut().unwrap();
    graph.input[0].name = "image".to_string();
    graph.node[0].input[0] = "image".to_string();
    let mut session = load(&model).unwrap();
    let error = refuse(&mut session, named("imgae", row(1)));
    assert_eq!(error.code, ErrorCode::InputInvalid);
    assert_eq!(error.message, "the model has no input \"imgae\": its inputs are \"image\"; did you mean \"image\"?");
    let error = session.run(named("image", row(1)), Some(&["Y".to_string()])).unwrap_err();
    assert_eq!(error.message, "the model has no output \"Y\": its outputs are \"y\"; did you mean \"y\"?");
    assert!(session.run(named("image", row(1)), None).is_ok());
}

#[test]
fn wrong_dims_and_types_say_expected_and_got() {
    let mut session = load(&scale()).unwrap();
    for (tensor, message) in [
        (tensor1(&[1f32, 2.0, 3.0]), "input \"x\": expected float32[batch,3], got float32[3]"),
        (tensor2(&[[1f32, 2.0]]), "input \"x\": expected float32[batch,3], got float32[1,2]"),
        (tensor2(&[[1f64, 2.0, 3.0]]), "input \"x\": expected float32[batch,3], got float64[1,3]"),
    ] {
        let error = refuse(&mut session, named("x", tensor));
        assert_eq!((error.code, error.message.as_str()), (ErrorCode::InputInvalid, message));
        assert_eq!(error.subject.expected.as_deref(), Some("float32[batch,3]"));
        assert_eq!(error.subject.input.as_deref(), Some("x"));
    }
    let error = refuse(&mut session, vec![]);
    assert_eq!(error.message, "1 input is missing: \"x\" float32[batch,3]");
    assert!(session.run(named("x", row(2)), None).is_ok());
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
    let inputs = vec![("a".to_string(), tensor1(&[1f32, 2.0])), ("b".to_string(), tensor1(&[1f32]))];
    let error = refuse(&mut session, inputs);
    assert_eq!(error.message, "input \"b\": expected float32[n], got float32[1], and \"n\" is 2 in input \"a\"");
}

#[test]
fn outputs_come_by_their_own_names() {
    let mut session = load(&sum()).unwrap();
    let inputs = || vec![("b".to_string(), tensor1(&[1f32])), ("a".to_string(), tensor1(&[3f32]))];
    let all = session.run(inputs(), None).unwrap();
    assert_eq!(all, vec![("y".to_string(), tensor1(&[4f32])), ("z".to_string(), tensor1(&[2f32]))]);
    let one = session.run(inputs(), Some(&["z".to_string()])).unwrap();
    assert_eq!(one, vec![("z".to_string(), tensor1(&[2f32]))]);
    assert_eq!(session.run(inputs(), Some(&[])).unwrap(), vec![]);
}

#[test]
fn a_plan_is_made_once_for_the_same_dims() {
    let mut session = load(&scale()).unwrap();
    assert_eq!(session.stats().planned, 0);
    for batch in [1, 2, 1, 2, 3, 4, 5, 1] {
        session.run(named("x", row(batch)), None).unwrap();
    }
    let stats = session.stats();
    assert_eq!((stats.plans, stats.planned, stats.plan_hits), (4, 6, 2));
}

#[test]
fn warming_up_spares_the_first_run_its_plan() {
    let mut session = load(&scale()).unwrap();
    let dims = |name: &str, dims: &[usize]| BTreeMap::from([(name.to_string(), dims.to_vec())]);
    session.warm_up(&dims("x", &[2, 3])).unwrap();
    session.run(named("x", row(2)), None).unwrap();
    assert_eq!((session.stats().planned, session.stats().plan_hits), (1, 1));
    for wrong in [dims("z", &[2, 3]), dims("x", &[2, 4]), dims("x", &[3]), BTreeMap::new(), dims("x", &[1 << 40, 3])] {
        assert!(session.warm_up(&wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn named_dims_can_be_fixed() {
    let fix = |name: &str| {
        let sizes = BTreeMap::from([(name.to_string(), 2)]);
        Session::new(read(&scale().encode_to_vec()).unwrap(), &sizes)
    };
    let mut session = fix("batch").unwrap();
    assert_eq!(session.inputs()[0].to_string(), "float32[2,3]");
    assert_eq!(session.stats().planned, 1);
    session.run(named("x", row(2)), None).unwrap();
    assert_eq!(refuse(&mut session, named("x", row(1))).code, ErrorCode::InputInvalid);
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
    let inputs = |index: i64| vec![("x".to_string(), tensor1(&[1f32, 2.0])), ("i".to_string(), tensor1(&[index]))];
    let error = refuse(&mut session, inputs(7));
    assert_eq!(error.code, ErrorCode::ExecutionFailed);
    assert_eq!((error.subject.node.as_deref(), error.subject.op.as_deref()), (Some("gather_y"), Some("Gather")));
    assert!(error.message.starts_with("node \"gather_y\" (Gather): "), "{error}");
    assert_eq!(session.run(inputs(1), None).unwrap()[0].1, tensor1(&[2f32]));
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
    let inputs = vec![("a".to_string(), tensor1(&[1f32; 3])), ("b".to_string(), tensor1(&[1f32; 4]))];
    let error = refuse(&mut session, inputs);
    assert_eq!(error.code, ErrorCode::ExecutionFailed);
    assert_eq!(error.subject.node.as_deref(), Some("add_y"));
    assert!(error.message.ends_with(" on float32[4] and float32[3]"), "{error}");
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
    let error = load(&model(graph)).err().unwrap();
    assert_eq!(error.message, "output \"y\" is declared float32 and computed as int64");
}

#[test]
fn inputs_of_zero_length_run() {
    let mut session = load(&scale()).unwrap();
    let outputs = session.run(named("x", row(0)), None).unwrap();
    assert_eq!(outputs[0].1.shape(), &[0, 3]);
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
fn dims_that_hang_on_values_are_planned_by_value() {
    let mut session = load(&reshape()).unwrap();
    for (shape, planned) in [([2i64, 3], 1), ([3, 2], 2), ([2, 3], 2), ([-1, 1], 3)] {
        let x = tensor1(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let outputs = session.run(vec![("x".to_string(), x), ("shape".to_string(), tensor1(&shape))], None).unwrap();
        let expected: Vec<usize> = shape.iter().map(|&dim| if dim < 0 { 6 } else { dim as usize }).collect();
        assert_eq!(outputs[0].1.shape(), expected);
        assert_eq!(session.stats().planned, planned);
    }
    let inputs = |shape: &[i64]| vec![("x".to_string(), tensor1(&[0f32; 6])), ("shape".to_string(), tensor1(shape))];
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
        let outputs = session.run(named("x", Tensor::zero::<f32>(dims).unwrap()), None).unwrap();
        outputs.into_iter().map(|(_, tensor)| tensor).collect::<Vec<_>>()
    };
    let empty = run(&[0, 0]);
    assert_eq!(empty[0].shape(), &[0, 0]);
    assert_eq!(empty[1], tensor2(&[[0f32]]));
    assert_eq!(empty[2], tensor2(&[[f32::NEG_INFINITY]]));
    assert_eq!(empty[3].shape(), &[2, 0]);
    assert_eq!(run(&[3, 3])[1], tensor2(&[[0f32]]));
}

#[test]
fn bounds_that_are_inputs_are_planned_by_value_where_dims_do_not_do() {
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
        let inputs = vec![
            ("x".to_string(), tensor1(&[1f32, 2.0, 3.0, 4.0, 5.0, 6.0])),
            ("starts".to_string(), tensor1(&[start as i64])),
            ("ends".to_string(), tensor1(&[end])),
        ];
        assert_eq!(session.run(inputs, None).unwrap()[0].1, tensor1(&expected));
    }
}
