//! Weights of every type, in each way that the format has to write them down.

use edgewise::error::ErrorCode;
use edgewise::tensor::Tensor;
use half::{bf16, f16};
use tract_onnx::pb::{AttributeProto, GraphProto, ModelProto, TensorProto};

use crate::onnx::{DataType, load, load_error, model, node, run as run_session, value, vector};

fn tensor(data_type: DataType, dims: &[i64]) -> TensorProto {
    TensorProto { name: "w".to_string(), dims: dims.to_vec(), data_type: data_type as i32, ..TensorProto::default() }
}

fn identity(initializer: TensorProto, data_type: DataType, dims: &str) -> ModelProto {
    model(GraphProto {
        node: vec![node("Identity w -> y")],
        output: vec![value("y", data_type, dims)],
        initializer: vec![initializer],
        ..GraphProto::default()
    })
}

fn run(model: &ModelProto) -> Tensor {
    run_session(&mut load(model).unwrap(), &[]).unwrap().remove(0)
}

#[test]
fn typed_fields_of_every_type_are_read() {
    let ints =
        |data_type, int32_data: &[i32]| TensorProto { int32_data: int32_data.to_vec(), ..tensor(data_type, &[2]) };
    let longs =
        |data_type, uint64_data: &[u64]| TensorProto { uint64_data: uint64_data.to_vec(), ..tensor(data_type, &[2]) };
    let table: Vec<(DataType, TensorProto, Tensor)> = vec![
        (DataType::Int8, ints(DataType::Int8, &[-128, 127]), vector(&[-128i8, 127])),
        (DataType::Uint8, ints(DataType::Uint8, &[0, 255]), vector(&[0u8, 255])),
        (DataType::Int16, ints(DataType::Int16, &[-32768, 32767]), vector(&[-32768i16, 32767])),
        (DataType::Uint16, ints(DataType::Uint16, &[0, 65535]), vector(&[0u16, 65535])),
        (DataType::Int32, ints(DataType::Int32, &[i32::MIN, i32::MAX]), vector(&[i32::MIN, i32::MAX])),
        (DataType::Bool, ints(DataType::Bool, &[0, 1]), vector(&[false, true])),
        (
            DataType::Float16,
            ints(DataType::Float16, &[0x3c00, 0xc000]),
            vector(&[f16::from_f32(1.0), f16::from_f32(-2.0)]),
        ),
        (
            DataType::Bfloat16,
            ints(DataType::Bfloat16, &[0x3f80, 0xc000]),
            vector(&[bf16::from_f32(1.0), bf16::from_f32(-2.0)]),
        ),
        (DataType::Uint32, longs(DataType::Uint32, &[0, 4294967295]), vector(&[0u32, u32::MAX])),
        (DataType::Uint64, longs(DataType::Uint64, &[0, u64::MAX]), vector(&[0u64, u64::MAX])),
        (
            DataType::Int64,
            TensorProto { int64_data: vec![i64::MIN, i64::MAX], ..tensor(DataType::Int64, &[2]) },
            vector(&[i64::MIN, i64::MAX]),
        ),
        (
            DataType::Float,
            TensorProto { float_data: vec![1.5, -0.0], ..tensor(DataType::Float, &[2]) },
            vector(&[1.5f32, -0.0]),
        ),
        (
            DataType::Double,
            TensorProto { double_data: vec![1e300, -1.0], ..tensor(DataType::Double, &[2]) },
            vector(&[1e300f64, -1.0]),
        ),
        (
            DataType::String,
            TensorProto { string_data: vec![b"a".to_vec(), "\u{e9}".into()], ..tensor(DataType::String, &[2]) },
            vector(&["a".to_string(), "\u{e9}".to_string()]),
        ),
    ];
    for (data_type, proto, expected) in table {
        assert_eq!(run(&identity(proto, data_type, "2")), expected, "{data_type:?}");
    }
}

#[test]
fn any_byte_but_0_is_true() {
    let proto = TensorProto { raw_data: vec![0, 1, 255], ..tensor(DataType::Bool, &[3]) };
    assert_eq!(run(&identity(proto, DataType::Bool, "3")), vector(&[false, true, true]));
}

#[test]
fn zero_length_and_scalar_weights_are_read() {
    let empty = run(&identity(tensor(DataType::Float, &[2, 0]), DataType::Float, "2 0"));
    assert_eq!(empty.dims(), &[2, 0]);
    let scalar = TensorProto { float_data: vec![7.0], ..tensor(DataType::Float, &[]) };
    assert_eq!(run(&identity(scalar, DataType::Float, "")), Tensor::scalar(7f32));
}

#[test]
fn constant_nodes_hold_values_in_any_attribute() {
    let attribute = |name: &str| AttributeProto { name: name.to_string(), ..AttributeProto::default() };
    let table: Vec<(AttributeProto, DataType, Tensor)> = vec![
        (AttributeProto { f: 2.5, ..attribute("value_float") }, DataType::Float, Tensor::scalar(2.5f32)),
        (AttributeProto { i: -3, ..attribute("value_int") }, DataType::Int64, Tensor::scalar(-3i64)),
        (AttributeProto { floats: vec![1.0, 2.0], ..attribute("value_floats") }, DataType::Float, vector(&[1f32, 2.0])),
        (AttributeProto { ints: vec![1, 2], ..attribute("value_ints") }, DataType::Int64, vector(&[1i64, 2])),
        (
            AttributeProto { s: b"x".to_vec(), ..attribute("value_string") },
            DataType::String,
            Tensor::scalar("x".to_string()),
        ),
        (
            AttributeProto {
                t: Some(TensorProto { raw_data: vec![0, 0, 128, 63], ..tensor(DataType::Float, &[1]) }),
                ..attribute("value")
            },
            DataType::Float,
            vector(&[1f32]),
        ),
    ];
    for (attribute, data_type, expected) in table {
        let name = attribute.name.clone();
        let mut constant = node("Constant -> c");
        constant.attribute = vec![attribute];
        let dims = if expected.rank() == 0 { String::new() } else { expected.len().to_string() };
        let graph = GraphProto {
            node: vec![constant, node("Identity c -> y")],
            output: vec![value("y", data_type, &dims)],
            ..GraphProto::default()
        };
        assert_eq!(run(&model(graph)), expected, "{name}");
    }
}

#[test]
fn weights_that_contradict_themselves_are_refused() {
    let short = TensorProto { raw_data: vec![0; 7], ..tensor(DataType::Float, &[2]) };
    let typed = TensorProto { float_data: vec![1.0; 3], ..tensor(DataType::Float, &[2]) };
    let negative = tensor(DataType::Float, &[-1]);
    let strings = TensorProto { string_data: vec![b"\xff".to_vec()], ..tensor(DataType::String, &[1]) };
    for (proto, code) in [
        (short, ErrorCode::ModelInvalid),
        (typed, ErrorCode::ModelInvalid),
        (negative, ErrorCode::ModelInvalid),
        (strings, ErrorCode::ModelInvalid),
        (tensor(DataType::Float, &[1 << 40]), ErrorCode::LimitExceeded),
        (tensor(DataType::Float, &[i64::MAX, i64::MAX]), ErrorCode::LimitExceeded),
        (tensor(DataType::Complex64, &[1]), ErrorCode::ModelUnsupported),
    ] {
        let error = load_error(&identity(proto, DataType::Float, "2"));
        assert_eq!(error.code, code, "{error}");
    }
}
