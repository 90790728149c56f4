//! Softplus, `ln(1 + exp(x))`, which tract computes as written: infinite from 89 on.
//! <https://onnx.ai/onnx/operators/onnx__Softplus.html>

use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::prelude::{DatumType, SpecialOps, TVec, Tensor, TractError, TractResult, TypedModel, f16};
use tract_onnx::tract_core::ops::element_wise::{ElementWiseMiniOp, ElementWiseOp};
use tract_onnx::tract_hir::internal::{
    Expansion, InferenceResult, OutletId, Solver, StaticName, TensorProxy, check_input_arity, check_output_arity,
    expand,
};

use super::{Built, map_elements};

pub fn build(_: &ParsingContext, _: &NodeProto) -> Built {
    Ok((expand(Softplus), vec![]))
}

#[derive(Debug, Clone, Hash, PartialEq, Eq)]
struct Softplus;

impl Expansion for Softplus {
    fn name(&self) -> StaticName {
        "Softplus".into()
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
        solver.equals(&output.datum_type, &input.datum_type)?;
        solver.equals(&output.shape, &input.shape)
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, ElementWiseOp(Box::new(Softplus), None), inputs)
    }
}

/// `max(x, 0) + ln(1 + exp(-|x|))`, whose exponential is at most 1.
impl ElementWiseMiniOp for Softplus {
    fn name(&self) -> String {
        "Softplus".to_string()
    }

    fn eval_in_place(&self, tensor: &mut Tensor, _: Option<DatumType>) -> TractResult<()> {
        let single = |x: f32| x.max(0.0) + (-x.abs()).exp().ln_1p();
        match tensor.datum_type() {
            DatumType::F16 => map_elements(tensor, |x: f16| f16::from_f32(single(x.to_f32()))),
            DatumType::F32 => map_elements(tensor, single),
            DatumType::F64 => map_elements(tensor, |x: f64| x.max(0.0) + (-x.abs()).exp().ln_1p()),
            other => Err(TractError::msg(format!("no Softplus of {other:?}"))),
        }
    }
}
