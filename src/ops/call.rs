//! One call of an operator: the values it is given.

use smallvec::SmallVec;

use crate::error::{Error, Result};
use crate::tensor::{Dims, Element, ElementType, Tensor, describe};
use crate::value::Value;

/// What a call gives, one value an output; more than the node asks for are dropped.
pub type Outputs = SmallVec<[Value; 1]>;

/// A value that a call is given.
#[derive(Debug)]
pub enum Input<'a> {
    /// An optional input that the node leaves out.
    Missing,
    /// A value that others need as well.
    Shared(&'a Value),
    /// A value that nobody else needs: its memory may become the output's.
    Owned(Value),
    /// What was taken, for messages.
    Taken(Outline),
}

/// What a message says about a value: kept in place of one that is gone, and put into words only where a call fails.
#[derive(Debug)]
pub enum Outline {
    /// The type and the dims of a tensor.
    Tensor(ElementType, Dims),
    /// Any other value, in words.
    Other(String),
}

impl Outline {
    fn new(value: &Value) -> Outline {
        match value {
            Value::Tensor(tensor) => Outline::Tensor(tensor.element_type(), Dims::from_slice(tensor.dims())),
            other => Outline::Other(other.to_string()),
        }
    }
}

impl std::fmt::Display for Outline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outline::Tensor(element_type, dims) => f.write_str(&describe(element_type.name(), dims)),
            Outline::Other(text) => f.write_str(text),
        }
    }
}

impl Input<'_> {
    fn value(&self) -> Option<&Value> {
        match self {
            Input::Shared(value) => Some(value),
            Input::Owned(value) => Some(value),
            Input::Missing | Input::Taken(_) => None,
        }
    }
}

/// The values that a call of an operator is given.
pub struct Call<'a> {
    inputs: SmallVec<[Input<'a>; 4]>,
    /// How many of the inputs are the node's own; the rest are captured by the graphs inside it.
    own: usize,
    /// Which outputs are asked for.
    wanted: &'a [bool],
}

impl<'a> Call<'a> {
    /// A call with these inputs, the first `own` of which are the node's own.
    pub fn new(inputs: SmallVec<[Input<'a>; 4]>, own: usize, wanted: &'a [bool]) -> Call<'a> {
        Call { inputs, own, wanted }
    }

    /// The number of inputs, those left out at the end not counted.
    pub fn len(&self) -> usize {
        self.own
    }

    /// Whether there are no inputs.
    pub fn is_empty(&self) -> bool {
        self.own == 0
    }

    /// Whether an output is asked for.
    pub fn wants(&self, output: usize) -> bool {
        self.wanted.get(output).copied().unwrap_or(false)
    }

    /// The number of outputs that the node names.
    pub fn outputs(&self) -> usize {
        self.wanted.len()
    }

    fn own_input(&self, index: usize) -> Option<&Value> {
        self.inputs.get(index).filter(|_| index < self.own).and_then(Input::value)
    }

    /// An input of any kind.
    pub fn value(&self, index: usize) -> Result<&Value> {
        self.own_input(index).ok_or_else(|| missing(index))
    }

    /// An input of any kind, or `None` where the node leaves it out.
    pub fn optional_value(&self, index: usize) -> Option<&Value> {
        self.own_input(index)
    }

    /// An input, which must be a tensor.
    pub fn tensor(&self, index: usize) -> Result<&Tensor> {
        self.value(index)?.tensor()
    }

    /// An input, or `None` where the node leaves it out.
    pub fn optional(&self, index: usize) -> Result<Option<&Tensor>> {
        self.own_input(index).map(Value::tensor).transpose()
    }

    /// The elements of an input, which must be of type `T`.
    pub fn slice<T: Element>(&self, index: usize) -> Result<&[T]> {
        self.tensor(index)?.slice()
    }

    /// An input that is given up by the call: where nobody else needs it, it can be changed in place.
    pub fn take_value(&mut self, index: usize) -> Result<Value> {
        let input = self.inputs.get_mut(index).filter(|_| index < self.own).ok_or_else(|| missing(index))?;
        match input {
            Input::Shared(value) => Ok(value.clone()),
            Input::Owned(value) => {
                let taken = Input::Taken(Outline::new(value));
                match std::mem::replace(input, taken) {
                    Input::Owned(value) => Ok(value),
                    _ => Err(missing(index)),
                }
            }
            Input::Missing | Input::Taken(_) => Err(missing(index)),
        }
    }

    /// A tensor that is given up by the call: where nobody else needs it, its memory can become the output's.
    pub fn take(&mut self, index: usize) -> Result<Tensor> {
        self.take_value(index)?.into_tensor()
    }

    /// Whether an input's memory can become the output's.
    pub fn is_owned(&self, index: usize) -> bool {
        matches!(self.inputs.get(index), Some(Input::Owned(_)))
    }

    /// The values that the graphs inside the node capture, given up by the call.
    pub fn take_captures(&mut self) -> Vec<Value> {
        let take = |input: &mut Input| match std::mem::replace(input, Input::Missing) {
            Input::Shared(value) => Some(value.clone()),
            Input::Owned(value) => Some(value),
            Input::Missing | Input::Taken(_) => None,
        };
        self.inputs.iter_mut().skip(self.own).filter_map(take).collect()
    }

    /// What the call gave, where that is all that is asked for.
    pub(crate) fn check(&self, outputs: Outputs) -> Result<Outputs> {
        match self.wanted.iter().rposition(|wanted| *wanted) {
            Some(last) if last >= outputs.len() => {
                Err(Error::execution(format!("output {last} is asked for, and there are {}", outputs.len())))
            }
            _ => Ok(outputs),
        }
    }

    /// The inputs as messages show them.
    pub fn describe_inputs(&self) -> String {
        let describe_input = |input: &Input| match input {
            Input::Missing => "none".to_string(),
            Input::Taken(outline) => outline.to_string(),
            Input::Shared(value) => value.to_string(),
            Input::Owned(value) => value.to_string(),
        };
        let inputs: Vec<String> = self.inputs.iter().take(self.own).map(describe_input).collect();
        inputs.join(", ")
    }
}

fn missing(index: usize) -> Error {
    Error::execution(format!("input {index} is missing"))
}
