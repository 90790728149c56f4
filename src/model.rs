//! ONNX bytes to a checked model: [`Reader`] takes the bytes as they arrive, [`Model`] is what they hold.

mod check;
mod format;
mod integrity;
mod names;
mod operators;
mod raw;
mod reader;
mod restrictions;
pub(crate) mod weights;
mod wire;

pub use integrity::Integrity;
pub(crate) use names::list_known;
pub use names::nearest;
pub use reader::{ExternalFile, Reader};

use std::collections::BTreeMap;
use std::sync::Arc;

use tract_onnx::pb::{GraphProto, ModelProto, TypeProto, ValueInfoProto, tensor_shape_proto, type_proto};
use tract_onnx::prelude::Tensor;

use crate::error::{Error, Result};
use crate::tensor::{Dim, ElementType, TensorInfo, onnx_type_name};

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
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
    /// The number of bytes, without external data.
    pub bytes: usize,
}

impl Metadata {
    fn new(proto: &ModelProto, sha256: String, bytes: usize) -> Metadata {
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
    /// The graph without its weights, which stand among its inputs, after those a caller gives and in the order
    /// of `weights`.
    pub(crate) proto: ModelProto,
    /// Initializers and constants by name.
    pub(crate) weights: BTreeMap<String, Arc<Tensor>>,
    /// Sizes that plans may not exceed.
    pub(crate) limits: Limits,
}

impl Model {
    /// Checks a decoded model and describes it. Operators that cannot run are not looked at here: see
    /// [`Model::check_operators`].
    pub(crate) fn new(
        mut proto: ModelProto,
        weights: BTreeMap<String, Arc<Tensor>>,
        metadata: Metadata,
        limits: Limits,
    ) -> Result<Model> {
        let Some(graph) = proto.graph.as_mut() else {
            return Err(Error::invalid("this is not an ONNX model: it holds no graph"));
        };
        if metadata.opsets.is_empty() {
            return Err(Error::invalid("the model names no operator set: it is truncated, or not an ONNX model"));
        }
        names::make_unique(graph);
        graph.input.retain(|input| !weights.contains_key(&input.name));
        check::check_graph(graph, &weights)?;
        let inputs = describe_values("input", &graph.input)?;
        let outputs = describe_values("output", &graph.output)?;
        distrust_shapes(graph);
        graph.input.extend(weights.iter().map(|(name, tensor)| describe_weight(name, tensor)));
        Ok(Model { metadata, inputs, outputs, proto, weights, limits })
    }

    /// Operators by domain and name with their counts, subgraphs included.
    pub fn count_operators(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        operators::visit_nodes(&self.proto, &mut |node| {
            *counts.entry(operators::qualified_name(node)).or_default() += 1;
        });
        counts
    }

    /// The operators that cannot run, each with the names of its nodes.
    pub fn list_unsupported(&self) -> BTreeMap<String, Vec<String>> {
        operators::list_unsupported(self)
    }

    /// Refuses a model that uses operators or operator sets which cannot run, all named in one error.
    pub fn check_operators(&self) -> Result<()> {
        operators::check(self)
    }

    pub(crate) fn graph(&self) -> Result<&GraphProto> {
        self.proto.graph.as_ref().ok_or_else(|| Error::invalid("the model holds no graph"))
    }

    /// The bytes of all weights.
    pub fn count_weight_bytes(&self) -> usize {
        self.weights.values().map(|tensor| tensor.len() * tensor.datum_type().size_of()).sum()
    }

    /// Lets go of the weights, when no further plan will be made.
    pub(crate) fn release_weights(&mut self) {
        self.weights.clear();
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

/// Exporters leave shapes in value_info and on outputs that are wrong for other dims than the traced
/// ones, and tract believes them.
fn distrust_shapes(graph: &mut GraphProto) {
    graph.value_info.clear();
    for output in &mut graph.output {
        output.r#type = None;
    }
    for attribute in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        attribute.g.iter_mut().chain(&mut attribute.graphs).for_each(distrust_shapes);
    }
}

fn describe_weight(name: &str, tensor: &Tensor) -> ValueInfoProto {
    let elem_type = ElementType::from_tract(tensor.datum_type()).map_or(0, ElementType::onnx);
    let value = type_proto::Value::TensorType(type_proto::Tensor { elem_type, shape: None });
    ValueInfoProto {
        name: name.to_string(),
        r#type: Some(TypeProto { value: Some(value), ..TypeProto::default() }),
        ..ValueInfoProto::default()
    }
}

fn describe_values(role: &str, values: &[ValueInfoProto]) -> Result<Vec<TensorInfo>> {
    values.iter().map(|value| describe_value(role, value)).collect()
}

fn describe_value(role: &str, value: &ValueInfoProto) -> Result<TensorInfo> {
    let name = value.name.clone();
    let Some(kind) = &value.r#type else {
        return Ok(TensorInfo { name, element_type: None, dims: None });
    };
    let Some(type_proto::Value::TensorType(tensor)) = &kind.value else {
        return Err(Error::unsupported(format!(
            "{role} \"{name}\" is a sequence, a map or an optional, and only tensors are supported"
        )));
    };
    let element_type = ElementType::from_onnx(tensor.elem_type);
    if element_type.is_none() && tensor.elem_type != 0 {
        return Err(Error::unsupported(format!(
            "{role} \"{name}\" has the element type {}, which is not supported",
            onnx_type_name(tensor.elem_type)
        )));
    }
    let dims = tensor.shape.as_ref().map(|shape| shape.dim.iter().map(describe_dim).collect());
    Ok(TensorInfo { name, element_type, dims })
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
