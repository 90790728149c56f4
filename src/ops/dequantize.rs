//! DequantizeLinear. tract folds a chain from it to the next QuantizeLinear into a table of single values, also where
//! the chain holds an operator over several, such as Softmax, which then saturates.

use tract_onnx::prelude::{TVec, TractResult, TypedFact, TypedModel, TypedOp};
use tract_onnx::tract_core::axes::AxesMapping;
use tract_onnx::tract_core::internal::{
    AxisChangeConsequence, AxisOp, EvalContext, EvalOp, InOut, Op, StaticName, TValue, TypedNode,
};
use tract_onnx::tract_core::ops::quant::DequantizeLinearF32;
use tract_onnx::tract_core::{as_op, op_as_typed_op, op_out_of_plan};

/// Puts an operator that computes the same and is not folded in the place of tract's.
pub fn replace_dequantize(model: &mut TypedModel) {
    for node in model.nodes_mut() {
        if let Some(op) = node.op_as::<DequantizeLinearF32>() {
            node.op = Box::new(Dequantize(op.clone()));
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Dequantize(DequantizeLinearF32);

impl Op for Dequantize {
    fn name(&self) -> StaticName {
        "Dequantize".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Dequantize {
    op_out_of_plan!();

    fn eval(&self, context: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        self.0.eval(context, inputs)
    }
}

impl TypedOp for Dequantize {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        self.0.output_facts(inputs)
    }

    fn axes_mapping(&self, inputs: &[&TypedFact], outputs: &[&TypedFact]) -> TractResult<AxesMapping> {
        self.0.axes_mapping(inputs, outputs)
    }

    fn change_axes(
        &self,
        model: &TypedModel,
        node: &TypedNode,
        io: InOut,
        change: &AxisOp,
    ) -> TractResult<Option<AxisChangeConsequence>> {
        self.0.change_axes(model, node, io, change)
    }

    as_op!();
}
