//! `TensorProto` to tensor, for initializers and constants.

use std::collections::BTreeMap;

use prost::Message;
use tract_onnx::pb::tensor_proto::DataLocation;
use tract_onnx::pb::{AttributeProto, GraphProto, TensorProto};

use super::operators::domain_name;
use crate::error::{Error, Result};
use crate::tensor::{ElementType, Tensor, count_bytes, describe, onnx_type_name};

/// A tensor's bytes in another file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct External {
    pub location: String,
    pub offset: usize,
    pub length: usize,
}

/// A weight as the model holds it: its values, or where they are.
pub(super) enum Weight {
    Here(Tensor),
    Elsewhere(Tensor, External),
}

/// Reads a tensor and the description of one whose values are external.
pub(super) fn decode(proto: &TensorProto, limit: usize) -> Result<Weight> {
    let (element_type, dims) = describe_proto(proto)?;
    let bytes = count_bytes(element_type, &dims, limit)
        .map_err(|error| Error { message: format!("{}: {}", subject(proto), error.message), ..error })?;
    if element_type == ElementType::String {
        return decode_strings(proto, &dims).map(Weight::Here);
    }
    let mut tensor = Tensor::zeros(element_type, &dims)
        .map_err(|error| Error { message: format!("{}: {}", subject(proto), error.message), ..error })?;
    let packed = bytes.div_ceil(element_type.packed());
    if proto.data_location == Some(DataLocation::External as i32) {
        let external = find_external(proto, packed)?;
        return Ok(Weight::Elsewhere(tensor, external));
    }
    let found = match (element_type.packed(), proto.raw_data.is_empty()) {
        (1, true) => fill_typed(proto, element_type, tensor.as_bytes_mut()),
        (1, false) => fill_raw(proto, tensor.as_bytes_mut()),
        (_, true) => {
            let bytes: Vec<u8> = proto.int32_data.iter().map(|&value| value as u8).collect();
            unpack(&bytes, element_type, tensor.as_bytes_mut())
        }
        (_, false) => unpack(&proto.raw_data, element_type, tensor.as_bytes_mut()),
    };
    if found != packed {
        let expected = describe(element_type.name(), &dims);
        return Err(Error::invalid(format!(
            "{}: {expected} takes {packed} bytes, and {found} are there",
            subject(proto)
        )));
    }
    Ok(Weight::Here(finish(tensor)))
}

/// Reads a tensor of at most `limit` bytes whose values stand in it: one of an attribute, or of a graph inside a node.
pub fn decode_value(proto: &TensorProto, limit: usize) -> Result<Tensor> {
    let subject = subject(proto);
    match decode(proto, limit)? {
        Weight::Here(tensor) => Ok(tensor),
        Weight::Elsewhere(..) => {
            Err(Error::unsupported(format!("{subject} has external data, which is supported for initializers only")))
        }
    }
}

/// Spreads elements of less than a byte, the first in the lowest bits, to a byte each. Returns the bytes found.
fn unpack(bytes: &[u8], element_type: ElementType, target: &mut [u8]) -> usize {
    let bits = 8 / element_type.packed();
    let is_signed = matches!(element_type, ElementType::Int4 | ElementType::Int2);
    let shifts = (0..element_type.packed()).map(|index| index * bits);
    let elements = bytes.iter().flat_map(|byte| shifts.clone().map(move |shift| (byte >> shift) << (8 - bits)));
    for (cell, element) in target.iter_mut().zip(elements) {
        *cell = if is_signed { (element as i8 >> (8 - bits)) as u8 } else { element >> (8 - bits) };
    }
    bytes.len()
}

/// The tensor for `bytes` of raw data, where the fields before them describe one of that size.
pub(super) fn allocate(fields: &[u8], bytes: usize, limit: usize) -> Option<Tensor> {
    let proto = TensorProto::decode(fields).ok()?;
    let (element_type, dims) = describe_proto(&proto).ok()?;
    let is_plain = element_type != ElementType::String && element_type.packed() == 1;
    let fits = is_plain && count_bytes(element_type, &dims, limit).ok()? == bytes;
    if fits { Tensor::zeros(element_type, &dims).ok() } else { None }
}

/// Whether `proto` describes `tensor`.
pub(super) fn is_described(tensor: &Tensor, proto: &TensorProto) -> bool {
    describe_proto(proto).is_ok_and(|(kind, dims)| kind == tensor.element_type() && dims == tensor.dims())
        && proto.data_location != Some(DataLocation::External as i32)
}

/// A tensor whose bytes have just come from outside.
pub(super) fn finish(mut tensor: Tensor) -> Tensor {
    if tensor.element_type() == ElementType::Bool {
        normalise_bools(tensor.as_bytes_mut());
    }
    tensor
}

/// A Rust `bool` may only be 0 or 1, and ONNX takes any byte but 0 for true.
pub(crate) fn normalise_bools(bytes: &mut [u8]) {
    bytes.iter_mut().for_each(|byte| *byte = u8::from(*byte != 0));
}

fn subject(proto: &TensorProto) -> String {
    if proto.name.is_empty() { "a constant tensor".to_string() } else { format!("initializer \"{}\"", proto.name) }
}

fn describe_proto(proto: &TensorProto) -> Result<(ElementType, Vec<usize>)> {
    let Some(element_type) = ElementType::from_onnx(proto.data_type) else {
        return Err(Error::unsupported(format!(
            "{} has the element type {}, which is not supported",
            subject(proto),
            onnx_type_name(proto.data_type)
        )));
    };
    let dims = proto.dims.iter().map(|&dim| usize::try_from(dim)).collect::<std::result::Result<Vec<_>, _>>();
    let dims = dims.map_err(|_| Error::invalid(format!("{} has the dims {:?}", subject(proto), proto.dims)))?;
    Ok((element_type, dims))
}

fn fill_raw(proto: &TensorProto, target: &mut [u8]) -> usize {
    if target.len() == proto.raw_data.len() {
        target.copy_from_slice(&proto.raw_data);
    }
    proto.raw_data.len()
}

/// Fills from the field that the ONNX format names for the type, and returns the bytes found.
fn fill_typed(proto: &TensorProto, element_type: ElementType, target: &mut [u8]) -> usize {
    fn fill<T, const N: usize>(values: &[T], target: &mut [u8], size: usize, encode: impl Fn(&T) -> [u8; N]) -> usize {
        for (cell, value) in target.chunks_exact_mut(size).zip(values) {
            cell.iter_mut().zip(encode(value)).for_each(|(to, from)| *to = from);
        }
        values.len().saturating_mul(size)
    }
    let size = element_type.bytes();
    match element_type {
        ElementType::Float32 => fill(&proto.float_data, target, size, |value| value.to_le_bytes()),
        ElementType::Float64 => fill(&proto.double_data, target, size, |value| value.to_le_bytes()),
        ElementType::Int64 => fill(&proto.int64_data, target, size, |value| value.to_le_bytes()),
        ElementType::Uint32 | ElementType::Uint64 => {
            fill(&proto.uint64_data, target, size, |value| value.to_le_bytes())
        }
        _ => fill(&proto.int32_data, target, size, |value| value.to_le_bytes()),
    }
}

fn decode_strings(proto: &TensorProto, dims: &[usize]) -> Result<Tensor> {
    let strings = proto.string_data.iter().map(|bytes| String::from_utf8(bytes.clone()));
    let strings = strings
        .collect::<std::result::Result<Vec<_>, _>>()
        .map_err(|_| Error::invalid(format!("{} holds a string that is not UTF-8", subject(proto))))?;
    let found = strings.len();
    Tensor::new(dims, strings).map_err(|_| {
        Error::invalid(format!("{}: {} and {found} strings are there", subject(proto), describe("string", dims)))
    })
}

/// A Constant node's tensor is a weight by another name, and may be as large.
pub(super) fn take_constants(
    graph: &mut GraphProto,
    weights: &mut BTreeMap<String, Tensor>,
    limit: usize,
) -> Result<()> {
    for node in std::mem::take(&mut graph.node) {
        let name = node.output.first().filter(|name| !weights.contains_key(*name)).cloned();
        let is_constant = node.op_type == "Constant" && domain_name(&node.domain) == "ai.onnx";
        match name {
            Some(name) if is_constant => {
                let tensor = decode_constant(&list_attributes(&node.attribute), &node.name, limit)
                    .map_err(|error| error.at_node(&node.name, "Constant"))?;
                weights.insert(name, tensor);
            }
            _ => graph.node.push(node),
        }
    }
    Ok(())
}

fn list_attributes(attributes: &[AttributeProto]) -> Vec<(&str, &AttributeProto)> {
    attributes.iter().map(|attribute| (attribute.name.as_str(), attribute)).collect()
}

/// The value of a Constant node, in whichever attribute it stands.
/// <https://onnx.ai/onnx/operators/onnx__Constant.html>
pub(crate) fn decode_constant(attributes: &[(&str, &AttributeProto)], node: &str, limit: usize) -> Result<Tensor> {
    let Some((name, attribute)) = attributes.iter().find(|(name, _)| name.starts_with("value")) else {
        return Err(Error::unsupported(format!("node \"{node}\" (Constant) holds no dense value")));
    };
    let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
    match *name {
        "value_float" => Ok(Tensor::scalar(attribute.f)),
        "value_floats" => Ok(Tensor::vector(attribute.floats.clone())),
        "value_int" => Ok(Tensor::scalar(attribute.i)),
        "value_ints" => Ok(Tensor::vector(attribute.ints.clone())),
        "value_string" => Ok(Tensor::scalar(text(&attribute.s))),
        "value_strings" => Ok(Tensor::vector(attribute.strings.iter().map(text).collect())),
        _ => decode_value(attribute.t.as_ref().unwrap_or(&TensorProto::default()), limit),
    }
}

fn find_external(proto: &TensorProto, bytes: usize) -> Result<External> {
    let entry = |key: &str| proto.external_data.iter().find(|entry| entry.key == key).map(|entry| entry.value.as_str());
    let number = |key: &str, default: usize| match entry(key) {
        None => Ok(default),
        Some(text) => text
            .parse::<usize>()
            .map_err(|_| Error::invalid(format!("{}: external data {key} \"{text}\" is not a number", subject(proto)))),
    };
    let location = entry("location")
        .ok_or_else(|| Error::invalid(format!("{}: its external data names no location", subject(proto))))?;
    let (offset, length) = (number("offset", 0)?, number("length", bytes)?);
    if length != bytes || offset.checked_add(length).is_none() {
        return Err(Error::invalid(format!(
            "{}: it takes {bytes} bytes, and its external data gives {length} at {offset}",
            subject(proto)
        )));
    }
    Ok(External { location: location.to_string(), offset, length })
}
