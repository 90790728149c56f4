//! What a model declares about its inputs and outputs.

use std::fmt;

use super::{ElementType, Tensor};

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

/// What kind of value an input or an output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// A tensor.
    #[default]
    Tensor,
    /// A sequence of tensors.
    Sequence,
    /// A sequence of maps, as scikit-learn's classifiers give.
    Maps,
    /// A map, its values of the element type.
    Map,
    /// A tensor, or nothing.
    Optional,
    /// A sequence of tensors, or nothing.
    OptionalSequence,
}

/// An input or an output of a model: its name, and what the model declares about it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TensorInfo {
    /// The name in the model.
    pub name: String,
    /// Whether it is one tensor or more.
    pub kind: Kind,
    /// The element type, where declared.
    pub element_type: Option<ElementType>,
    /// The dims; `None` where the model leaves the rank open. Of a sequence, those of its tensors.
    pub dims: Option<Vec<Dim>>,
    /// Of a map, the element type of its keys.
    pub keys: Option<ElementType>,
    /// What each element along the last axis is about, strings or int64: of an output that the model makes maps of.
    pub labels: Option<Tensor>,
}

impl fmt::Display for TensorInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.element_type.map_or("any", ElementType::name);
        let tensor = match &self.dims {
            Some(dims) => describe(name, dims),
            None => format!("{name}[...]"),
        };
        match self.kind {
            Kind::Tensor => f.write_str(&tensor),
            Kind::Sequence => write!(f, "sequence of {tensor}"),
            Kind::Maps => f.write_str("sequence of maps"),
            Kind::Map => write!(f, "map of {} to {name}", self.keys.map_or("any", ElementType::name)),
            Kind::Optional => write!(f, "optional {tensor}"),
            Kind::OptionalSequence => write!(f, "optional sequence of {tensor}"),
        }
    }
}

/// `float32[1,3,224,224]`
pub fn describe<D: fmt::Display>(type_name: &str, dims: &[D]) -> String {
    let dims: Vec<String> = dims.iter().map(D::to_string).collect();
    format!("{type_name}[{}]", dims.join(","))
}
