//! Models made in place, and the short way through the core.

use std::collections::BTreeMap;
use std::path::Path;

use edgewise::error::{Error, Result};
use edgewise::model::{Integrity, Limits, Model, Reader, decode_value};
use edgewise::session::Session;
use edgewise::tensor::{Element, Kind, Tensor};
use edgewise::value::Value;
use prost::Message;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, attribute_proto, tensor_proto, type_proto,
};

pub use tensor_proto::DataType;

/// `dims` in words: `"batch 3 ?"`.
pub fn value(name: &str, data_type: impl Into<i32>, dims: &str) -> ValueInfoProto {
    let dim = |text: &str| Dimension {
        denotation: String::new(),
        value: match text.parse::<i64>() {
            Ok(size) => Some(dimension::Value::DimValue(size)),
            Err(_) if text == "?" => None,
            Err(_) => Some(dimension::Value::DimParam(text.to_string())),
        },
    };
    let shape = TensorShapeProto { dim: dims.split_whitespace().map(dim).collect() };
    let tensor = type_proto::Tensor { elem_type: data_type.into(), shape: Some(shape) };
    let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
    ValueInfoProto { name: name.to_string(), r#type: Some(kind), ..ValueInfoProto::default() }
}

/// `"Add a b -> sum"`
pub fn node(text: &str) -> NodeProto {
    let (left, right) = text.split_once("->").unwrap();
    let mut words = left.split_whitespace().map(str::to_string);
    let op_type = words.next().unwrap();
    let output: Vec<String> = right.split_whitespace().map(str::to_string).collect();
    let name = format!("{}_{}", op_type.to_lowercase(), output[0]);
    NodeProto { op_type, name, input: words.collect(), output, ..NodeProto::default() }
}

pub fn int(name: &str, i: i64) -> AttributeProto {
    let r#type = attribute_proto::AttributeType::Int as i32;
    AttributeProto { name: name.to_string(), i, r#type, ..AttributeProto::default() }
}

pub fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    let r#type = attribute_proto::AttributeType::Ints as i32;
    AttributeProto { name: name.to_string(), ints: ints.to_vec(), r#type, ..AttributeProto::default() }
}

pub fn float(name: &str, f: f32) -> AttributeProto {
    let r#type = attribute_proto::AttributeType::Float as i32;
    AttributeProto { name: name.to_string(), f, r#type, ..AttributeProto::default() }
}

pub fn text(name: &str, text: &str) -> AttributeProto {
    let r#type = attribute_proto::AttributeType::String as i32;
    AttributeProto { name: name.to_string(), s: text.as_bytes().to_vec(), r#type, ..AttributeProto::default() }
}

pub fn graph(name: &str, graph: GraphProto) -> AttributeProto {
    let r#type = attribute_proto::AttributeType::Graph as i32;
    AttributeProto { name: name.to_string(), g: Some(graph), r#type, ..AttributeProto::default() }
}

/// A node with attributes.
pub fn with(text: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto { attribute, ..node(text) }
}

pub fn longs(name: &str, data: &[i64]) -> TensorProto {
    TensorProto {
        name: name.to_string(),
        dims: vec![data.len() as i64],
        data_type: DataType::Int64 as i32,
        int64_data: data.to_vec(),
        ..TensorProto::default()
    }
}

pub fn floats(name: &str, dims: &[i64], data: &[f32]) -> TensorProto {
    TensorProto {
        name: name.to_string(),
        dims: dims.to_vec(),
        data_type: DataType::Float as i32,
        raw_data: data.iter().flat_map(|value| value.to_le_bytes()).collect(),
        ..TensorProto::default()
    }
}

pub fn model(graph: GraphProto) -> ModelProto {
    let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: 17 }];
    ModelProto { ir_version: 8, opset_import, graph: Some(graph), ..ModelProto::default() }
}

/// `y = x * w` with `w = [1, 2, 3]`, for any batch.
pub fn scale() -> ModelProto {
    model(GraphProto {
        node: vec![node("Mul x w -> y")],
        input: vec![value("x", DataType::Float, "batch 3")],
        output: vec![value("y", DataType::Float, "batch 3")],
        initializer: vec![floats("w", &[3], &[1.0, 2.0, 3.0])],
        ..GraphProto::default()
    })
}

/// Reads bytes in parts of `part`.
pub fn read_parts(bytes: &[u8], part: usize, integrity: Option<&str>) -> Result<Model> {
    let mut reader = Reader::new(Limits::default(), integrity.map(|text| Integrity::parse(text).unwrap()), None);
    for chunk in bytes.chunks(part.max(1)) {
        reader.push(chunk)?;
    }
    assert_eq!(reader.end()?, vec![]);
    reader.finish()
}

pub fn read(bytes: &[u8]) -> Result<Model> {
    read_parts(bytes, 1 << 20, None)
}

pub fn load(model: &ModelProto) -> Result<Session> {
    Session::new(read(&model.encode_to_vec())?, &BTreeMap::new())
}

/// Runs a session on tensors, and gives its outputs, which are tensors too.
pub fn run(session: &mut Session, inputs: &[(&str, Tensor)]) -> Result<Vec<Tensor>> {
    let inputs = inputs.iter().map(|(name, tensor)| (name.to_string(), Value::Tensor(tensor.clone())));
    session.run(inputs.collect(), None)?.into_iter().map(|(_, value)| value.into_tensor()).collect()
}

pub fn vector<T: Element>(values: &[T]) -> Tensor {
    Tensor::vector(values.to_vec())
}

pub fn matrix<T: Element, const N: usize>(rows: &[[T; N]]) -> Tensor {
    Tensor::new(&[rows.len(), N], rows.as_flattened().to_vec()).unwrap()
}

/// Numbers of both signs that repeat late.
pub fn ramp(dims: &[usize]) -> Tensor {
    let count: usize = dims.iter().product();
    Tensor::new(dims, (0..count).map(|index| ((index * 37 % 23) as f32 - 11.0) / 7.0).collect()).unwrap()
}

/// Dims are the same, and elements as near as `tolerance`, beside the largest.
pub fn assert_close(actual: &Tensor, expected: &Tensor, tolerance: f64, about: &str) {
    assert_eq!(actual.dims(), expected.dims(), "{about}");
    assert_eq!(actual.element_type(), expected.element_type(), "{about}");
    let (a, e) = (actual.to_f64s().unwrap(), expected.to_f64s().unwrap());
    let largest = e.iter().filter(|value| value.is_finite()).fold(1f64, |largest, value| largest.max(value.abs()));
    for (a, e) in a.iter().zip(e.iter()) {
        let same = a == e || (a.is_nan() && e.is_nan()) || (a - e).abs() <= tolerance * largest;
        assert!(same, "{about}: {a} for {e}");
    }
}

pub fn load_error(model: &ModelProto) -> Error {
    load(model).err().expect("the model should be refused")
}

/// A sequence, or an optional, as ONNX stores values.
#[derive(Clone, PartialEq, Message)]
struct SequenceProto {
    #[prost(message, repeated, tag = "3")]
    tensors: Vec<TensorProto>,
    #[prost(message, repeated, tag = "5")]
    sequences: Vec<SequenceProto>,
}

impl SequenceProto {
    fn to_value(&self) -> Option<Value> {
        let tensors = self.tensors.iter().map(to_tensor);
        let sequences = self.sequences.iter().map(SequenceProto::to_value);
        tensors.chain(sequences).collect::<Option<Vec<Value>>>().map(Value::from)
    }
}

fn to_tensor(proto: &TensorProto) -> Option<Value> {
    decode_value(proto, 1 << 30).ok().map(Value::Tensor)
}

/// Reads a stored value.
pub fn read_value(path: &Path, kind: Kind) -> Option<Value> {
    let bytes = std::fs::read(path).ok()?;
    match kind {
        Kind::Tensor => to_tensor(&TensorProto::decode(&*bytes).ok()?),
        Kind::Sequence | Kind::Maps => SequenceProto::decode(&*bytes).ok()?.to_value(),
        Kind::Map => None,
        Kind::Optional | Kind::OptionalSequence => {
            let proto = SequenceProto::decode(&*bytes).ok()?;
            let inner = proto.tensors.first().and_then(to_tensor);
            inner.or_else(|| proto.sequences.first().and_then(SequenceProto::to_value)).or(Some(Value::Nothing))
        }
    }
}
