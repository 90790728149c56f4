//! What a plan is made for.

use std::sync::Arc;

use tract_onnx::prelude::{TValue, Tensor};
use tract_onnx::tract_core::internal::IntoArcTensor;

use crate::error::Result;
use crate::model::Model;
use crate::tensor::ElementType;

/// A value of more elements, or of a higher rank, is data: token ids, say.
const MOST_ELEMENTS: usize = 64;

/// The operators of which tract must know float operands before it runs, and the first that counts.
const FIXED_FLOATS: [(&str, usize); 8] = [
    ("DequantizeLinear", 1),
    ("MelWeightMatrix", 0),
    ("OneHot", 1),
    ("Pad", 1),
    ("QuantizeLinear", 1),
    ("Range", 0),
    ("Resize", 1),
    ("STFT", 2),
];

/// Which inputs may become constants of a plan, where operators cannot be typed without their values: integers and
/// booleans, which may be shapes, axes, lengths or conditions, and the floats that some operators need to know.
pub fn find_shape_inputs(model: &Model) -> Result<Vec<bool>> {
    let graph = model.graph()?;
    let is_fixed = |name: &String| {
        graph.node.iter().any(|node| {
            let first = FIXED_FLOATS.iter().find(|(op, _)| *op == node.op_type).map(|(_, first)| *first);
            first.is_some_and(|first| node.input.iter().skip(first).any(|input| input == name))
        })
    };
    let is_shape = |element_type: Option<ElementType>| {
        element_type.is_some_and(|kind| kind.tract().is_integer() || kind == ElementType::Bool)
    };
    let is_small = |rank: Option<usize>| rank.is_none_or(|rank| rank <= 1);
    let inputs = model.inputs.iter().map(|info| {
        is_small(info.dims.as_ref().map(Vec::len)) && (is_shape(info.element_type) || is_fixed(&info.name))
    });
    Ok(inputs.collect())
}

/// One input of a plan: its dims, and its value where that is baked.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanInput {
    pub dims: Vec<usize>,
    pub value: Option<Arc<Tensor>>,
}

/// The inputs that a plan is made for, in the model's order.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanKey(Vec<PlanInput>);

impl PlanKey {
    /// A key of dims alone.
    pub fn of_dims(dims: Vec<Vec<usize>>) -> PlanKey {
        PlanKey(dims.into_iter().map(|dims| PlanInput { dims, value: None }).collect())
    }

    /// The key of these inputs, with the values of those that are `baked` and small.
    pub fn of_inputs(values: &[TValue], baked: &[bool]) -> PlanKey {
        let describe = |(index, value): (usize, &TValue)| {
            let is_baked = baked.get(index) == Some(&true) && value.rank() <= 1 && value.len() <= MOST_ELEMENTS;
            PlanInput { dims: value.shape().to_vec(), value: is_baked.then(|| value.clone().into_arc_tensor()) }
        };
        PlanKey(values.iter().enumerate().map(describe).collect())
    }

    pub(super) fn inputs(&self) -> &[PlanInput] {
        &self.0
    }

    /// Whether some value is part of the key.
    pub fn has_values(&self) -> bool {
        self.0.iter().any(|input| input.value.is_some())
    }

    /// The dims of each input.
    pub fn dims(&self) -> impl Iterator<Item = &[usize]> {
        self.0.iter().map(|input| input.dims.as_slice())
    }
}
