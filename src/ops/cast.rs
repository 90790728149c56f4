//! Cast. tract takes int64 for its symbolic dims, on which few operators compute; with dims known, numbers do.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{NodeProto, tensor_proto::DataType};
use tract_onnx::prelude::{DatumType, SpecialOps, TVec, TractResult, TypedModel};
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_hir::internal::{
    Expansion, InferenceResult, OutletId, Solver, StaticName, TensorProxy, check_input_arity, check_output_arity,
    expand,
};

use super::{Built, build_original};

pub fn build(context: &ParsingContext, node: &NodeProto) -> Built {
    let to = node.attribute.iter().find(|attribute| attribute.name == "to").map(|attribute| attribute.i);
    match to {
        Some(to) if to == DataType::Int64 as i64 => Ok((expand(CastToInt64), vec![])),
        _ => build_original(context, node),
    }
}

#[derive(Debug, Clone, Hash, PartialEq, Eq)]
struct CastToInt64;

impl Expansion for CastToInt64 {
    fn name(&self) -> StaticName {
        "CastToInt64".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        let ([input], [output]) = (inputs, outputs) else { return Ok(()) };
        solver.equals(&output.datum_type, DatumType::I64)?;
        solver.equals(&output.shape, &input.shape)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, cast(DatumType::I64), inputs)
    }
}
