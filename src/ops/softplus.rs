//! Softplus, `ln(1 + exp(x))`, which tract computes as written: infinite from 89 on.
//! <https://onnx.ai/onnx/operators/onnx__Softplus.html>

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, SpecialOps, TVec, Tensor, TractError, TractResult, TypedModel, f16};
use tract_onnx::tract_core::ops::element_wise::{ElementWiseMiniOp, ElementWiseOp};
use tract_onnx::tract_hir::internal::{InferenceResult, OutletId, Solver, TensorProxy};
use tract_onnx::tract_hir::tract_num_traits::Float;

use super::unary::{Unary, build_unary};
use super::{Built, map_elements};

pub fn build(_: &ParsingContext, _: &NodeProto) -> Built {
    Ok((build_unary(Softplus), vec![]))
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Softplus;

impl Unary for Softplus {
    const NAME: &'static str = "Softplus";

    fn infer<'r, 'p: 'r>(solver: &mut Solver<'r>, input: &'p TensorProxy, output: &'p TensorProxy) -> InferenceResult {
        solver.equals(&output.datum_type, &input.datum_type)?;
        solver.equals(&output.shape, &input.shape)
    }

    fn wire(prefix: &str, model: &mut TypedModel, input: OutletId) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, ElementWiseOp(Box::new(Softplus), None), &[input])
    }
}

/// `max(x, 0) + ln(1 + exp(-|x|))`, whose exponential is at most 1.
fn softplus<T: Float>(x: T) -> T {
    x.max(T::zero()) + (-x.abs()).exp().ln_1p()
}

impl ElementWiseMiniOp for Softplus {
    fn name(&self) -> String {
        Softplus::NAME.to_string()
    }

    fn eval_in_place(&self, tensor: &mut Tensor, _: Option<DatumType>) -> TractResult<()> {
        match tensor.datum_type() {
            DatumType::F16 => map_elements(tensor, |x: f16| f16::from_f32(softplus(x.to_f32()))),
            DatumType::F32 => map_elements(tensor, softplus::<f32>),
            DatumType::F64 => map_elements(tensor, softplus::<f64>),
            other => Err(TractError::msg(format!("no Softplus of {other:?}"))),
        }
    }
}
