//! ONNX bytes to a checked model: [`Reader`] takes the bytes as they arrive, [`Model`] is what they hold.

mod check;
pub(crate) mod extension;
mod format;
mod integrity;
mod names;
mod operators;
mod raw;
mod reader;
pub(crate) mod weights;
mod wire;

pub use integrity::Integrity;
pub(crate) use names::list_known;
pub use names::nearest;
pub(crate) use operators::{domain_name, refuse_faults};
pub use reader::{ExternalFile, Reader};
pub use weights::decode_value;

use std::collections::BTreeMap;

use tract_onnx::pb::{ModelProto, tensor_shape_proto, type_proto};

use crate::error::{Error, Result};
use crate::graph::{Builder, Graph, take_labels};
use crate::plan::{Faults, Plan};
use crate::tensor::{Dim, ElementType, Kind, Tensor, TensorInfo, onnx_type_name};
use extension::{FunctionProto, GraphExtension, TypeExtension, ValueExtension};

/// Sizes that a model may not exceed.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the model and its external data.
    pub model_bytes: usize,
    /// Bytes of any one tensor: a weight, an input, an output, an intermediate value of known shape.
    pub tensor_bytes: usize,
}

impl Default for Limits {
    /// 2 GiB and 1 GiB, or what the address space holds where that is less.
    fn default() -> Limits {
        Limits { model_bytes: isize::MAX.min(2 << 30) as usize, tensor_bytes: 1 << 30 }
    }
}

/// What a model says about itself.
#[derive(Debug, Clone, Default)]
pub struct Metadata {
    /// The tool that made the model.
    pub producer_name: String,
    /// Its version.
    pub producer_version: String,
    /// The model's namespace, a reversed domain name.
    pub domain: String,
    /// The version of the model itself.
    pub model_version: i64,
    /// The model's documentation.
    pub description: String,
    /// The version of the ONNX file format.
    pub ir_version: i64,
    /// Operator set versions by domain; the default domain is called `ai.onnx`.
    pub opsets: BTreeMap<String, i64>,
    /// Free entries (`metadata_props`).
    pub properties: BTreeMap<String, String>,
    /// SHA-256 of the bytes in hexadecimal, where they were hashed.
    pub sha256: Option<String>,
    /// The number of bytes, without external data.
    pub bytes: usize,
}

impl Metadata {
    fn new(proto: &ModelProto, sha256: Option<String>, bytes: usize) -> Metadata {
        let opsets = proto.opset_import.iter();
        let properties = proto.metadata_props.iter();
        Metadata {
            producer_name: proto.producer_name.clone(),
            producer_version: proto.producer_version.clone(),
            domain: proto.domain.clone(),
            model_version: proto.model_version,
            description: proto.doc_string.clone(),
            ir_version: proto.ir_version,
            opsets: opsets.map(|set| (operators::domain_name(&set.domain).to_string(), set.version)).collect(),
            properties: properties.map(|entry| (entry.key.clone(), entry.value.clone())).collect(),
            sha256,
            bytes,
        }
    }
}

/// A decoded model whose graph holds together: every name that is used is produced once, there is no cycle.
#[derive(Debug)]
pub struct Model {
    /// What the model says about itself.
    pub metadata: Metadata,
    /// Inputs that a caller must give.
    pub inputs: Vec<TensorInfo>,
    /// Outputs, in the model's order.
    pub outputs: Vec<TensorInfo>,
    /// The graph without its weights.
    pub(crate) proto: ModelProto,
    functions: Vec<FunctionProto>,
    /// Initializers and constants by name.
    weights: BTreeMap<String, Tensor>,
    /// Sizes that a run may not exceed.
    pub(crate) limits: Limits,
}

/// What a [`Reader`] gives.
pub(crate) struct Parts {
    pub proto: ModelProto,
    pub functions: Vec<FunctionProto>,
    /// The types of the graph's inputs and outputs.
    pub types: GraphExtension,
    pub weights: BTreeMap<String, Tensor>,
}

impl Model {
    /// Checks a decoded model and describes it.
    pub(crate) fn new(parts: Parts, metadata: Metadata, limits: Limits) -> Result<Model> {
        let Parts { mut proto, functions, types, weights } = parts;
        let Some(graph) = proto.graph.as_mut() else {
            return Err(Error::invalid("this is not an ONNX model: it holds no graph"));
        };
        // Before version 3 of the format there was one operator set, the first.
        if metadata.opsets.is_empty() && !(1..3).contains(&metadata.ir_version) {
            return Err(Error::invalid("the model names no operator set: it is truncated, or not an ONNX model"));
        }
        names::make_unique(graph);
        graph.input.retain(|input| !weights.contains_key(&input.name));
        check::check_graph(graph, &weights)?;
        let given = types.input.iter().filter(|input| !weights.contains_key(&input.name));
        let inputs = given.map(|value| describe_value("input", value)).collect::<Result<Vec<_>>>()?;
        let outputs = types.output.iter().map(|value| describe_value("output", value)).collect::<Result<Vec<_>>>()?;
        Ok(Model { metadata, inputs, outputs, proto, functions, weights, limits })
    }

    /// Plans the model, and lists what it uses that cannot run: with any such, the plan is of no use. The weights go to the
    /// plan.
    pub(crate) fn plan(&mut self) -> Result<(Plan, Faults)> {
        operators::check_opset(&self.metadata, &self.proto, &self.functions)?;
        let mut graph = self.build_graph()?;
        self.weights.clear();
        for (info, labels) in self.outputs.iter_mut().zip(take_labels(&mut graph)) {
            if let Some(labels) = labels {
                let dims = Some(vec![Dim::Unknown, Dim::Fixed(labels.len())]);
                let (kind, element_type) = (Kind::Tensor, Some(ElementType::Float32));
                *info =
                    TensorInfo { name: info.name.clone(), kind, element_type, dims, keys: None, labels: Some(labels) };
            }
        }
        let mut faults = Faults::new();
        let plan = Plan::build(graph, &mut faults)?;
        Ok((plan, faults))
    }

    /// What the model uses that cannot run, with the names of the nodes.
    pub fn list_unsupported(&mut self) -> Result<Faults> {
        self.plan().map(|(_, faults)| faults)
    }

    fn build_graph(&self) -> Result<Graph> {
        let Some(graph) = &self.proto.graph else {
            return Err(Error::invalid("the model holds no graph"));
        };
        Builder::new(&self.functions, self.limits.tensor_bytes).build(graph, &self.proto.opset_import, &self.weights)
    }

    /// Operators by domain and name with their counts, subgraphs included.
    pub fn count_operators(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        operators::visit_nodes(&self.proto, &mut |node| {
            *counts.entry(operators::qualified_name(node)).or_default() += 1;
        });
        counts
    }

    /// The bytes of all weights that no plan has taken.
    pub fn count_weight_bytes(&self) -> usize {
        self.weights.values().map(Tensor::bytes).sum()
    }

    /// Fixes named dims of the inputs, as `freeDimensionOverrides` asks.
    pub fn fix_dims(&mut self, sizes: &BTreeMap<String, usize>) -> Result<()> {
        let known: Vec<String> = self.symbols();
        for name in sizes.keys() {
            if !known.contains(name) {
                return Err(Error::input(format!(
                    "freeDimensionOverrides: the model has no dim called \"{name}\"{}",
                    names::list_known("dims", &known, name)
                )));
            }
        }
        for info in self.inputs.iter_mut().chain(&mut self.outputs) {
            for dim in info.dims.iter_mut().flatten() {
                if let Dim::Symbol(name) = dim
                    && let Some(&size) = sizes.get(name)
                {
                    *dim = Dim::Fixed(size);
                }
            }
        }
        Ok(())
    }

    fn symbols(&self) -> Vec<String> {
        let dims = self.inputs.iter().filter_map(|info| info.dims.as_ref()).flatten();
        let mut symbols: Vec<String> =
            dims.filter_map(|dim| if let Dim::Symbol(name) = dim { Some(name.clone()) } else { None }).collect();
        symbols.sort();
        symbols.dedup();
        symbols
    }
}

fn describe_value(role: &str, value: &ValueExtension) -> Result<TensorInfo> {
    let name = value.name.clone();
    let Some(declared) = &value.kind else {
        return Ok(TensorInfo { name, ..TensorInfo::default() });
    };
    let unsupported =
        |what: &str| Err(Error::unsupported(format!("{role} \"{name}\" is {what}, which is not supported")));
    let keys = declared.map.as_ref().and_then(|map| ElementType::from_onnx(map.key));
    let (kind, tensor) = match classify(declared) {
        Ok(found) => found,
        Err(what) => return unsupported(what),
    };
    let Some(tensor) = tensor else {
        return Ok(TensorInfo { name, kind, ..TensorInfo::default() });
    };
    let element_type = ElementType::from_onnx(tensor.elem_type);
    if element_type.is_none() && tensor.elem_type != 0 {
        return Err(Error::unsupported(format!(
            "{role} \"{name}\" has the element type {}, which is not supported",
            onnx_type_name(tensor.elem_type)
        )));
    }
    let dims = tensor.shape.as_ref().map(|shape| shape.dim.iter().map(describe_dim).collect());
    Ok(TensorInfo { name, kind, element_type, dims, keys, labels: None })
}

/// The kind of a declared type and the tensor in it, or what it is that no value can be.
fn classify(declared: &TypeExtension) -> std::result::Result<(Kind, Option<&type_proto::Tensor>), &'static str> {
    if let Some(tensor) = &declared.tensor {
        return Ok((Kind::Tensor, Some(tensor)));
    }
    if let Some(sequence) = &declared.sequence {
        let element = sequence.element.as_deref();
        let is_map = element.is_some_and(|element| element.map.is_some());
        let tensor = element.and_then(|element| element.tensor.as_ref());
        return Ok((if is_map { Kind::Maps } else { Kind::Sequence }, tensor));
    }
    if let Some(optional) = &declared.optional {
        let inner = optional.element.as_deref().map(classify).transpose()?;
        let kind = match inner {
            Some((Kind::Sequence, _)) => Kind::OptionalSequence,
            _ => Kind::Optional,
        };
        return Ok((kind, inner.and_then(|(_, tensor)| tensor)));
    }
    if let Some(map) = &declared.map {
        let values = map.value.as_deref().and_then(|value| value.tensor.as_ref());
        let has_keys = matches!(ElementType::from_onnx(map.key), Some(ElementType::String | ElementType::Int64));
        return match values {
            Some(values) if has_keys => Ok((Kind::Map, Some(values))),
            _ => Err("a map of other keys than strings and int64, or of other values than tensors"),
        };
    }
    if declared.sparse.is_some() {
        return Err("a sparse tensor");
    }
    Ok((Kind::Tensor, None))
}

fn describe_dim(dim: &tensor_shape_proto::Dimension) -> Dim {
    match &dim.value {
        Some(tensor_shape_proto::dimension::Value::DimValue(size)) if *size >= 0 => {
            usize::try_from(*size).map_or(Dim::Unknown, Dim::Fixed)
        }
        Some(tensor_shape_proto::dimension::Value::DimParam(name)) if !name.is_empty() && name != "?" => {
            Dim::Symbol(name.clone())
        }
        _ => Dim::Unknown,
    }
}
