//! Tensors across the boundary. Numbers of every type are copied as bytes, once each way.

use js_sys::{Array, Reflect, Uint8Array};
use tract_onnx::prelude::Tensor;
use tract_onnx::tract_hir::tract_ndarray::{ArrayD, IxDyn};
use wasm_bindgen::{JsCast, JsValue};

use crate::error::{Error, Result};
use crate::model::weights::normalise_bools;
use crate::session::NamedTensors;
use crate::tensor::{ElementType, count_bytes, describe};

/// Reads `[{ name, type, dims, data }]`, where data is bytes or, of strings, an array.
pub fn read_all(inputs: &Array) -> Result<NamedTensors> {
    inputs
        .iter()
        .map(|value| {
            let name = property(&value, "name").as_string().unwrap_or_default();
            let tensor = read(&value).map_err(|error| {
                let message = format!("input \"{name}\": {}", error.message);
                Error { message, ..error }.at_input(&name)
            })?;
            Ok((name, tensor))
        })
        .collect()
}

fn property(value: &JsValue, name: &str) -> JsValue {
    Reflect::get(value, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
}

fn read(value: &JsValue) -> Result<Tensor> {
    let type_name = property(value, "type").as_string().unwrap_or_default();
    let element_type = ElementType::from_name(&type_name)
        .ok_or_else(|| Error::input(format!("\"{type_name}\" is not an element type")))?;
    let dims = read_dims(&property(value, "dims"))?;
    let data = property(value, "data");
    match element_type {
        ElementType::String => read_strings(&data, &dims),
        _ => read_numbers(&data, element_type, &dims),
    }
}

fn read_dims(value: &JsValue) -> Result<Vec<usize>> {
    let wrong = || Error::input("dims are not an array of whole numbers from 0");
    let dims: &Array = value.dyn_ref().ok_or_else(wrong)?;
    dims.iter()
        .map(|dim| {
            let dim = dim.as_f64().filter(|dim| *dim >= 0.0 && dim.fract() == 0.0 && *dim <= f64::from(u32::MAX));
            dim.map(|dim| dim as usize).ok_or_else(wrong)
        })
        .collect()
}

fn read_numbers(data: &JsValue, element_type: ElementType, dims: &[usize]) -> Result<Tensor> {
    let expected = count_bytes(element_type, dims, isize::MAX as usize)?;
    let bytes: &Uint8Array = data.dyn_ref().ok_or_else(|| Error::input("data is not an array of bytes"))?;
    if bytes.length() as usize != expected {
        let size = element_type.tract().size_of().max(1);
        let found = bytes.length() as usize / size;
        return Err(Error::input(format!(
            "{} takes {} values, and data has {found}",
            describe(element_type.name(), dims),
            expected / size
        )));
    }
    let tensor = Tensor::zero_dt(element_type.tract(), dims);
    let mut tensor = tensor.map_err(|error| Error::limit(format!("no memory for a tensor of {dims:?}: {error}")))?;
    let target = tensor.as_bytes_mut();
    if element_type == ElementType::Bool {
        // Not straight into the tensor, where a byte other than 0 and 1 may not even pass through.
        let mut copied = bytes.to_vec();
        normalise_bools(&mut copied);
        target.copy_from_slice(&copied);
    } else {
        bytes.copy_to(target);
    }
    Ok(tensor)
}

fn read_strings(data: &JsValue, dims: &[usize]) -> Result<Tensor> {
    let wrong = || Error::input("data of type string is not an array of strings");
    let array: &Array = data.dyn_ref().ok_or_else(wrong)?;
    let strings = array.iter().map(|item| item.as_string().ok_or_else(wrong)).collect::<Result<Vec<String>>>()?;
    let found = strings.len();
    let array = ArrayD::from_shape_vec(IxDyn(dims), strings)
        .map_err(|_| Error::input(format!("{} and data has {found} values", describe("string", dims))))?;
    Ok(array.into())
}

/// Writes `[name, type, dims, data, name, ...]`, flat, since it is read at once.
pub fn write_all(outputs: NamedTensors) -> std::result::Result<Array, JsValue> {
    let array = Array::new();
    for (name, tensor) in outputs {
        let element_type = ElementType::from_tract(tensor.datum_type())
            .ok_or_else(|| JsValue::from_str(&format!("output \"{name}\" has a type without a name")))?;
        array.push(&JsValue::from_str(&name));
        array.push(&JsValue::from_str(element_type.name()));
        array.push(&tensor.shape().iter().map(|&dim| JsValue::from_f64(dim as f64)).collect::<Array>());
        array.push(&write(&tensor, element_type));
    }
    Ok(array)
}

fn write(tensor: &Tensor, element_type: ElementType) -> JsValue {
    if element_type == ElementType::String {
        let view = tensor.to_plain_array_view::<String>();
        let strings = view.into_iter().flatten().map(|string| JsValue::from_str(string));
        return strings.collect::<Array>().into();
    }
    Uint8Array::from(tensor.as_bytes()).into()
}
