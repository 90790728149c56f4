//! Element types and the description of a model's inputs and outputs. Values are tract's `Tensor`.

use std::fmt;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::prelude::DatumType;

use crate::error::{Error, Result};

/// The element types that cross the boundary, named as in onnxruntime-web.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ElementType {
    /// `float32`
    Float32,
    /// `float64`
    Float64,
    /// `float16`, IEEE 754 binary16
    Float16,
    /// `int8`
    Int8,
    /// `int16`
    Int16,
    /// `int32`
    Int32,
    /// `int64`
    Int64,
    /// `uint8`
    Uint8,
    /// `uint16`
    Uint16,
    /// `uint32`
    Uint32,
    /// `uint64`
    Uint64,
    /// `bool`, one byte
    Bool,
    /// `string`, UTF-8
    String,
}

type Row = (ElementType, &'static str, DataType, DatumType);

const TABLE: [Row; 13] = [
    (ElementType::Float32, "float32", DataType::Float, DatumType::F32),
    (ElementType::Float64, "float64", DataType::Double, DatumType::F64),
    (ElementType::Float16, "float16", DataType::Float16, DatumType::F16),
    (ElementType::Int8, "int8", DataType::Int8, DatumType::I8),
    (ElementType::Int16, "int16", DataType::Int16, DatumType::I16),
    (ElementType::Int32, "int32", DataType::Int32, DatumType::I32),
    (ElementType::Int64, "int64", DataType::Int64, DatumType::I64),
    (ElementType::Uint8, "uint8", DataType::Uint8, DatumType::U8),
    (ElementType::Uint16, "uint16", DataType::Uint16, DatumType::U16),
    (ElementType::Uint32, "uint32", DataType::Uint32, DatumType::U32),
    (ElementType::Uint64, "uint64", DataType::Uint64, DatumType::U64),
    (ElementType::Bool, "bool", DataType::Bool, DatumType::Bool),
    (ElementType::String, "string", DataType::String, DatumType::String),
];

impl ElementType {
    fn find(matches: impl Fn(&Row) -> bool) -> Option<&'static Row> {
        TABLE.iter().find(|row| matches(row))
    }

    /// The type that JavaScript calls `name`.
    pub fn from_name(name: &str) -> Option<ElementType> {
        Self::find(|row| row.1 == name).map(|row| row.0)
    }

    /// The type of an ONNX `TensorProto.DataType` number.
    pub fn from_onnx(number: i32) -> Option<ElementType> {
        Self::find(|row| row.2 as i32 == number).map(|row| row.0)
    }

    /// The type of a tract tensor; a quantised tract type is its storage type.
    pub fn from_tract(datum_type: DatumType) -> Option<ElementType> {
        Self::find(|row| row.3 == datum_type.unquantized()).map(|row| row.0)
    }

    /// The name in JavaScript.
    pub fn name(self) -> &'static str {
        Self::find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// The ONNX `TensorProto.DataType` number.
    pub fn onnx(self) -> i32 {
        Self::find(|row| row.0 == self).map_or(0, |row| row.2 as i32)
    }

    /// tract's type.
    pub fn tract(self) -> DatumType {
        Self::find(|row| row.0 == self).map_or(DatumType::F32, |row| row.3)
    }
}

/// The name of an ONNX type number, also of those that Edgewise does not carry.
pub fn onnx_type_name(number: i32) -> String {
    match (ElementType::from_onnx(number), DataType::try_from(number)) {
        (Some(known), _) => known.name().to_string(),
        (None, Ok(other)) => other.as_str_name().to_ascii_lowercase(),
        (None, Err(_)) => format!("type {number}"),
    }
}

/// One dimension as the model declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    /// A fixed size.
    Fixed(usize),
    /// A named size, the same wherever the name stands.
    Symbol(String),
    /// Any size.
    Unknown,
}

impl fmt::Display for Dim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Dim::Fixed(size) => write!(f, "{size}"),
            Dim::Symbol(name) => f.write_str(name),
            Dim::Unknown => f.write_str("?"),
        }
    }
}

/// An input or an output of a model: its name, and what the model declares about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorInfo {
    /// The name in the model.
    pub name: String,
    /// The element type, where declared.
    pub element_type: Option<ElementType>,
    /// The dims; `None` where the model leaves the rank open.
    pub dims: Option<Vec<Dim>>,
}

impl fmt::Display for TensorInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.element_type.map_or("any", ElementType::name);
        match &self.dims {
            Some(dims) => f.write_str(&describe(name, dims)),
            None => write!(f, "{name}[...]"),
        }
    }
}

/// `float32[1,3,224,224]`
pub fn describe<D: fmt::Display>(type_name: &str, dims: &[D]) -> String {
    let dims: Vec<String> = dims.iter().map(D::to_string).collect();
    format!("{type_name}[{}]", dims.join(","))
}

/// The bytes that a tensor of `dims` takes, or an error where that is over `limit` or the address space.
pub fn count_bytes(element_type: ElementType, dims: &[usize], limit: usize) -> Result<usize> {
    let size = element_type.tract().size_of();
    dims.iter().try_fold(size, |bytes, &dim| bytes.checked_mul(dim)).filter(|&bytes| bytes <= limit).ok_or_else(|| {
        Error::limit(format!(
            "a tensor {} is over the limit of {limit} bytes for one tensor",
            describe(element_type.name(), dims)
        ))
    })
}
