//! Recurrences keep their states to themselves: tract's optimiser takes the dims from an initial state that is known and
//! all of one value, and moves the axes of one that comes or goes, and neither then fits a batch.

use tract_onnx::prelude::{OutletId, TVec, TractResult, TypedFact, TypedModel, TypedOp};
use tract_onnx::tract_core::internal::{EvalContext, EvalOp, InletId, Op, SpecialOps, StaticName, TValue};
use tract_onnx::tract_core::ops::scan::{InputMapping, Scan};
use tract_onnx::tract_core::{as_op, not_out_of_plan, op_as_typed_op};

/// Keeps the optimiser from seeing what recurrences begin and end with, and from moving the axes of either.
pub fn hold_states(model: &mut TypedModel) -> TractResult<()> {
    for id in 0..model.nodes().len() {
        let node = model.node(id);
        let Some(scan) = node.op_as::<Scan>() else { continue };
        let mappings = scan.input_mapping.iter().enumerate();
        let begins: Vec<usize> =
            mappings.filter(|(_, mapping)| matches!(mapping, InputMapping::State)).map(|(slot, _)| slot).collect();
        let ends: Vec<usize> = scan.output_mapping.iter().filter_map(|mapping| mapping.last_value_slot).collect();
        for slot in begins {
            let outlet = model.node(id).inputs.get(slot).copied();
            outlet.map_or(Ok(()), |outlet| hold(model, outlet, &[InletId::new(id, slot)], &format!("begin.{slot}")))?;
        }
        for slot in ends {
            let successors = model.node(id).outputs.get(slot).map(|output| output.successors.to_vec());
            hold(model, OutletId::new(id, slot), &successors.unwrap_or_default(), &format!("end.{slot}"))?;
        }
    }
    Ok(())
}

/// Puts a [`Held`] between an outlet and some of the inlets that it feeds, and the model's output where it is one.
fn hold(model: &mut TypedModel, outlet: OutletId, inlets: &[InletId], suffix: &str) -> TractResult<()> {
    let is_output = suffix.starts_with("end") && model.outputs.contains(&outlet);
    let reader = inlets.first().map_or(outlet.node, |inlet| inlet.node);
    let name = format!("{}.{}.{suffix}", model.node(outlet.node).name, reader);
    let held = model.wire_node(name, Held, &[outlet])?;
    let Some(&held) = held.first() else { return Ok(()) };
    for inlet in inlets {
        model.add_edge(held, *inlet)?;
    }
    if is_output {
        model.outputs.iter_mut().filter(|output| **output == outlet).for_each(|output| *output = held);
    }
    Ok(())
}

/// Its input as it is, which only a run gives.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held;

impl Op for Held {
    fn name(&self) -> StaticName {
        "Held".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Held {
    not_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        Ok(inputs)
    }
}

impl TypedOp for Held {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        Ok(inputs.iter().map(|fact| fact.without_value()).collect())
    }

    as_op!();
}
