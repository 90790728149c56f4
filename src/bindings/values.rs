//! Plain values across the boundary: options in, descriptions and errors out.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use wasm_bindgen::JsValue;

use crate::error::{Error, Subject};
use crate::model::{self, Limits, Model};
use crate::session;
use crate::tensor::{self, ElementType, TensorInfo};

pub fn to_js<T: Serialize>(value: &T) -> Result<JsValue, JsValue> {
    Ok(value.serialize(&serde_wasm_bindgen::Serializer::json_compatible())?)
}

pub fn from_js<T: DeserializeOwned>(value: JsValue) -> Result<T, JsValue> {
    serde_wasm_bindgen::from_value(value).map_err(|error| throw(Error::input(format!("an option is wrong: {error}"))))
}

/// `items` as JavaScript sees them.
pub fn list<'a, V: From<&'a T>, T>(items: &'a [T]) -> Vec<V> {
    items.iter().map(V::from).collect()
}

/// The error as a plain object, which pkg/error.js makes an `InferenceError` of.
pub fn throw(error: Error) -> JsValue {
    to_js(&ErrorParts::from(error)).unwrap_or_else(|other| other)
}

#[derive(Serialize)]
struct ErrorParts {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    op: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<String>,
}

impl From<Error> for ErrorParts {
    fn from(error: Error) -> ErrorParts {
        let Error { code, message, subject } = error;
        let Subject { input, output, node, op, expected, actual } = *subject;
        ErrorParts { code: code.name(), message, input, output, node, op, expected, actual }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadOptions {
    pub integrity: Option<String>,
    model_bytes: Option<usize>,
    tensor_bytes: Option<usize>,
}

impl ReadOptions {
    pub fn limits(&self) -> Limits {
        let default = Limits::default();
        Limits {
            model_bytes: self.model_bytes.unwrap_or(default.model_bytes).min(default.model_bytes),
            tensor_bytes: self.tensor_bytes.unwrap_or(default.tensor_bytes).min(default.tensor_bytes),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadOptions {
    #[serde(default)]
    pub free_dimension_overrides: BTreeMap<String, usize>,
}

#[derive(Serialize)]
pub struct ExternalFile<'a> {
    location: &'a str,
    tensors: &'a [String],
    bytes: usize,
}

impl<'a> From<&'a model::ExternalFile> for ExternalFile<'a> {
    fn from(file: &'a model::ExternalFile) -> Self {
        ExternalFile { location: &file.location, tensors: &file.tensors, bytes: file.bytes }
    }
}

#[derive(Serialize)]
pub struct Info<'a> {
    name: &'a str,
    r#type: Option<&'static str>,
    dims: Option<Vec<Dim<'a>>>,
}

struct Dim<'a>(&'a tensor::Dim);

impl Serialize for Dim<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            tensor::Dim::Fixed(size) => size.serialize(serializer),
            tensor::Dim::Symbol(name) => name.serialize(serializer),
            tensor::Dim::Unknown => serializer.serialize_none(),
        }
    }
}

impl<'a> From<&'a TensorInfo> for Info<'a> {
    fn from(info: &'a TensorInfo) -> Self {
        Info {
            name: &info.name,
            r#type: info.element_type.map(ElementType::name),
            dims: info.dims.as_ref().map(|dims| dims.iter().map(Dim).collect()),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata<'a> {
    producer_name: &'a str,
    producer_version: &'a str,
    domain: &'a str,
    model_version: String,
    description: &'a str,
    ir_version: f64,
    opsets: BTreeMap<&'a str, f64>,
    properties: &'a BTreeMap<String, String>,
    sha256: &'a str,
    bytes: usize,
}

impl<'a> From<&'a model::Metadata> for Metadata<'a> {
    fn from(metadata: &'a model::Metadata) -> Self {
        Metadata {
            producer_name: &metadata.producer_name,
            producer_version: &metadata.producer_version,
            domain: &metadata.domain,
            // An int64 that need not fit a JavaScript number.
            model_version: metadata.model_version.to_string(),
            description: &metadata.description,
            ir_version: metadata.ir_version as f64,
            opsets: metadata.opsets.iter().map(|(domain, version)| (domain.as_str(), *version as f64)).collect(),
            properties: &metadata.properties,
            sha256: &metadata.sha256,
            bytes: metadata.bytes,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    plans: usize,
    planned: usize,
    plan_hits: usize,
    model_bytes: usize,
    plan_bytes: usize,
}

impl From<&session::Stats> for Stats {
    fn from(stats: &session::Stats) -> Stats {
        let session::Stats { plans, planned, plan_hits, model_bytes, plan_bytes } = *stats;
        Stats { plans, planned, plan_hits, model_bytes, plan_bytes }
    }
}

#[derive(Serialize)]
pub struct Inspection<'a> {
    inputs: Vec<Info<'a>>,
    outputs: Vec<Info<'a>>,
    operators: BTreeMap<String, usize>,
    unsupported: BTreeMap<String, Vec<String>>,
    metadata: Metadata<'a>,
}

impl<'a> From<&'a Model> for Inspection<'a> {
    fn from(model: &'a Model) -> Self {
        Inspection {
            inputs: list(&model.inputs),
            outputs: list(&model.outputs),
            operators: model.count_operators(),
            unsupported: model.list_unsupported(),
            metadata: Metadata::from(&model.metadata),
        }
    }
}
