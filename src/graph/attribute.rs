//! Attributes of nodes.

use tract_onnx::pb::AttributeProto;
use tract_onnx::pb::attribute_proto::AttributeType;

use crate::error::Result;
use crate::model::weights::decode_value;
use crate::tensor::Tensor;

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// A number.
    Float(f32),
    /// A whole number.
    Int(i64),
    /// A text, or bytes that ONNX calls a string.
    Text(Vec<u8>),
    /// A tensor.
    Tensor(Tensor),
    /// Numbers.
    Floats(Vec<f32>),
    /// Whole numbers.
    Ints(Vec<i64>),
    /// Texts.
    Texts(Vec<Vec<u8>>),
    /// Tensors.
    Tensors(Vec<Tensor>),
}

impl Attribute {
    /// The value of an attribute; `None` for a graph, or for what no operator has.
    pub fn decode(proto: &AttributeProto, limit: usize) -> Result<Option<Attribute>> {
        let tensor = || proto.t.as_ref().map(|tensor| decode_value(tensor, limit).map(Attribute::Tensor)).transpose();
        Ok(Some(match kind_of(proto) {
            AttributeType::Float => Attribute::Float(proto.f),
            AttributeType::Int => Attribute::Int(proto.i),
            AttributeType::String => Attribute::Text(proto.s.clone()),
            AttributeType::Floats => Attribute::Floats(proto.floats.clone()),
            AttributeType::Ints => Attribute::Ints(proto.ints.clone()),
            AttributeType::Strings => Attribute::Texts(proto.strings.clone()),
            AttributeType::Tensor => return tensor(),
            AttributeType::Tensors => {
                let tensors = proto.tensors.iter().map(|tensor| decode_value(tensor, limit));
                Attribute::Tensors(tensors.collect::<Result<_>>()?)
            }
            _ => return Ok(None),
        }))
    }
}

/// The type, which the first versions of ONNX leave out.
fn kind_of(proto: &AttributeProto) -> AttributeType {
    match AttributeType::try_from(proto.r#type) {
        Ok(AttributeType::Undefined) | Err(_) => {}
        Ok(kind) => return kind,
    }
    if proto.t.is_some() {
        AttributeType::Tensor
    } else if proto.g.is_some() {
        AttributeType::Graph
    } else if !proto.ints.is_empty() {
        AttributeType::Ints
    } else if !proto.floats.is_empty() {
        AttributeType::Floats
    } else if !proto.strings.is_empty() {
        AttributeType::Strings
    } else if !proto.s.is_empty() {
        AttributeType::String
    } else if proto.f != 0.0 {
        AttributeType::Float
    } else {
        AttributeType::Int
    }
}
