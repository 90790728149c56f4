//! Values without elements. tract panics in many operators that meet one, so that they are known before it runs: what
//! has no elements needs no computing, and what is reduced from none has the value that ONNX gives it.

use tract_onnx::prelude::{DatumType, InferenceFact, InferenceModel, InferenceModelExt, Tensor, TractResult};
use tract_onnx::tract_core::internal::IntoArcTensor;
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_hir::internal::Factoid;

use super::PlanKey;
use crate::model::Model;

/// Makes constants of all that is empty, where an input is.
pub(super) fn fold_empty(model: &Model, key: &PlanKey, inference: &mut InferenceModel) -> TractResult<()> {
    if !key.dims().any(|dims| dims.contains(&0)) {
        return Ok(());
    }
    // What cannot be inferred yet may follow from what is folded.
    let _ = inference.analyse(true);
    let order = inference.eval_order()?;
    for id in order {
        let is_input = inference.inputs.iter().any(|input| input.node == id);
        // tract's constant has one output.
        let [output] = inference.node(id).outputs.as_slice() else { continue };
        let value = known_value(model, inference, id, &output.fact);
        if let Some(value) = value.filter(|_| !is_input) {
            set_value(inference, id, value)?;
        }
    }
    Ok(())
}

fn known_value(model: &Model, inference: &InferenceModel, id: usize, fact: &InferenceFact) -> Option<Tensor> {
    let datum_type = fact.datum_type.concretize()?;
    let dims = fact.shape.as_concrete_finite().ok()??;
    if dims.contains(&0) && datum_type != DatumType::TDim {
        return Tensor::zero_dt(datum_type, &dims).ok();
    }
    let node = inference.node(id);
    let first = inference.outlet_fact(*node.inputs.first()?).ok()?;
    if !first.shape.as_concrete_finite().ok()??.contains(&0) {
        return None;
    }
    let op = model.proto.graph.iter().flat_map(|graph| &graph.node).find(|known| known.name == node.name)?;
    let value = value_of_none(&op.op_type)?;
    let scalar = tract_onnx::prelude::tensor0(value).cast_to_dt(datum_type).ok()?.into_owned();
    scalar.broadcast_scalar_to_shape(&dims).ok()
}

/// What a reduction gives for no elements at all.
/// <https://onnx.ai/onnx/operators/onnx__ReduceMax.html>
fn value_of_none(op_type: &str) -> Option<f32> {
    match op_type {
        "ReduceSum" | "ReduceSumSquare" | "ReduceL1" | "ReduceL2" => Some(0.0),
        "ReduceProd" => Some(1.0),
        "ReduceLogSum" | "ReduceMax" => Some(f32::NEG_INFINITY),
        "ReduceMin" => Some(f32::INFINITY),
        "ReduceMean" => Some(f32::NAN),
        _ => None,
    }
}

/// Puts a constant in the place of a node, which then depends on nothing.
fn set_value(inference: &mut InferenceModel, id: usize, value: Tensor) -> TractResult<()> {
    for node in inference.nodes_mut() {
        for output in &mut node.outputs {
            output.successors.retain(|successor| successor.node != id);
        }
    }
    let fact = InferenceFact::from(value.clone());
    let node = inference.node_mut(id);
    node.inputs.clear();
    node.op = Const::new(value.into_arc_tensor())?.into();
    node.outputs.iter_mut().for_each(|output| output.fact = fact.clone());
    Ok(())
}
