//! Models made in place, and the short way through the core.

use std::collections::BTreeMap;
use std::path::Path;

use edgewise::error::{Error, Result};
use edgewise::model::{Integrity, Limits, Model, Reader, decode_value};
use edgewise::session::Session;
use edgewise::tensor::Kind;
use edgewise::value::Value;
use prost::Message;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto,
    ValueInfoProto, attribute_proto, tensor_proto, type_proto,
};

pub use tensor_proto::DataType;

/// `dims` in words: `"batch 3 ?"`.
pub fn value(name: &str, data_type: DataType, dims: &str) -> ValueInfoProto {
    let dim = |text: &str| Dimension {
        denotation: String::new(),
        value: match text.parse::<i64>() {
            Ok(size) => Some(dimension::Value::DimValue(size)),
            Err(_) if text == "?" => None,
            Err(_) => Some(dimension::Value::DimParam(text.to_string())),
        },
    };
    let shape = TensorShapeProto { dim: dims.split_whitespace().map(dim).collect() };
    let tensor = type_proto::Tensor { elem_type: data_type as i32, shape: Some(shape) };
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
        Kind::Optional => {
            let proto = SequenceProto::decode(&*bytes).ok()?;
            let inner = proto.tensors.first().and_then(to_tensor);
            inner.or_else(|| proto.sequences.first().and_then(SequenceProto::to_value)).or(Some(Value::Nothing))
        }
    }
}
