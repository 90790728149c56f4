//! A session: a model ready to run, with the plans made for it so far.

use std::collections::{BTreeMap, HashMap};

use tract_onnx::prelude::{TValue, Tensor};

use crate::error::{Error, ErrorCode, Result};
use crate::model::{Metadata, Model, list_known};
use crate::plan::{PlanCache, PlanKey, find_shape_inputs};
use crate::tensor::{Dim, ElementType, TensorInfo, count_bytes, describe};

/// Named values: what a run takes and what it gives.
pub type NamedTensors = Vec<(String, Tensor)>;

/// Counts of a session.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stats {
    /// Plans that are kept.
    pub plans: usize,
    /// Plans made since the session began.
    pub planned: usize,
    /// Runs that found their plan.
    pub plan_hits: usize,
    /// Bytes of the model's weights.
    pub model_bytes: usize,
    /// Bytes of the constants in the plans, before packing; unpacked ones are the weights themselves.
    pub plan_bytes: usize,
}

/// A model ready to run.
pub struct Session {
    model: Model,
    plans: PlanCache,
    planned: usize,
    plan_hits: usize,
    weight_bytes: usize,
    /// Inputs whose values a plan may need.
    shape_inputs: Vec<bool>,
    /// Whether the plans of this model turned out to need them.
    needs_values: bool,
}

impl Session {
    /// Checks that the model can run, and plans it where the dims of its inputs are all known.
    /// `sizes` fixes named dims.
    pub fn new(mut model: Model, sizes: &BTreeMap<String, usize>) -> Result<Session> {
        model.check_operators()?;
        model.fix_dims(sizes)?;
        let weight_bytes = model.count_weight_bytes();
        let plans = PlanCache::default();
        let shape_inputs = find_shape_inputs(&model)?;
        let mut session =
            Session { model, plans, planned: 0, plan_hits: 0, weight_bytes, shape_inputs, needs_values: false };
        if let Some(dims) = session.list_fixed_dims() {
            match session.plan(PlanKey::of_dims(dims)) {
                // No other plan will ever be asked for, so that the weights need not stay for one.
                Ok(()) if !session.shape_inputs.contains(&true) => session.model.release_weights(),
                Ok(()) => {}
                // With the values of its inputs, which a run brings, the model may yet be planned.
                Err(error) if error.code == ErrorCode::ModelUnsupported && session.shape_inputs.contains(&true) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(session)
    }

    /// The inputs that a run takes.
    pub fn inputs(&self) -> &[TensorInfo] {
        &self.model.inputs
    }

    /// The outputs that a run gives.
    pub fn outputs(&self) -> &[TensorInfo] {
        &self.model.outputs
    }

    /// What the model says about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.model.metadata
    }

    /// The error for a name that no input has.
    pub fn unknown_input(&self, name: &str) -> Error {
        let known = list_known("inputs", &self.input_names(), name);
        Error::input(format!("the model has no input \"{name}\"{known}")).at_input(name)
    }

    /// Counts so far.
    pub fn stats(&self) -> Stats {
        Stats {
            plans: self.plans.len(),
            planned: self.planned,
            plan_hits: self.plan_hits,
            model_bytes: self.weight_bytes,
            plan_bytes: self.plans.bytes(),
        }
    }

    /// Makes the plan for inputs of the dims given by name, so that the first run need not.
    pub fn warm_up(&mut self, dims: &BTreeMap<String, Vec<usize>>) -> Result<()> {
        let names = self.input_names();
        if let Some(name) = dims.keys().find(|name| !names.contains(name)) {
            return Err(self.unknown_input(name));
        }
        let mut symbols = HashMap::new();
        let mut ordered = Vec::with_capacity(names.len());
        for info in &self.model.inputs {
            let fixed = || fixed_dims(info);
            let dims = dims.get(&info.name).cloned().or_else(fixed).ok_or_else(|| {
                Error::input(format!("input \"{}\": dims are needed, expected {info}", info.name)).at_input(&info.name)
            })?;
            check_dims(info, &dims, &mut symbols)?;
            let element_type = info.element_type.unwrap_or(ElementType::Float32);
            count_bytes(element_type, &dims, self.model.limits.tensor_bytes)?;
            ordered.push(dims);
        }
        self.plan(PlanKey::of_dims(ordered))
    }

    /// Runs the model. Inputs come in any order; outputs come as named in `outputs`, or all in the model's order.
    pub fn run(&mut self, inputs: NamedTensors, outputs: Option<&[String]>) -> Result<NamedTensors> {
        let chosen = self.choose_outputs(outputs)?;
        let values: Vec<TValue> = self.order_inputs(inputs)?.into_iter().map(TValue::from).collect();
        self.choose_plan(&values)?;
        let results = match self.values_left(&values) {
            None => self.run_latest(values)?,
            Some(key) => {
                let again = values.clone();
                self.run_latest(values).or_else(|error| self.run_by_values(key, again).ok_or(error))?
            }
        };
        let mut results: Vec<Option<Tensor>> = results.into_iter().map(Some).collect();
        let take = |index: &usize| {
            let info = self.model.outputs.get(*index)?;
            Some((info.name.clone(), results.get_mut(*index)?.take()?))
        };
        Ok(chosen.iter().filter_map(take).collect())
    }

    fn run_latest(&mut self, values: Vec<TValue>) -> Result<Vec<Tensor>> {
        match self.plans.latest() {
            Some(plan) => plan.run(values),
            None => Err(Error::execution("the plan that was just made is gone")),
        }
    }

    /// The key with values, where there are some and plans are made without them so far.
    fn values_left(&self, values: &[TValue]) -> Option<PlanKey> {
        let has_values = !self.needs_values && self.shape_inputs.contains(&true);
        has_values.then(|| PlanKey::of_inputs(values, &self.shape_inputs)).filter(PlanKey::has_values)
    }

    /// A second try for what was planned by dims and failed: tract types some operators whose bounds are values, and then
    /// cannot run them.
    fn run_by_values(&mut self, key: PlanKey, values: Vec<TValue>) -> Option<Vec<Tensor>> {
        self.plan(key).ok()?;
        let results = self.run_latest(values).ok()?;
        self.needs_values = true;
        Some(results)
    }

    fn plan(&mut self, key: PlanKey) -> Result<()> {
        if !self.plans.choose(&key) {
            self.plans.add(&self.model, key)?;
            self.planned += 1;
        }
        Ok(())
    }

    /// Makes a plan for these inputs the latest used, one that is there or a new one: for their dims and, where those do
    /// not do, for the values of inputs that may be shapes.
    fn choose_plan(&mut self, values: &[TValue]) -> Result<()> {
        let baked: &[bool] = if self.needs_values { &self.shape_inputs } else { &[] };
        let key = PlanKey::of_inputs(values, baked);
        if self.plans.choose(&key) {
            self.plan_hits += 1;
            return Ok(());
        }
        let error = match self.plan(key.clone()) {
            Err(error) if error.code == ErrorCode::ModelUnsupported => error,
            other => return other,
        };
        if self.values_left(values).is_some_and(|key| self.plan(key).is_ok()) {
            self.needs_values = true;
            return Ok(());
        }
        Err(self.blame_inputs(error, &key))
    }

    /// With free dims, what tract cannot prepare may be the model's fault or that of these dims: both are named.
    fn blame_inputs(&self, error: Error, key: &PlanKey) -> Error {
        let given: Vec<String> = self
            .model
            .inputs
            .iter()
            .zip(key.dims())
            .map(|(info, dims)| {
                let name = info.element_type.map_or("any", ElementType::name);
                format!("\"{}\" {}", info.name, describe(name, dims))
            })
            .collect();
        let message = format!("{} (with the inputs {})", error.message, given.join(", "));
        Error { code: ErrorCode::ExecutionFailed, message, ..error }
    }

    fn input_names(&self) -> Vec<String> {
        self.model.inputs.iter().map(|info| info.name.clone()).collect()
    }

    fn list_fixed_dims(&self) -> Option<Vec<Vec<usize>>> {
        self.model.inputs.iter().map(fixed_dims).collect()
    }

    fn choose_outputs(&self, wanted: Option<&[String]>) -> Result<Vec<usize>> {
        let names: Vec<String> = self.model.outputs.iter().map(|info| info.name.clone()).collect();
        let Some(wanted) = wanted else { return Ok((0..names.len()).collect()) };
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

    fn order_inputs(&self, inputs: NamedTensors) -> Result<Vec<Tensor>> {
        let names = self.input_names();
        let mut given: HashMap<String, Tensor> = HashMap::new();
        for (name, tensor) in inputs {
            if !names.contains(&name) {
                return Err(self.unknown_input(&name));
            }
            given.insert(name, tensor);
        }
        let missing: Vec<&TensorInfo> =
            self.model.inputs.iter().filter(|info| !given.contains_key(&info.name)).collect();
        if let Some(first) = missing.first() {
            let listed: Vec<String> = missing.iter().map(|info| format!("\"{}\" {info}", info.name)).collect();
            let noun = if missing.len() == 1 { "input is" } else { "inputs are" };
            return Err(
                Error::input(format!("{} {noun} missing: {}", missing.len(), listed.join(", "))).at_input(&first.name)
            );
        }
        let mut symbols = HashMap::new();
        let mut tensors = Vec::with_capacity(given.len());
        for info in &self.model.inputs {
            if let Some(tensor) = given.remove(&info.name) {
                check_type(info, &tensor)?;
                check_dims(info, tensor.shape(), &mut symbols)?;
                tensors.push(tensor);
            }
        }
        Ok(tensors)
    }
}

fn fixed_dims(info: &TensorInfo) -> Option<Vec<usize>> {
    let dims = info.dims.as_ref()?.iter();
    dims.map(|dim| if let Dim::Fixed(size) = dim { Some(*size) } else { None }).collect()
}

fn check_type(info: &TensorInfo, tensor: &Tensor) -> Result<()> {
    let actual = ElementType::from_tract(tensor.datum_type());
    match info.element_type {
        Some(expected) if actual != Some(expected) => {
            Err(wrong_input(info, &describe(actual.map_or("?", ElementType::name), tensor.shape()), ""))
        }
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
