//! A plan is a list of steps, made once from a graph, that runs it for inputs of any dims.

mod build;
mod fold;
mod order;

pub use build::Faults;
pub(crate) use order::drop_unused;

use smallvec::SmallVec;

use crate::error::{Error, ErrorCode, Result};
use crate::graph::Declared;
use crate::ops::{Call, Input, Operator};
use crate::value::Value;

/// The place of a value during a run.
type Slot = usize;

/// Where a step's input comes from.
#[derive(Debug, Clone, Copy)]
enum Operand {
    /// The node leaves it out, or its operator holds it.
    Missing,
    /// A value known at load.
    Constant(usize),
    /// A value that a later step, or the caller, needs too.
    Shared(Slot),
    /// A value that no later step needs.
    Last(Slot),
}

struct Step {
    operator: Operator,
    /// The node's name and operator, for messages.
    name: String,
    op: String,
    /// The node's own inputs, and then what the graphs inside it capture.
    operands: Vec<Operand>,
    own: usize,
    outputs: Vec<Option<Slot>>,
    wanted: Vec<bool>,
    /// Values that no later step needs and that the operator could not be given.
    releases: Vec<Slot>,
}

/// An executable form of a graph.
pub struct Plan {
    steps: Vec<Step>,
    constants: Vec<Value>,
    slots: usize,
    /// Where the graph's inputs and then its captures go; none where nobody reads them.
    inputs: Vec<Option<Slot>>,
    /// How many of them are captures.
    captures: usize,
    outputs: Vec<Operand>,
    declared: Vec<Declared>,
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a plan of {} steps", self.steps.len())
    }
}

impl Plan {
    /// The number of steps.
    pub fn steps(&self) -> usize {
        self.steps.len()
    }

    /// The number of values of the graph around that the graph captures.
    pub fn captures(&self) -> usize {
        self.captures
    }

    /// The number of inputs, captures not counted.
    pub fn inputs(&self) -> usize {
        self.inputs.len() - self.captures
    }

    /// What the model declares about the values that the graph gives.
    pub fn outputs(&self) -> &[Declared] {
        &self.declared
    }

    /// Runs the plan on the graph's inputs and what it captures, and returns its outputs.
    pub fn run(&self, inputs: impl IntoIterator<Item = Value>) -> Result<Vec<Value>> {
        let slots = self.run_steps(inputs, |_| true)?;
        self.collect(slots, 0..self.outputs.len())
    }

    /// Runs what some of the outputs need, and returns these.
    pub fn run_for(&self, outputs: &[usize], inputs: impl IntoIterator<Item = Value>) -> Result<Vec<Value>> {
        let needed = self.find_needed(outputs);
        let slots = self.run_steps(inputs, |index| needed.get(index) == Some(&true))?;
        self.collect(slots, outputs.iter().copied())
    }

    /// Which steps some of the outputs need.
    fn find_needed(&self, outputs: &[usize]) -> Vec<bool> {
        let mut read = vec![false; self.slots];
        let mark = |operand: &Operand, read: &mut Vec<bool>| {
            if let Operand::Shared(slot) | Operand::Last(slot) = operand
                && let Some(place) = read.get_mut(*slot)
            {
                *place = true;
            }
        };
        outputs.iter().filter_map(|&index| self.outputs.get(index)).for_each(|operand| mark(operand, &mut read));
        let mut needed = Vec::with_capacity(self.steps.len());
        for step in self.steps.iter().rev() {
            let is_needed = step.outputs.iter().flatten().any(|&slot| read.get(slot) == Some(&true));
            if is_needed {
                step.operands.iter().for_each(|operand| mark(operand, &mut read));
            }
            needed.push(is_needed);
        }
        needed.reverse();
        needed
    }

    fn run_steps(
        &self,
        inputs: impl IntoIterator<Item = Value>,
        is_needed: impl Fn(usize) -> bool,
    ) -> Result<Vec<Option<Value>>> {
        let mut slots: Vec<Option<Value>> = Vec::new();
        slots.resize_with(self.slots, || None);
        for (value, slot) in inputs.into_iter().zip(&self.inputs) {
            put(&mut slots, *slot, value);
        }
        for (_, step) in self.steps.iter().enumerate().filter(|(index, _)| is_needed(*index)) {
            self.run_step(step, &mut slots)?;
        }
        Ok(slots)
    }

    fn collect(&self, slots: Vec<Option<Value>>, outputs: impl Iterator<Item = usize>) -> Result<Vec<Value>> {
        let find = |index: usize| match *self.outputs.get(index)? {
            Operand::Missing => None,
            Operand::Constant(number) => self.constants.get(number).cloned(),
            Operand::Shared(slot) | Operand::Last(slot) => slots.get(slot).cloned().flatten(),
        };
        outputs.map(|index| find(index).ok_or_else(|| Error::execution("an output was not computed"))).collect()
    }

    fn run_step(&self, step: &Step, slots: &mut [Option<Value>]) -> Result<()> {
        let mut inputs: SmallVec<[Input; 4]> = SmallVec::with_capacity(step.operands.len());
        // Values that go to the call are taken first, since those that stay are borrowed while it runs.
        let mut taken: SmallVec<[Option<Value>; 4]> = SmallVec::with_capacity(step.operands.len());
        for operand in &step.operands {
            taken.push(match operand {
                Operand::Last(slot) => slots.get_mut(*slot).and_then(Option::take),
                _ => None,
            });
        }
        for (operand, taken) in step.operands.iter().zip(taken) {
            inputs.push(match (operand, taken) {
                (_, Some(value)) => Input::Owned(value),
                (Operand::Constant(index), None) => self.constants.get(*index).map_or(Input::Missing, Input::Shared),
                (Operand::Shared(slot) | Operand::Last(slot), None) => {
                    slots.get(*slot).and_then(Option::as_ref).map_or(Input::Missing, Input::Shared)
                }
                (Operand::Missing, None) => Input::Missing,
            });
        }
        let mut call = Call::new(inputs, step.own, &step.wanted);
        let outputs = match (step.operator)(&mut call).and_then(|outputs| call.check(outputs)) {
            Ok(outputs) => outputs,
            Err(error) => return Err(step.explain(error, &call)),
        };
        drop(call);
        for (value, slot) in outputs.into_iter().zip(&step.outputs) {
            put(slots, *slot, value);
        }
        for &slot in &step.releases {
            slots.get_mut(slot).and_then(Option::take);
        }
        Ok(())
    }
}

fn put(slots: &mut [Option<Value>], slot: Option<Slot>, value: Value) {
    if let Some(target) = slot.and_then(|slot| slots.get_mut(slot)) {
        *target = Some(value);
    }
}

impl Step {
    /// Names the node and its operands, unless a node inside it has been named.
    fn explain(&self, error: Error, call: &Call) -> Error {
        if error.subject.node.is_some() {
            return error;
        }
        let message = format!("{} (inputs: {})", error.message, call.describe_inputs());
        let code = match error.code {
            ErrorCode::LimitExceeded => ErrorCode::LimitExceeded,
            _ => ErrorCode::ExecutionFailed,
        };
        Error { code, message, ..error }.in_node(&self.name, &self.op)
    }
}
