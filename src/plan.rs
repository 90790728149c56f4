//! A plan runs a model for inputs of given dims and, where the model's shapes hang on them, of given values. A plan is
//! one tract plan over the whole graph.

mod build;
mod cache;
mod empty;
mod explain;
mod key;

pub use cache::PlanCache;
pub use key::{PlanKey, find_shape_inputs};

use std::sync::Arc;

use tract_onnx::prelude::{DatumType, TValue, Tensor, TractError, TractResult, TypedFact, TypedOp};
use tract_onnx::tract_core::internal::IntoTensor;
use tract_onnx::tract_core::plan::{SimplePlan, SimpleState, eval};

use crate::error::{Error, Result};
use crate::model::Model;
use explain::NodeNames;

/// An executable form of a model for inputs of fixed dims.
pub struct Plan {
    plan: Arc<SimplePlan<TypedFact, Box<dyn TypedOp>>>,
    /// Kept from run to run: spawning one touches every node. But tract carries what operators keep, such as the hidden
    /// state of a recurrence, from one run to the next.
    state: SimpleState<TypedFact, Box<dyn TypedOp>>,
    /// The datum type of each output; tract counts dims in a type of its own.
    output_types: Vec<DatumType>,
    nodes: NodeNames,
    /// Which inputs are constants of the plan.
    is_baked: Vec<bool>,
    is_stateful: bool,
    bytes: usize,
}

impl Plan {
    /// Prepares `model` for the inputs that `key` describes.
    pub fn build(model: &Model, key: &PlanKey) -> Result<Plan> {
        let nodes = NodeNames::new(model)?;
        let build::Built { typed, output_types, bytes } = build::build(model, key, &nodes)?;
        let is_baked = key.inputs().iter().map(|input| input.value.is_some()).collect();
        let plan = SimplePlan::new(typed).map_err(|error| nodes.explain_planning(&error))?;
        let state = plan.spawn().map_err(|error| nodes.explain_planning(&error))?;
        let is_stateful = state.op_states.iter().any(Option::is_some);
        Ok(Plan { plan, state, output_types, nodes, is_baked, is_stateful, bytes })
    }

    /// The bytes of the constants that the plan holds, packed or not.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Runs the plan on inputs in the order of the model's inputs, and returns the outputs in theirs.
    pub fn run(&mut self, inputs: Vec<TValue>) -> Result<Vec<Tensor>> {
        if self.is_stateful {
            self.respawn()?;
        }
        let running = std::cell::Cell::new(None);
        let inputs = inputs.into_iter().zip(&self.is_baked).filter(|(_, is_baked)| !**is_baked);
        let inputs = inputs.map(|(value, _)| value).collect();
        let outputs = catch_panic(|| {
            self.state.run_plan_with_eval(inputs, |context, state, node, inputs| {
                running.set(Some(node.id));
                eval(context, state, node, inputs)
            })
        });
        let outputs = match outputs {
            Ok(outputs) => outputs,
            Err(error) => {
                let explained = self.nodes.explain_run(self.plan.model(), running.get(), &error);
                // The values of a turn that stopped half-way, and what a panic left of an operator's state.
                self.respawn()?;
                return Err(explained);
            }
        };
        let outputs = outputs.into_iter().zip(&self.output_types);
        let outputs = outputs.map(|(value, &datum_type)| convert_output(value, datum_type));
        outputs
            .collect::<TractResult<Vec<Tensor>>>()
            .map_err(|error| Error::execution(format!("an output cannot be read: {error:#}")))
    }

    fn respawn(&mut self) -> Result<()> {
        self.state = self.plan.spawn().map_err(|error| self.nodes.explain_planning(&error))?;
        Ok(())
    }
}

/// How the message of tract's allocation failures begins.
const ALLOCATION_FAILURE: &str = "failed to allocate";

/// tract panics on some operand values, an index out of range above all: a failure like any other. Out of memory is
/// not: linear memory does not shrink, and only a fresh instance gives it back.
fn catch_panic<T>(work: impl FnOnce() -> TractResult<T>) -> TractResult<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        if text.starts_with(ALLOCATION_FAILURE) {
            std::panic::resume_unwind(payload);
        }
        Err(TractError::msg(text.to_string()))
    })
}

fn convert_output(value: TValue, datum_type: DatumType) -> TractResult<Tensor> {
    match value.datum_type() == datum_type {
        true => Ok(value.into_tensor()),
        false => Ok(value.cast_to_dt(datum_type)?.into_owned()),
    }
}
