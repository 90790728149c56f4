//! Operators: a table of what runs, and for each how a node becomes something to call.
//!
//! An operator is an [`Entry`]: its domain and name, and a function that reads a node's attributes once, at load, and gives
//! what runs it. Families share a file; those behind a feature of Cargo.toml can be left out of a build.

mod call;
mod spec;

mod activation;
mod arithmetic;
#[cfg(feature = "attention")]
mod attention;
mod bitwise;
mod cast;
mod comparison;
mod concat;
#[cfg(feature = "control")]
mod control;
mod conv;
mod create;
mod cumulative;
#[cfg(feature = "detection")]
mod detection;
mod distance;
#[cfg(feature = "einsum")]
mod einsum;
mod expand;
mod gather;
mod hash;
#[cfg(feature = "image-decoder")]
mod image;
mod integer;
mod loss;
mod matmul;
mod matrix;
#[cfg(feature = "ml")]
mod ml;
mod normalization;
mod pad;
mod padding;
mod pieces;
mod pool;
mod quantize;
#[cfg(feature = "quantized")]
mod quantized;
#[cfg(feature = "random")]
mod random;
#[cfg(feature = "recurrent")]
mod recurrent;
mod reduce;
#[cfg(feature = "detection")]
mod region;
#[cfg(feature = "resize")]
mod resize;
mod scatter;
mod select;
#[cfg(feature = "control")]
mod sequence;
mod shape;
#[cfg(feature = "signal")]
mod signal;
mod slice;
mod softmax;
#[cfg(feature = "text")]
mod text;
mod transpose;
mod unary;
mod view;

pub use call::{Call, Input, Outputs};
pub use spec::Spec;

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::error::Result;
use crate::tensor::Tensor;
use crate::value::Value;

/// What runs a node. It may be called any number of times, and keeps nothing from call to call but what is random.
pub type Operator = Box<dyn Fn(&mut Call) -> Result<Outputs> + Send + Sync>;

/// An operator that Edgewise runs.
pub struct Entry {
    /// The domain; the default one is called `ai.onnx`.
    pub domain: &'static str,
    /// The name in the domain.
    pub name: &'static str,
    /// Reads a node's attributes.
    pub make: fn(&mut Spec) -> Result<Operator>,
    /// Whether the same inputs may give other outputs.
    pub is_random: bool,
}

/// An entry of the default domain.
pub const fn onnx(name: &'static str, make: fn(&mut Spec) -> Result<Operator>) -> Entry {
    Entry { domain: "ai.onnx", name, make, is_random: false }
}

/// An entry of the domain ai.onnx.ml.
pub const fn ml(name: &'static str, make: fn(&mut Spec) -> Result<Operator>) -> Entry {
    Entry { domain: "ai.onnx.ml", name, make, is_random: false }
}

/// An entry of the domain com.microsoft.
pub const fn contrib(name: &'static str, make: fn(&mut Spec) -> Result<Operator>) -> Entry {
    Entry { domain: "com.microsoft", name, make, is_random: false }
}

/// An operator of one output, a tensor.
pub fn single(run: impl Fn(&mut Call) -> Result<Tensor> + Send + Sync + 'static) -> Result<Operator> {
    Ok(Box::new(move |call| Ok(Outputs::from_elem(Value::Tensor(run(call)?), 1))))
}

/// An operator of several outputs, or of one that is not a tensor.
pub fn several(run: impl Fn(&mut Call) -> Result<Vec<Value>> + Send + Sync + 'static) -> Result<Operator> {
    Ok(Box::new(move |call| Ok(Outputs::from_vec(run(call)?))))
}

const FAMILIES: &[&[Entry]] = &[
    activation::ENTRIES,
    arithmetic::ENTRIES,
    #[cfg(feature = "attention")]
    attention::ENTRIES,
    bitwise::ENTRIES,
    cast::ENTRIES,
    comparison::ENTRIES,
    concat::ENTRIES,
    #[cfg(feature = "control")]
    control::ENTRIES,
    conv::ENTRIES,
    create::ENTRIES,
    cumulative::ENTRIES,
    #[cfg(feature = "detection")]
    detection::ENTRIES,
    distance::ENTRIES,
    #[cfg(feature = "einsum")]
    einsum::ENTRIES,
    expand::ENTRIES,
    gather::ENTRIES,
    #[cfg(feature = "image-decoder")]
    image::ENTRIES,
    hash::ENTRIES,
    loss::ENTRIES,
    matmul::ENTRIES,
    matrix::ENTRIES,
    #[cfg(feature = "ml")]
    ml::ENTRIES,
    normalization::ENTRIES,
    pad::ENTRIES,
    pool::ENTRIES,
    #[cfg(feature = "quantized")]
    quantize::ENTRIES,
    #[cfg(feature = "quantized")]
    quantized::ENTRIES,
    #[cfg(feature = "random")]
    random::ENTRIES,
    #[cfg(feature = "recurrent")]
    recurrent::ENTRIES,
    reduce::ENTRIES,
    #[cfg(feature = "detection")]
    region::ENTRIES,
    #[cfg(feature = "resize")]
    resize::ENTRIES,
    scatter::ENTRIES,
    select::ENTRIES,
    #[cfg(feature = "control")]
    sequence::ENTRIES,
    shape::ENTRIES,
    #[cfg(feature = "signal")]
    signal::ENTRIES,
    slice::ENTRIES,
    softmax::ENTRIES,
    #[cfg(feature = "text")]
    text::ENTRIES,
    transpose::ENTRIES,
    unary::ENTRIES,
];

/// All operators.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    FAMILIES.iter().copied().flatten()
}

/// The entry of an operator.
pub fn find(domain: &str, name: &str) -> Option<&'static Entry> {
    static TABLE: OnceLock<HashMap<(&str, &str), &Entry>> = OnceLock::new();
    let table = TABLE.get_or_init(|| entries().map(|entry| ((entry.domain, entry.name), entry)).collect());
    table.get(&(domain, name)).copied()
}

/// Whether the operator runs.
pub fn is_known(domain: &str, name: &str) -> bool {
    find(domain, name).is_some()
}
