//! Values across the boundary. Numbers of every type are copied as bytes, once each way.

use std::sync::Arc;

use js_sys::{Array, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::error::{Error, Result};
use crate::model::weights::normalise_bools;
use crate::session::NamedValues;
use crate::tensor::{ElementType, Tensor, count_bytes, describe};
use crate::value::{Map, Value};

/// The type of what is not a tensor.
const SEQUENCE: &str = "sequence";
const MAP: &str = "map";
const NOTHING: &str = "nothing";

/// Reads `[{ name, type, dims, data }]`, where data is bytes or, of strings, an array. Of a sequence, data is an array of
/// such objects, and of a map two of them: its keys and its values.
pub fn read_all(inputs: &Array) -> Result<NamedValues> {
    inputs
        .iter()
        .map(|value| {
            let name = property(&value, "name").as_string().unwrap_or_default();
            let value = read(&value).map_err(|error| {
                let message = format!("input \"{name}\": {}", error.message);
                Error { message, ..error }.at_input(&name)
            })?;
            Ok((name, value))
        })
        .collect()
}

fn property(value: &JsValue, name: &str) -> JsValue {
    Reflect::get(value, &JsValue::from_str(name)).unwrap_or(JsValue::UNDEFINED)
}

fn read(value: &JsValue) -> Result<Value> {
    let type_name = property(value, "type").as_string().unwrap_or_default();
    let data = property(value, "data");
    if type_name == NOTHING {
        return Ok(Value::Nothing);
    }
    if type_name == SEQUENCE {
        let items: &Array = data.dyn_ref().ok_or_else(|| Error::input("a sequence is not an array"))?;
        return Ok(items.iter().map(|item| read(&item)).collect::<Result<Vec<Value>>>()?.into());
    }
    if type_name == MAP {
        let wrong = || Error::input("a map is not its keys and its values");
        let items: &Array = data.dyn_ref().ok_or_else(wrong)?;
        let (keys, values) = (read(&items.get(0))?.into_tensor()?, read(&items.get(1))?.into_tensor()?);
        return if keys.len() == values.len() { Ok(Value::Map(Arc::new(Map { keys, values }))) } else { Err(wrong()) };
    }
    let element_type = ElementType::from_name(&type_name)
        .ok_or_else(|| Error::input(format!("\"{type_name}\" is not an element type")))?;
    let dims = read_dims(&property(value, "dims"))?;
    let tensor = match element_type {
        ElementType::String => read_strings(&data, &dims),
        _ => read_numbers(&data, element_type, &dims),
    };
    tensor.map(Value::Tensor)
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
        let size = element_type.bytes().max(1);
        let found = bytes.length() as usize / size;
        return Err(Error::input(format!(
            "{} takes {} values, and data has {found}",
            describe(element_type.name(), dims),
            expected / size
        )));
    }
    let mut tensor = Tensor::zeros(element_type, dims)?;
    bytes.copy_to(tensor.as_bytes_mut());
    if element_type == ElementType::Bool {
        normalise_bools(tensor.as_bytes_mut());
    }
    Ok(tensor)
}

fn read_strings(data: &JsValue, dims: &[usize]) -> Result<Tensor> {
    let wrong = || Error::input("data of type string is not an array of strings");
    let array: &Array = data.dyn_ref().ok_or_else(wrong)?;
    let strings = array.iter().map(|item| item.as_string().ok_or_else(wrong)).collect::<Result<Vec<String>>>()?;
    let found = strings.len();
    Tensor::new(dims, strings)
        .map_err(|_| Error::input(format!("{} and data has {found} values", describe("string", dims))))
}

/// Writes `[name, type, dims, data, name, ...]`, flat, since it is read at once.
pub fn write_all(outputs: &NamedValues) -> Array {
    let array = Array::new();
    for (name, value) in outputs {
        array.push(&JsValue::from_str(name));
        write(value, &array);
    }
    array
}

/// Adds type, dims and data. The data of a sequence are these three of each item in turn, those of a map its keys and its
/// values.
fn write(value: &Value, array: &Array) {
    let items = |name: &str, items: &mut dyn Iterator<Item = &Value>| {
        let inner = Array::new();
        items.for_each(|item| write(item, &inner));
        array.push(&JsValue::from_str(name));
        array.push(&JsValue::UNDEFINED);
        array.push(&inner);
    };
    match value {
        Value::Tensor(tensor) => {
            array.push(&JsValue::from_str(tensor.element_type().name()));
            array.push(&tensor.dims().iter().map(|&dim| JsValue::from_f64(dim as f64)).collect::<Array>());
            array.push(&write_elements(tensor));
        }
        Value::Sequence(values) => items(SEQUENCE, &mut values.iter()),
        Value::Map(map) => items(MAP, &mut [map.keys.clone().into(), map.values.clone().into()].iter()),
        Value::Nothing => items(NOTHING, &mut [].iter()),
    }
}

fn write_elements(tensor: &Tensor) -> JsValue {
    match tensor.slice::<String>() {
        Ok(strings) => strings.iter().map(|string| JsValue::from_str(string)).collect::<Array>().into(),
        Err(_) => Uint8Array::from(tensor.as_bytes()).into(),
    }
}
