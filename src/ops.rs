//! Operators that tract lacks or gets wrong, one file per family, and tract's registry with them in place.

mod cast;
mod constant;
mod log_softmax;
mod opaque;
mod recurrence;
mod softplus;
mod square;
mod squeeze;
mod unary;

pub use opaque::{is_unbounded_stride, make_opaque};
pub use square::replace_squares;

use std::sync::OnceLock;

use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{Datum, Tensor, TractError, TractResult, TypedModel};
use tract_onnx::tract_hir::internal::InferenceOp;

use log_softmax::merge_log_softmax;
use opaque::unroll_strides;
use recurrence::hold_states;

type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// tract's ONNX frontend with our operators over its own.
pub fn onnx() -> Onnx {
    let mut onnx = tract_onnx::onnx();
    onnx.op_register.insert("Cast", cast::build);
    onnx.op_register.insert("ConstantOfShape", constant::build);
    onnx.op_register.insert("Softplus", softplus::build);
    onnx.op_register.insert("Squeeze", squeeze::build);
    onnx
}

/// Readies a typed graph for the optimiser, which gets some of its operators wrong.
pub fn protect(model: &mut TypedModel) -> TractResult<()> {
    merge_log_softmax(model);
    unroll_strides(model)?;
    hold_states(model)?;
    make_opaque(model);
    Ok(())
}

/// What tract itself makes of a node.
fn build_original(context: &ParsingContext, node: &NodeProto) -> Built {
    static ORIGINAL: OnceLock<Onnx> = OnceLock::new();
    let builder = ORIGINAL.get_or_init(tract_onnx::onnx).op_register.0.get(&node.op_type);
    let missing = || TractError::msg(format!("tract has no operator {}", node.op_type));
    builder.ok_or_else(missing)?(context, node)
}

/// Replaces every element of a tensor of `T`.
fn map_elements<T: Datum + Copy>(tensor: &mut Tensor, compute: impl Fn(T) -> T) -> TractResult<()> {
    tensor.try_as_plain_ram_mut()?.as_slice_mut::<T>()?.iter_mut().for_each(|x| *x = compute(*x));
    Ok(())
}
