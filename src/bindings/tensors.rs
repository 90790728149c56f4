//! Values across the boundary. Numbers of every type are copied as bytes, once each way.
//!
//! A value is a few numbers, its head, and what its tensors hold, which stands apart, in order. The head begins with a code: the
//! number that ONNX gives to a tensor's element type, then its rank and its dims; [`SEQUENCE`], then the number of values and their
//! heads; [`MAP`], then the heads of its keys and its values; or [`NOTHING`] and no more. What a tensor holds is an array of
//! bytes or, of strings, of strings. In front of each head stands the index of the input or output.

use std::sync::Arc;

use js_sys::{Array, Float64Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};

use crate::error::{Error, Result};
use crate::model::weights::normalise_bools;
use crate::tensor::{Dims, ElementType, Tensor, TensorInfo, count_bytes, describe};
use crate::value::{Map, Value};

const NOTHING: f64 = 0.0;
const SEQUENCE: f64 = -1.0;
const MAP: f64 = -2.0;

/// Reads values by the index of their input.
pub fn read_inputs(infos: &[TensorInfo], heads: &[f64], data: &Array) -> Result<Vec<Option<Value>>> {
    let mut values = vec![None; infos.len()];
    let mut wire = Wire { heads: heads.iter(), data: data.iter() };
    while !wire.heads.as_slice().is_empty() {
        let index = wire.take()? as usize;
        let info = infos.get(index).ok_or_else(|| Error::input(format!("there is no input {index}")))?;
        let value = wire.read().map_err(|error| {
            let message = format!("input \"{}\": {}", info.name, error.message);
            Error { message, ..error }.at_input(&info.name)
        })?;
        if let Some(place) = values.get_mut(index) {
            *place = Some(value);
        }
    }
    Ok(values)
}

struct Wire<'a> {
    heads: std::slice::Iter<'a, f64>,
    data: js_sys::ArrayIter<'a>,
}

impl Wire<'_> {
    fn take(&mut self) -> Result<f64> {
        self.heads.next().copied().ok_or_else(|| Error::input("a value has no end"))
    }

    fn take_size(&mut self) -> Result<usize> {
        let size = self.take()?;
        let is_size = size >= 0.0 && size.fract() == 0.0 && size <= f64::from(u32::MAX);
        if is_size { Ok(size as usize) } else { Err(Error::input(format!("{size} is not a whole number from 0"))) }
    }

    fn read(&mut self) -> Result<Value> {
        let code = self.take()?;
        if code == NOTHING {
            return Ok(Value::Nothing);
        }
        if code == MAP {
            let (keys, values) = (self.read()?.into_tensor()?, self.read()?.into_tensor()?);
            let is_whole = keys.len() == values.len();
            let map = is_whole.then(|| Value::Map(Arc::new(Map { keys, values })));
            return map.ok_or_else(|| Error::input("a map has not as many keys as values"));
        }
        let count = self.take_size()?;
        if code == SEQUENCE {
            return Ok((0..count).map(|_| self.read()).collect::<Result<Vec<Value>>>()?.into());
        }
        let dims = (0..count).map(|_| self.take_size()).collect::<Result<Dims>>()?;
        let element_type = ElementType::from_onnx(code as i32)
            .ok_or_else(|| Error::input(format!("{code} is not an element type")))?;
        let data = self.data.next().unwrap_or(JsValue::UNDEFINED);
        let tensor = match element_type {
            ElementType::String => read_strings(&data, &dims),
            _ => read_numbers(&data, element_type, &dims),
        };
        tensor.map(Value::Tensor)
    }
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

/// Writes values and the index of their output: an array of the heads and, behind them, what the tensors hold.
pub fn write_outputs(outputs: &[(usize, Value)]) -> Array {
    let array = Array::of1(&JsValue::UNDEFINED);
    let mut heads = Vec::new();
    for (index, value) in outputs {
        heads.push(*index as f64);
        write(value, &mut heads, &array);
    }
    array.set(0, Float64Array::from(heads.as_slice()).into());
    array
}

fn write(value: &Value, heads: &mut Vec<f64>, data: &Array) {
    match value {
        Value::Tensor(tensor) => {
            heads.push(tensor.element_type().onnx().into());
            heads.push(tensor.rank() as f64);
            heads.extend(tensor.dims().iter().map(|&dim| dim as f64));
            data.push(&write_elements(tensor));
        }
        Value::Sequence(values) => {
            heads.extend([SEQUENCE, values.len() as f64]);
            values.iter().for_each(|value| write(value, heads, data));
        }
        Value::Map(map) => {
            heads.push(MAP);
            for tensor in [&map.keys, &map.values] {
                write(&Value::Tensor(tensor.clone()), heads, data);
            }
        }
        Value::Nothing => heads.push(NOTHING),
    }
}

fn write_elements(tensor: &Tensor) -> JsValue {
    match tensor.slice::<String>() {
        Ok(strings) => strings.iter().map(|string| JsValue::from_str(string)).collect::<Array>().into(),
        Err(_) => Uint8Array::from(tensor.as_bytes()).into(),
    }
}
