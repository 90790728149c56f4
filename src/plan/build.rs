//! From a model and what is known of its inputs to tract's optimised graph.

use std::sync::Arc;

use tract_onnx::prelude::{DatumType, Framework as _, InferenceFact, InferenceModel, InferenceModelExt};
use tract_onnx::prelude::{OutletId, Tensor, TractResult, TypedModel};
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_core::optim::Optimizer;

use super::empty::fold_empty;
use super::explain::NodeNames;
use super::{PlanKey, catch_panic};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::ops::{is_unbounded_stride, make_opaque, onnx, protect, replace_squares};
use crate::tensor::{ElementType, TensorInfo, count_bytes};

/// Rewrites that undo each other would go on for ever; no model comes near this many.
const REWRITES: usize = 1_000_000;

/// What a plan is made of.
pub(super) struct Built {
    pub typed: TypedModel,
    pub output_types: Vec<DatumType>,
    /// The bytes of the constants, before they are packed for the kernels.
    pub bytes: usize,
}

pub(super) fn build(model: &Model, key: &PlanKey, nodes: &NodeNames) -> Result<Built> {
    let planning = |error| nodes.explain_planning(&error);
    let mut typed = catch_panic(|| parse(model, key)?.into_typed()).map_err(planning)?;
    protect(&mut typed).map_err(planning)?;
    check_slices(&typed, nodes)?;
    check_sizes(model, &typed, nodes)?;
    let output_types = find_output_types(model, &typed)?;
    let mut typed = catch_panic(|| typed.into_decluttered()).map_err(planning)?;
    replace_squares(&mut typed);
    make_opaque(&mut typed);
    let bytes = count_constant_bytes(&typed);
    let typed = catch_panic(|| optimise(typed)).map_err(planning)?;
    Ok(Built { typed, output_types, bytes })
}

fn optimise(mut typed: TypedModel) -> TractResult<TypedModel> {
    let codegen = Optimizer::codegen().stopping_at(REWRITES);
    typed.optimize_with_session(&mut codegen.session())?;
    Ok(typed)
}

/// tract's graph with the weights in place, shared and not copied, and the inputs' dims fixed.
fn parse(model: &Model, key: &PlanKey) -> TractResult<InferenceModel> {
    let mut inference = onnx().model_for_proto_model(&model.proto)?;
    let outlets = inference.input_outlets()?.to_vec();
    let (inputs, weights) = outlets.split_at(model.inputs.len().min(outlets.len()));
    for (outlet, tensor) in weights.iter().zip(model.weights.values()) {
        set_constant(&mut inference, *outlet, tensor)?;
    }
    let mut free = Vec::with_capacity(inputs.len());
    for ((outlet, info), input) in inputs.iter().zip(&model.inputs).zip(key.inputs()) {
        if let Some(value) = &input.value {
            set_constant(&mut inference, *outlet, value)?;
            continue;
        }
        let datum_type = info.element_type.map_or(DatumType::F32, ElementType::tract);
        inference.set_outlet_fact(*outlet, InferenceFact::dt_shape(datum_type, input.dims.as_slice()))?;
        free.push(*outlet);
    }
    inference.set_input_outlets(&free)?;
    fold_empty(model, key, &mut inference)?;
    Ok(inference)
}

fn set_constant(inference: &mut InferenceModel, outlet: OutletId, tensor: &Arc<Tensor>) -> TractResult<()> {
    if let Some(node) = inference.nodes_mut().get_mut(outlet.node) {
        node.op = Const::new(tensor.clone())?.into();
    }
    inference.set_outlet_fact(outlet, InferenceFact::try_from(tensor)?)
}

/// Refuses a Slice whose bounds are only known at run time and whose steps are not 1: tract would leave it out.
fn check_slices(typed: &TypedModel, nodes: &NodeNames) -> Result<()> {
    match typed.nodes().iter().find(|node| is_unbounded_stride(typed, node)) {
        Some(node) => {
            let error = Error::unsupported("steps other than 1 between bounds that are known at run time only");
            Err(nodes.locate(error, &node.name))
        }
        None => Ok(()),
    }
}

/// Refuses a plan in which a value would be larger than allowed, before anything of that size is allocated.
fn check_sizes(model: &Model, typed: &TypedModel, nodes: &NodeNames) -> Result<()> {
    for node in typed.nodes() {
        for output in &node.outputs {
            let dims = output.fact.shape.as_concrete();
            let element_type = ElementType::from_tract(output.fact.datum_type);
            if let (Some(dims), Some(element_type)) = (dims, element_type) {
                count_bytes(element_type, dims, model.limits.tensor_bytes)
                    .map_err(|error| nodes.locate(error, &node.name))?;
            }
        }
    }
    Ok(())
}

/// The types of the outputs as the model declares them, which tract's may differ from in how dims are counted.
fn find_output_types(model: &Model, typed: &TypedModel) -> Result<Vec<DatumType>> {
    model.outputs.iter().enumerate().map(|(index, info)| find_output_type(index, info, typed)).collect()
}

fn find_output_type(index: usize, info: &TensorInfo, typed: &TypedModel) -> Result<DatumType> {
    let found = typed.output_fact(index).map_err(|error| Error::unsupported(format!("{error:#}")))?.datum_type;
    let found = if found == DatumType::TDim { DatumType::I64 } else { found };
    let Some(element_type) = ElementType::from_tract(found) else {
        return Err(Error::unsupported(format!("output \"{}\" has the type {found:?}", info.name)));
    };
    match info.element_type {
        Some(declared) if declared != element_type => {
            let (declared, element_type) = (declared.name(), element_type.name());
            let message = format!("output \"{}\" is declared {declared} and computed as {element_type}", info.name);
            Err(Error::unsupported(message).at_output(&info.name).mismatch(declared, element_type))
        }
        _ => Ok(found.unquantized()),
    }
}

fn count_constant_bytes(typed: &TypedModel) -> usize {
    let constants = typed.nodes().iter().filter_map(|node| node.op_as::<Const>());
    constants.map(|constant| constant.val().len() * constant.val().datum_type().size_of()).sum()
}
