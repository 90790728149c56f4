//! Cast. tract takes int64 for its symbolic dims, on which few operators compute; with dims known, numbers do.

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::{NodeProto, tensor_proto::DataType};
use tract_onnx::prelude::{DatumType, SpecialOps, TVec, TractResult, TypedModel};
use tract_onnx::tract_core::ops::cast::cast;
use tract_onnx::tract_hir::internal::{InferenceResult, OutletId, Solver, TensorProxy};

use super::unary::{Unary, build_unary};
use super::{Built, build_original};

pub fn build(context: &ParsingContext, node: &NodeProto) -> Built {
    let to = node.attribute.iter().find(|attribute| attribute.name == "to").map(|attribute| attribute.i);
    match to {
        Some(to) if to == DataType::Int64 as i64 => Ok((build_unary(CastToInt64), vec![])),
        _ => build_original(context, node),
    }
}

#[derive(Debug, Clone)]
struct CastToInt64;

impl Unary for CastToInt64 {
    const NAME: &'static str = "CastToInt64";

    fn infer<'r, 'p: 'r>(solver: &mut Solver<'r>, input: &'p TensorProxy, output: &'p TensorProxy) -> InferenceResult {
        solver.equals(&output.datum_type, DatumType::I64)?;
        solver.equals(&output.shape, &input.shape)
    }

    fn wire(prefix: &str, model: &mut TypedModel, input: OutletId) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, cast(DatumType::I64), &[input])
    }
}
