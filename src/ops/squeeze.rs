//! Squeeze without axes, which removes every dim of 1; tract knows it with axes only.
//! <https://onnx.ai/onnx/operators/onnx__Squeeze.html>

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{SpecialOps, TDim, TVec, TractResult, TypedModel};
use tract_onnx::tract_core::internal::AxisOp;
use tract_onnx::tract_core::ops::identity::Identity;
use tract_onnx::tract_hir::internal::{InferenceResult, OutletId, Solver, TensorProxy};

use super::unary::{Unary, build_unary};
use super::{Built, build_original};

pub fn build(context: &ParsingContext, node: &NodeProto) -> Built {
    let has_axes = node.attribute.iter().any(|attribute| attribute.name == "axes")
        || node.input.get(1).is_some_and(|name| !name.is_empty());
    if has_axes { build_original(context, node) } else { Ok((build_unary(SqueezeAll), vec![])) }
}

#[derive(Debug, Clone)]
struct SqueezeAll;

fn is_one(dim: &TDim) -> bool {
    dim.to_i64().is_ok_and(|size| size == 1)
}

impl Unary for SqueezeAll {
    const NAME: &'static str = "SqueezeAll";

    fn infer<'r, 'p: 'r>(solver: &mut Solver<'r>, input: &'p TensorProxy, output: &'p TensorProxy) -> InferenceResult {
        solver.equals(&output.datum_type, &input.datum_type)?;
        solver.given(&input.shape, move |solver, shape| {
            let kept: TVec<TDim> = shape.into_iter().filter(|dim| !is_one(dim)).collect();
            solver.equals(&output.shape, kept)
        })
    }

    fn wire(prefix: &str, model: &mut TypedModel, input: OutletId) -> TractResult<TVec<OutletId>> {
        let mut wire = model.wire_node(prefix, Identity, &[input])?;
        let dims: Vec<TDim> = model.outlet_fact(input)?.shape.to_tvec().to_vec();
        for (axis, _) in dims.iter().enumerate().rev().filter(|(_, dim)| is_one(dim)) {
            wire = model.wire_node(format!("{prefix}.axis-{axis}"), AxisOp::Rm(axis), &wire)?;
        }
        Ok(wire)
    }
}
