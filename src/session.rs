//! A session: a model ready to run.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use half::{bf16, f16};

use crate::error::{Error, ErrorCode, Result};
use crate::graph::widen_half;
use crate::kernels::conv::allow_transforms;
use crate::model::{Limits, Metadata, Model, list_known, refuse_faults};
use crate::plan::Plan;
use crate::tensor::{Dim, ElementType, Kind, Tensor, TensorInfo, count_bytes, describe, set_limit};
use crate::value::Value;

/// Named values: what a run takes and what it gives.
pub type NamedValues = Vec<(String, Value)>;

/// Counts of a session.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    /// Steps of the plan, those inside steps not counted.
    pub steps: usize,
    /// Bytes of the model's weights, as the model holds them.
    pub model_bytes: usize,
}

/// A model ready to run.
pub struct Session {
    metadata: Metadata,
    inputs: Vec<TensorInfo>,
    outputs: Vec<TensorInfo>,
    limits: Limits,
    plan: Plan,
    weight_bytes: usize,
}

impl Session {
    /// Checks that the model can run, and plans it. `sizes` fixes named dims.
    pub fn new(mut model: Model, sizes: &BTreeMap<String, usize>) -> Result<Session> {
        model.fix_dims(sizes)?;
        let weight_bytes = model.count_weight_bytes();
        set_limit(model.limits.tensor_bytes);
        allow_transforms();
        let (plan, faults) = model.plan()?;
        refuse_faults(&faults)?;
        let Model { metadata, inputs, outputs, limits, .. } = model;
        Ok(Session { metadata, inputs, outputs, limits, plan, weight_bytes })
    }

    /// The inputs that a run takes.
    pub fn inputs(&self) -> &[TensorInfo] {
        &self.inputs
    }

    /// The outputs that a run gives.
    pub fn outputs(&self) -> &[TensorInfo] {
        &self.outputs
    }

    /// What the model says about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The error for a name that no input has.
    pub fn unknown_input(&self, name: &str) -> Error {
        let known = list_known("inputs", &self.input_names(), name);
        Error::input(format!("the model has no input \"{name}\"{known}")).at_input(name)
    }

    /// Counts so far.
    pub fn stats(&self) -> Stats {
        Stats { steps: self.plan.steps(), model_bytes: self.weight_bytes }
    }

    /// Runs the model once on zeros of the dims given by name, so that the engine below has compiled what it runs. Values that
    /// an operator cannot take are no failure here.
    pub fn warm_up(&mut self, dims: &BTreeMap<String, Vec<usize>>) -> Result<()> {
        let names = self.input_names();
        if let Some(name) = dims.keys().find(|name| !names.contains(name)) {
            return Err(self.unknown_input(name));
        }
        let mut symbols = HashMap::new();
        let mut inputs = Vec::with_capacity(names.len());
        set_limit(self.limits.tensor_bytes);
        for info in self.inputs.iter().filter(|info| info.kind == Kind::Tensor) {
            let fixed = || fixed_dims(info);
            let dims = dims.get(&info.name).cloned().or_else(fixed).ok_or_else(|| {
                Error::input(format!("input \"{}\": dims are needed, expected {info}", info.name)).at_input(&info.name)
            })?;
            check_dims(info, &dims, &mut symbols)?;
            let element_type = info.element_type.unwrap_or(ElementType::Float32);
            count_bytes(element_type, &dims, self.limits.tensor_bytes)?;
            inputs.push(Some(Value::Tensor(Tensor::zeros(element_type, &dims)?)));
        }
        if inputs.len() == self.inputs.len() {
            let values = self.check_inputs(inputs)?;
            match catch_panic(|| self.plan.run(values)) {
                Err(error) if error.code == ErrorCode::LimitExceeded => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Runs the model. Inputs come in any order; outputs come as named in `outputs`, or all in the model's order.
    pub fn run(&mut self, inputs: NamedValues, outputs: Option<&[String]>) -> Result<NamedValues> {
        let mut placed = vec![None; self.inputs.len()];
        for (name, value) in inputs {
            let index = self.inputs.iter().position(|info| info.name == name);
            let place = index.and_then(|index| placed.get_mut(index));
            *place.ok_or_else(|| self.unknown_input(&name))? = Some(value);
        }
        let named = |(index, value): (usize, Value)| {
            let name = self.outputs.get(index).map(|info| info.name.clone()).unwrap_or_default();
            (name, value)
        };
        Ok(self.run_placed(placed, outputs)?.into_iter().map(named).collect())
    }

    /// Runs the model on a value for each of its inputs in turn, and gives values with the index of their output.
    pub fn run_placed(&self, inputs: Vec<Option<Value>>, outputs: Option<&[String]>) -> Result<Vec<(usize, Value)>> {
        let chosen = self.choose_outputs(outputs)?;
        let values = self.check_inputs(inputs)?;
        set_limit(self.limits.tensor_bytes);
        let results = catch_panic(|| match outputs {
            None => self.plan.run(values),
            Some(_) => self.plan.run_for(&chosen, values),
        })?;
        let infos = chosen.iter().filter_map(|&index| Some((index, self.outputs.get(index)?)));
        infos.zip(results).map(|((index, info), value)| Ok((index, narrow_output(info, value)?))).collect()
    }

    fn input_names(&self) -> Vec<String> {
        self.inputs.iter().map(|info| info.name.clone()).collect()
    }

    fn choose_outputs(&self, wanted: Option<&[String]>) -> Result<Vec<usize>> {
        let Some(wanted) = wanted else { return Ok((0..self.outputs.len()).collect()) };
        let names: Vec<String> = self.outputs.iter().map(|info| info.name.clone()).collect();
        let find = |name: &String| {
            names.iter().position(|known| known == name).ok_or_else(|| {
                let known = list_known("outputs", &names, name);
                Error::input(format!("the model has no output \"{name}\"{known}")).at_output(name)
            })
        };
        let mut chosen: Vec<usize> = wanted.iter().map(find).collect::<Result<_>>()?;
        let mut seen = std::collections::HashSet::new();
        chosen.retain(|index| seen.insert(*index));
        Ok(chosen)
    }

    fn check_inputs(&self, given: Vec<Option<Value>>) -> Result<Vec<Value>> {
        let is_optional = |info: &TensorInfo| matches!(info.kind, Kind::Optional | Kind::OptionalSequence);
        let is_missing = |(info, value): &(&TensorInfo, &Option<Value>)| value.is_none() && !is_optional(info);
        let missing: Vec<&TensorInfo> =
            self.inputs.iter().zip(&given).filter(is_missing).map(|(info, _)| info).collect();
        if let Some(first) = missing.first() {
            let listed: Vec<String> = missing.iter().map(|info| format!("\"{}\" {info}", info.name)).collect();
            let noun = if missing.len() == 1 { "input is" } else { "inputs are" };
            return Err(
                Error::input(format!("{} {noun} missing: {}", missing.len(), listed.join(", "))).at_input(&first.name)
            );
        }
        let mut symbols = HashMap::new();
        let check = |(info, value): (_, Option<Value>)| {
            let value = value.unwrap_or(Value::Nothing);
            check_value(info, &value, &mut symbols)?;
            Ok(widen(value))
        };
        self.inputs.iter().zip(given).map(check).collect()
    }
}

fn check_value<'i>(
    info: &'i TensorInfo,
    value: &Value,
    symbols: &mut HashMap<&'i str, (usize, &'i str)>,
) -> Result<()> {
    match (value, info.kind) {
        (Value::Tensor(tensor), Kind::Tensor | Kind::Optional) => {
            check_type(info, tensor)?;
            check_dims(info, tensor.dims(), symbols)
        }
        // A named dim is the same in all inputs, and not in all tensors of a sequence.
        (Value::Sequence(values), Kind::Sequence | Kind::OptionalSequence) => values.iter().try_for_each(|value| {
            let tensor = value.tensor()?;
            check_type(info, tensor)?;
            check_dims(info, tensor.dims(), &mut HashMap::new())
        }),
        (Value::Map(map), Kind::Map) => match Some(map.keys.element_type()) == info.keys {
            true => check_type(info, &map.values),
            false => Err(wrong_input(info, &format!("a map of {}", map.keys.element_type().name()), "")),
        },
        (Value::Nothing, Kind::Optional | Kind::OptionalSequence) => Ok(()),
        (other, _) => Err(wrong_input(info, &other.to_string(), "")),
    }
}

/// Half-precision numbers as float32, which is what operators compute on.
fn widen(value: Value) -> Value {
    match value {
        Value::Tensor(tensor) => Value::Tensor(widen_half(tensor)),
        Value::Sequence(values) => Arc::unwrap_or_clone(values).into_iter().map(widen).collect::<Vec<_>>().into(),
        other => other,
    }
}

/// A result in the type that the model declares.
fn narrow_output(info: &TensorInfo, value: Value) -> Result<Value> {
    let value = narrow(value, info.element_type);
    match (&value, info.element_type) {
        (Value::Tensor(tensor), Some(expected)) if tensor.element_type() != expected => {
            let message = format!("output \"{}\" is declared {info} and computed as {tensor}", info.name);
            Err(Error::execution(message).at_output(&info.name).mismatch(info.to_string(), tensor.to_string()))
        }
        _ => Ok(value),
    }
}

/// float32 as the half-precision type that the model declares.
fn narrow(value: Value, element_type: Option<ElementType>) -> Value {
    match value {
        Value::Tensor(tensor) => Value::Tensor(narrow_half(tensor, element_type)),
        Value::Sequence(values) => {
            let values = Arc::unwrap_or_clone(values).into_iter();
            values.map(|value| narrow(value, element_type)).collect::<Vec<_>>().into()
        }
        other => other,
    }
}

fn narrow_half(tensor: Tensor, element_type: Option<ElementType>) -> Tensor {
    let narrowed = match (element_type, tensor.slice::<f32>()) {
        (Some(ElementType::Float16), Ok(values)) => {
            Tensor::new(tensor.dims(), values.iter().map(|&value| f16::from_f32(value)).collect())
        }
        (Some(ElementType::Bfloat16), Ok(values)) => {
            Tensor::new(tensor.dims(), values.iter().map(|&value| bf16::from_f32(value)).collect())
        }
        _ => return tensor,
    };
    narrowed.unwrap_or(tensor)
}

/// A panic is a fault of ours that ends a run, and not the session. Nothing that a run changes outlives it.
fn catch_panic<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("a panic");
        Err(Error::execution(format!("the engine failed, please report it: {text}")))
    })
}

fn fixed_dims(info: &TensorInfo) -> Option<Vec<usize>> {
    let dims = info.dims.as_ref()?.iter();
    dims.map(|dim| if let Dim::Fixed(size) = dim { Some(*size) } else { None }).collect()
}

fn check_type(info: &TensorInfo, tensor: &Tensor) -> Result<()> {
    let actual = tensor.element_type();
    match info.element_type {
        Some(expected) if actual != expected => Err(wrong_input(info, &tensor.to_string(), "")),
        _ => Ok(()),
    }
}

/// Checks dims against those declared; a named dim has one size in all inputs of a run.
fn check_dims<'i>(
    info: &'i TensorInfo,
    dims: &[usize],
    symbols: &mut HashMap<&'i str, (usize, &'i str)>,
) -> Result<()> {
    let Some(expected) = &info.dims else { return Ok(()) };
    let name = info.element_type.map_or("any", ElementType::name);
    let wrong = |why: &str| wrong_input(info, &describe(name, dims), why);
    if expected.len() != dims.len() {
        return Err(wrong(""));
    }
    for (expected, &size) in expected.iter().zip(dims) {
        match expected {
            Dim::Fixed(fixed) if *fixed != size => return Err(wrong("")),
            Dim::Symbol(symbol) => {
                let (known, by) = *symbols.entry(symbol.as_str()).or_insert((size, info.name.as_str()));
                if known != size {
                    return Err(wrong(&format!(", and \"{symbol}\" is {known} in input \"{by}\"")));
                }
            }
            Dim::Fixed(_) | Dim::Unknown => {}
        }
    }
    Ok(())
}

fn wrong_input(info: &TensorInfo, actual: &str, why: &str) -> Error {
    let expected = info.to_string();
    Error::input(format!("input \"{}\": expected {expected}, got {actual}{why}", info.name))
        .at_input(&info.name)
        .mismatch(expected, actual)
}
