//! Operators of one input and one output, which differ in their rules and their wiring only.

use std::fmt::Debug;

use tract_onnx::prelude::{TVec, TractResult, TypedModel};
use tract_onnx::tract_hir::internal::{
    Expansion, InferenceOp, InferenceResult, OutletId, Solver, StaticName, TensorProxy, check_input_arity,
    check_output_arity, expand,
};

/// Such an operator.
pub trait Unary: Debug + Clone + Send + Sync + 'static {
    /// Its name in messages.
    const NAME: &'static str;

    /// How the types and dims of its input and output hang together.
    fn infer<'r, 'p: 'r>(solver: &mut Solver<'r>, input: &'p TensorProxy, output: &'p TensorProxy) -> InferenceResult;

    /// The nodes that compute it.
    fn wire(prefix: &str, model: &mut TypedModel, input: OutletId) -> TractResult<TVec<OutletId>>;
}

/// The operator as tract's frontend takes it.
pub fn build_unary<U: Unary>(operator: U) -> Box<dyn InferenceOp> {
    expand(Expanded(operator))
}

#[derive(Debug, Clone)]
struct Expanded<U>(U);

impl<U: Unary> Expansion for Expanded<U> {
    fn name(&self) -> StaticName {
        U::NAME.into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        match (inputs, outputs) {
            ([input], [output]) => U::infer(solver, input, output),
            _ => Ok(()),
        }
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        inputs.first().map_or(Ok(TVec::new()), |input| U::wire(prefix, model, *input))
    }
}
