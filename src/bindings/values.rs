//! Plain values across the boundary: options in, descriptions and errors out.

use std::collections::BTreeMap;

use js_sys::Array;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use wasm_bindgen::JsValue;

use crate::error::{Error, Subject};
use crate::model::{self, Limits, Model};
use crate::session;
use crate::tensor::{self, ElementType, Kind, TensorInfo};

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

/// A number of things, from a JavaScript number; one that does not fit is the most there can be.
pub fn to_count(number: f64, subject: &str) -> Result<usize, Error> {
    if number >= 0.0 && (number.is_infinite() || number.fract() == 0.0) {
        return Ok(number as usize);
    }
    Err(Error::input(format!("{subject}: expected a whole number from 0, got {number}")).at_input(subject))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReadOptions {
    pub integrity: Option<String>,
    pub hash: bool,
    expected: Option<f64>,
    model_bytes: Option<f64>,
    tensor_bytes: Option<f64>,
}

impl ReadOptions {
    pub fn limits(&self) -> Result<Limits, Error> {
        let default = Limits::default();
        let limit = |number: Option<f64>, subject, default: usize| {
            number.map_or(Ok(default), |number| to_count(number, subject).map(|count| count.min(default)))
        };
        Ok(Limits {
            model_bytes: limit(self.model_bytes, "limits.modelBytes", default.model_bytes)?,
            tensor_bytes: limit(self.tensor_bytes, "limits.tensorBytes", default.tensor_bytes)?,
        })
    }

    /// How many bytes there will be, as far as the source tells.
    pub fn expected(&self) -> Option<usize> {
        self.expected.map(|number| number as usize)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoadOptions {
    #[serde(default)]
    free_dimension_overrides: BTreeMap<String, f64>,
}

impl LoadOptions {
    pub fn sizes(&self) -> Result<BTreeMap<String, usize>, Error> {
        let sizes = self.free_dimension_overrides.iter();
        let to_size = |(name, size): (&String, &f64)| {
            Ok((name.clone(), to_count(*size, &format!("freeDimensionOverrides.{name}"))?))
        };
        sizes.map(to_size).collect()
    }
}

/// Dims by the name of an input.
pub fn read_dims(named: BTreeMap<String, Vec<f64>>) -> Result<BTreeMap<String, Vec<usize>>, Error> {
    let read = |(name, dims): (String, Vec<f64>)| {
        let subject = format!("dims of input \"{name}\"");
        let dims = dims.into_iter().map(|dim| to_count(dim, &subject)).collect::<Result<Vec<usize>, Error>>()?;
        Ok((name, dims))
    };
    named.into_iter().map(read).collect()
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
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<&'static str>,
    /// Strings or, of int64, bigints.
    #[serde(with = "serde_wasm_bindgen::preserve", skip_serializing_if = "JsValue::is_undefined")]
    labels: JsValue,
}

fn list_labels(labels: &tensor::Tensor) -> JsValue {
    let array: Array = match labels.slice::<i64>() {
        Ok(numbers) => numbers.iter().map(|&number| JsValue::from(number)).collect(),
        Err(_) => labels.slice::<String>().unwrap_or_default().iter().map(|text| JsValue::from_str(text)).collect(),
    };
    array.into()
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
            kind: match info.kind {
                Kind::Tensor => "tensor",
                Kind::Sequence => "sequence",
                Kind::Maps => "maps",
                Kind::Map => "map",
                Kind::Optional => "optional",
                Kind::OptionalSequence => "optional sequence",
            },
            keys: info.keys.map(ElementType::name),
            labels: info.labels.as_ref().map_or(JsValue::UNDEFINED, list_labels),
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
    sha256: Option<&'a str>,
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
            sha256: metadata.sha256.as_deref(),
            bytes: metadata.bytes,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    steps: usize,
    model_bytes: usize,
}

impl From<&session::Stats> for Stats {
    fn from(stats: &session::Stats) -> Stats {
        let session::Stats { steps, model_bytes } = *stats;
        Stats { steps, model_bytes }
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

impl<'a> Inspection<'a> {
    pub fn new(model: &'a Model, unsupported: BTreeMap<String, Vec<String>>) -> Self {
        Inspection {
            inputs: list(&model.inputs),
            outputs: list(&model.outputs),
            operators: model.count_operators(),
            unsupported,
            metadata: Metadata::from(&model.metadata),
        }
    }
}
