//! Recurrent layers.

mod activation;
mod cell;
mod dynamic;
mod places;
mod sequence;
mod weights;

use activation::Activation;
use weights::Weights;

use super::{Call, Entry, Operator, Spec, contrib, onnx, several};
use crate::error::Result;
use crate::kernels::recurrent::Real;
use crate::tensor::ElementType;
use crate::value::Value;

pub const ENTRIES: &[Entry] =
    &[onnx("GRU", gru), onnx("LSTM", lstm), onnx("RNN", rnn), contrib("DynamicQuantizeLSTM", dynamic::dynamic_lstm)];

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Gru,
    Lstm,
    Rnn,
}

impl Kind {
    fn gates(self) -> usize {
        match self {
            Kind::Gru => 3,
            Kind::Lstm => 4,
            Kind::Rnn => 1,
        }
    }

    /// The activations of one direction, where the node names none.
    fn activations(self) -> &'static [&'static str] {
        match self {
            Kind::Gru => &["Sigmoid", "Tanh"],
            Kind::Lstm => &["Sigmoid", "Tanh", "Tanh"],
            Kind::Rnn => &["Tanh"],
        }
    }
}

/// What a node's attributes say.
#[derive(Debug, Clone)]
struct Layer {
    kind: Kind,
    /// For each direction whether it goes backwards, and its activations.
    directions: Vec<(bool, Vec<Activation>)>,
    hidden: Option<usize>,
    /// The batch is the first axis, not that of the steps.
    is_batch_first: bool,
    clip: Option<f32>,
    /// LSTM: the forget gate is what the input gate leaves.
    couples_forget: bool,
    /// GRU: the reset gate applies to the product with the state, not to the state.
    resets_product: bool,
    /// What is multiplied with weights is rounded to 8 bits first.
    rounds: bool,
}

impl Layer {
    fn new(spec: &Spec, kind: Kind) -> Result<Layer> {
        let backwards: &[bool] = match spec.text_or("direction", "forward") {
            "forward" => &[false],
            "reverse" => &[true],
            "bidirectional" => &[false, true],
            other => return Err(spec.invalid(&format!("direction={other}"))),
        };
        let per_direction = kind.activations().len();
        let activations = Activation::read(spec, kind.activations(), backwards.len())?;
        let directions = backwards.iter().zip(activations.chunks(per_direction));
        let hidden = spec.int("hidden_size").map(usize::try_from).transpose();
        Ok(Layer {
            kind,
            directions: directions.map(|(&backwards, functions)| (backwards, functions.to_vec())).collect(),
            hidden: hidden.map_err(|_| spec.invalid("a negative hidden_size"))?,
            is_batch_first: match spec.int_or("layout", 0) {
                0 => false,
                1 => true,
                other => return Err(spec.invalid(&format!("layout={other}"))),
            },
            clip: spec.float("clip").filter(|&clip| clip > 0.0),
            couples_forget: spec.flag("input_forget", false),
            resets_product: spec.flag("linear_before_reset", false),
            rounds: false,
        })
    }
}

/// <https://onnx.ai/onnx/operators/onnx__LSTM.html>
fn lstm(spec: &mut Spec) -> Result<Operator> {
    make_layer(spec, Kind::Lstm)
}

/// <https://onnx.ai/onnx/operators/onnx__GRU.html>
fn gru(spec: &mut Spec) -> Result<Operator> {
    make_layer(spec, Kind::Gru)
}

/// <https://onnx.ai/onnx/operators/onnx__RNN.html>
fn rnn(spec: &mut Spec) -> Result<Operator> {
    make_layer(spec, Kind::Rnn)
}

fn make_layer(spec: &mut Spec, kind: Kind) -> Result<Operator> {
    let layer = Layer::new(spec, kind)?;
    let has_bias = spec.has_input(3);
    let is_known = |index: usize| spec.constant(index).is_some();
    if !is_known(1) || !is_known(2) || (has_bias && !is_known(3)) {
        return several(move |call| match call.tensor(1)?.element_type() {
            ElementType::Float64 => pack_and_run::<f64>(&layer, call),
            _ => pack_and_run::<f32>(&layer, call),
        });
    }
    match (spec.consume(1), spec.consume(2), spec.consume(3)) {
        (Some(input), Some(recurrent), bias) if input.element_type() == ElementType::Float64 => {
            run_packed(Weights::<f64>::new(&layer, &input, &recurrent, bias.as_ref())?, layer)
        }
        (Some(input), Some(recurrent), bias) => {
            run_packed(Weights::<f32>::new(&layer, &input, &recurrent, bias.as_ref())?, layer)
        }
        _ => Err(spec.invalid("no weights")),
    }
}

/// An operator whose weights are known at load.
fn run_packed<T: Real>(weights: Weights<T>, layer: Layer) -> Result<Operator> {
    several(move |call| sequence::run(&layer, &weights, call))
}

fn pack_and_run<T: Real>(layer: &Layer, call: &mut Call) -> Result<Vec<Value>> {
    let weights = Weights::<T>::new(layer, call.tensor(1)?, call.tensor(2)?, call.optional(3)?)?;
    sequence::run(layer, &weights, call)
}
