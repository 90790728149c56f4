//! Fields of ONNX messages that tract-onnx does not decode: functions, and types other than tensors. The same bytes are
//! decoded a second time, by messages that name these fields only.

use prost::Message;
use tract_onnx::pb::{AttributeProto, NodeProto, OperatorSetIdProto};

/// What a model holds beside what tract-onnx knows.
#[derive(Clone, PartialEq, Message)]
pub struct ModelExtension {
    /// Functions of the model.
    #[prost(message, repeated, tag = "25")]
    pub functions: Vec<FunctionProto>,
}

/// An operator that the model defines by other operators. <https://onnx.ai/onnx/repo-docs/IR.html#functions>
#[derive(Clone, PartialEq, Message)]
pub struct FunctionProto {
    /// The operator's name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Names of the inputs.
    #[prost(string, repeated, tag = "4")]
    pub input: Vec<String>,
    /// Names of the outputs.
    #[prost(string, repeated, tag = "5")]
    pub output: Vec<String>,
    /// The body.
    #[prost(message, repeated, tag = "7")]
    pub node: Vec<NodeProto>,
    /// The operator sets of the body.
    #[prost(message, repeated, tag = "9")]
    pub opset_import: Vec<OperatorSetIdProto>,
    /// The operator's domain.
    #[prost(string, tag = "10")]
    pub domain: String,
    /// Attributes that a node may leave out.
    #[prost(message, repeated, tag = "11")]
    pub defaults: Vec<AttributeProto>,
}

/// The inputs and outputs of a graph.
#[derive(Clone, PartialEq, Message)]
pub struct GraphExtension {
    /// Inputs in the model's order, initializers among them.
    #[prost(message, repeated, tag = "11")]
    pub input: Vec<ValueExtension>,
    /// Outputs in the model's order.
    #[prost(message, repeated, tag = "12")]
    pub output: Vec<ValueExtension>,
}

/// An input or an output.
#[derive(Clone, PartialEq, Message)]
pub struct ValueExtension {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its type.
    #[prost(message, optional, tag = "2")]
    pub kind: Option<TypeExtension>,
}

/// A type, one of these.
#[derive(Clone, PartialEq, Message)]
pub struct TypeExtension {
    /// A tensor.
    #[prost(message, optional, tag = "1")]
    pub tensor: Option<tract_onnx::pb::type_proto::Tensor>,
    /// A sequence of values of one type.
    #[prost(message, optional, boxed, tag = "4")]
    pub sequence: Option<Box<ElementExtension>>,
    /// A map.
    #[prost(message, optional, boxed, tag = "5")]
    pub map: Option<Box<MapExtension>>,
    /// A sparse tensor.
    #[prost(message, optional, tag = "8")]
    pub sparse: Option<tract_onnx::pb::type_proto::Tensor>,
    /// A value of a type, or nothing.
    #[prost(message, optional, boxed, tag = "9")]
    pub optional: Option<Box<ElementExtension>>,
}

/// The type of what a sequence or an optional holds.
#[derive(Clone, PartialEq, Message)]
pub struct ElementExtension {
    /// The type.
    #[prost(message, optional, boxed, tag = "1")]
    pub element: Option<Box<TypeExtension>>,
}

/// The types of a map.
#[derive(Clone, PartialEq, Message)]
pub struct MapExtension {
    /// The number of the keys' element type.
    #[prost(int32, tag = "1")]
    pub key: i32,
    /// The values' type.
    #[prost(message, optional, boxed, tag = "2")]
    pub value: Option<Box<TypeExtension>>,
}
