//! What flows between nodes: tensors, and in some models sequences, maps and optionals of them.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// A value in a graph.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A tensor.
    Tensor(Tensor),
    /// Values in order, all of one type.
    Sequence(Arc<Vec<Value>>),
    /// What a classifier gives for one row: keys and values of one length, in the order of its labels.
    Map(Arc<Map>),
    /// A value or nothing. An optional that is there is its value.
    Nothing,
}

/// A map from strings or integers to tensors' elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Keys, one axis: strings or int64.
    pub keys: Tensor,
    /// Values, one axis.
    pub values: Tensor,
}

impl Value {
    /// The tensor.
    pub fn tensor(&self) -> Result<&Tensor> {
        match self {
            Value::Tensor(tensor) => Ok(tensor),
            other => Err(Error::execution(format!("expected a tensor, got {other}"))),
        }
    }

    /// The tensor.
    pub fn into_tensor(self) -> Result<Tensor> {
        match self {
            Value::Tensor(tensor) => Ok(tensor),
            other => Err(Error::execution(format!("expected a tensor, got {other}"))),
        }
    }

    /// The values of a sequence.
    pub fn sequence(&self) -> Result<&[Value]> {
        match self {
            Value::Sequence(values) => Ok(values),
            other => Err(Error::execution(format!("expected a sequence, got {other}"))),
        }
    }

    /// The values of a sequence, copied only where it is shared.
    pub fn into_sequence(self) -> Result<Vec<Value>> {
        match self {
            Value::Sequence(values) => Ok(Arc::unwrap_or_clone(values)),
            other => Err(Error::execution(format!("expected a sequence, got {other}"))),
        }
    }
}

impl From<Tensor> for Value {
    fn from(tensor: Tensor) -> Value {
        Value::Tensor(tensor)
    }
}

impl From<Vec<Value>> for Value {
    fn from(values: Vec<Value>) -> Value {
        Value::Sequence(Arc::new(values))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Tensor(tensor) => tensor.fmt(f),
            Value::Sequence(values) => write!(f, "a sequence of {}", values.len()),
            Value::Map(map) => write!(f, "a map of {}", map.keys.len()),
            Value::Nothing => f.write_str("nothing"),
        }
    }
}
