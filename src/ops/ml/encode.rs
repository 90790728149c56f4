//! Values looked up in lists of values.

use std::collections::HashMap;

use crate::error::{Error, Result};
use crate::ops::{Operator, Spec, single};
use crate::tensor::{Bits, Data, ElementType, Tensor, reserve};

/// Whether numbers are above a threshold. <https://onnx.ai/onnx/operators/onnx_aionnxml_Binarizer.html>
pub fn binarizer(spec: &mut Spec) -> Result<Operator> {
    let threshold = f64::from(spec.float_or("threshold", 0.0));
    single(move |call| {
        let input = call.tensor(0)?;
        let is_above: Vec<bool> = input.to_f64s()?.iter().map(|&value| value > threshold).collect();
        match input.element_type() {
            ElementType::Float64 => Tensor::new::<f64>(input.dims(), is_above.into_iter().map(f64::from).collect()),
            ElementType::Int64 => Tensor::new::<i64>(input.dims(), is_above.into_iter().map(i64::from).collect()),
            ElementType::Int32 => Tensor::new::<i32>(input.dims(), is_above.into_iter().map(i32::from).collect()),
            _ => Tensor::new::<f32>(input.dims(), is_above.into_iter().map(f32::from).collect()),
        }
    })
}

/// What values are looked up by: strings, or the bits of numbers, one way for each number.
enum Places {
    Strings(HashMap<String, usize>),
    Numbers(HashMap<u64, usize>),
}

/// The same bits for the same number: all NaN are one, and so are both zeros.
fn bits_of(tensor: &Tensor) -> Result<Vec<u64>> {
    if tensor.element_type().is_float() {
        let to_bits = |&value: &f64| if value.is_nan() { f64::NAN.to_bits() } else { (value + 0.0).to_bits() };
        return Ok(tensor.to_f64s()?.iter().map(to_bits).collect());
    }
    Ok(tensor.to_i64s()?.iter().map(|&value| value as u64).collect())
}

impl Places {
    /// The place of each key; the first one of those that are equal, as onnxruntime has it.
    fn new(keys: &Tensor) -> Result<Places> {
        Ok(match keys.slice::<String>() {
            Ok(keys) => {
                Places::Strings(keys.iter().cloned().enumerate().rev().map(|(place, key)| (key, place)).collect())
            }
            Err(_) => {
                Places::Numbers(bits_of(keys)?.into_iter().enumerate().rev().map(|(place, key)| (key, place)).collect())
            }
        })
    }

    /// The place of each value in the keys.
    fn find(&self, values: &Tensor) -> Result<Vec<Option<usize>>> {
        Ok(match self {
            Places::Strings(places) => {
                values.slice::<String>()?.iter().map(|value| places.get(value).copied()).collect()
            }
            Places::Numbers(places) => bits_of(values)?.iter().map(|value| places.get(value).copied()).collect(),
        })
    }
}

/// A tensor looked up in keys: the values that stand where the keys do, or the default.
fn map_values(input: &Tensor, places: &Places, values: &Tensor, default: &Tensor) -> Result<Tensor> {
    fn pick<T: Bits>(places: &[Option<usize>], values: &[T], default: &T) -> Vec<T> {
        let pick = |place: &Option<usize>| place.and_then(|place| values.get(place)).unwrap_or(default).clone();
        places.iter().map(pick).collect()
    }
    let found = places.find(input)?;
    crate::with_bits!(values, T => {
        let default = default.bits::<T>()?.first().cloned().unwrap_or_default();
        Tensor::from_bits::<T>(values.element_type(), input.dims(), pick(&found, values.bits::<T>()?, &default))
    })
}

/// A list in one of the attributes `<prefix>_tensor`, `_strings`, `_int64s` and `_floats`.
fn read_list(spec: &Spec, prefix: &str) -> Option<Tensor> {
    let name = |suffix: &str| format!("{prefix}_{suffix}");
    let texts = || spec.texts(&name("strings")).filter(|list| !list.is_empty()).map(Tensor::vector);
    let ints = || spec.ints(&name("int64s")).map(|list| Tensor::vector(list.to_vec()));
    let floats = || spec.floats(&name("floats")).map(|list| Tensor::vector(list.to_vec()));
    spec.tensor(&name("tensor")).cloned().or_else(texts).or_else(ints).or_else(floats)
}

/// Each element's value in place of it. <https://onnx.ai/onnx/operators/onnx_aionnxml_LabelEncoder.html>
pub fn label_encoder(spec: &mut Spec) -> Result<Operator> {
    if spec.opset() < 2 {
        return encode_classes(spec, "classes_strings");
    }
    let keys = read_list(spec, "keys").ok_or_else(|| spec.invalid("no keys"))?;
    let values = read_list(spec, "values").ok_or_else(|| spec.invalid("no values"))?;
    if keys.len() != values.len() {
        return Err(spec.invalid(&format!("{} keys for {} values", keys.len(), values.len())));
    }
    let places = Places::new(&keys)?;
    let listed = spec.tensor("default_tensor").filter(|default| default.element_type() == values.element_type());
    let default = match (listed, values.element_type()) {
        (Some(default), _) => default.clone(),
        (None, ElementType::String) => Tensor::scalar(spec.text("default_string").unwrap_or("_Unused").to_string()),
        (None, ElementType::Int64) => Tensor::scalar(spec.int_or("default_int64", -1)),
        (None, ElementType::Int32) => Tensor::scalar(spec.int_or("default_int64", -1) as i32),
        (None, ElementType::Int16) => Tensor::scalar(spec.int_or("default_int64", -1) as i16),
        (None, ElementType::Float64) => Tensor::scalar(f64::from(spec.float_or("default_float", -0.0))),
        (None, _) => Tensor::scalar(spec.float_or("default_float", -0.0)),
    };
    single(move |call| map_values(call.tensor(0)?, &places, &values, &default))
}

/// Strings to their places in a list, or the other way around.
fn encode_classes(spec: &Spec, list: &str) -> Result<Operator> {
    let names = spec.texts(list).ok_or_else(|| spec.invalid(&format!("no {list}")))?;
    let numbers = Tensor::vector((0..names.len() as i64).collect());
    encode_both_ways(spec, Tensor::vector(names), numbers)
}

/// Strings to the integers beside them, or the other way around.
fn encode_both_ways(spec: &Spec, names: Tensor, numbers: Tensor) -> Result<Operator> {
    let by_name = Places::new(&names)?;
    let by_number = Places::new(&numbers)?;
    let no_name = Tensor::scalar(spec.text("default_string").unwrap_or("_Unused").to_string());
    let no_number = Tensor::scalar(spec.int_or("default_int64", -1));
    single(move |call| {
        let input = call.tensor(0)?;
        match input.data() {
            Data::Strings(_) => map_values(input, &by_name, &numbers, &no_number),
            _ => map_values(input, &by_number, &names, &no_name),
        }
    })
}

/// Strings to integers, or integers to strings. <https://onnx.ai/onnx/operators/onnx_aionnxml_CategoryMapper.html>
pub fn category_mapper(spec: &mut Spec) -> Result<Operator> {
    let names = spec.texts("cats_strings").unwrap_or_default();
    let numbers = spec.ints("cats_int64s").unwrap_or_default().to_vec();
    if names.len() != numbers.len() {
        return Err(spec.invalid(&format!("{} cats_strings for {} cats_int64s", names.len(), numbers.len())));
    }
    encode_both_ways(spec, Tensor::vector(names), Tensor::vector(numbers))
}

/// A row for each element, with a 1 where its category is.
/// <https://onnx.ai/onnx/operators/onnx_aionnxml_OneHotEncoder.html>
pub fn one_hot_encoder(spec: &mut Spec) -> Result<Operator> {
    let is_lenient = spec.flag("zeros", true);
    let categories = match spec.texts("cats_strings").filter(|list| !list.is_empty()) {
        Some(list) => Tensor::vector(list),
        None => Tensor::vector(spec.ints("cats_int64s").unwrap_or_default().to_vec()),
    };
    if categories.is_empty() {
        return Err(spec.invalid("no categories"));
    }
    let places = Places::new(&categories)?;
    single(move |call| {
        let input = call.tensor(0)?;
        let found = match input.element_type() {
            element_type if element_type.is_float() => {
                let whole: Vec<i64> = input.to_f64s()?.iter().map(|&value| value as i64).collect();
                places.find(&Tensor::vector(whole))?
            }
            _ => places.find(input)?,
        };
        if !is_lenient && found.contains(&None) {
            return Err(Error::execution("an element is none of the categories"));
        }
        let mut dims = input.dims().to_vec();
        dims.push(categories.len());
        let mut values: Vec<f32> = reserve(&dims)?;
        values.resize(found.len() * categories.len(), 0.0);
        for (row, place) in values.chunks_exact_mut(categories.len()).zip(found) {
            place.and_then(|place| row.get_mut(place)).into_iter().for_each(|value| *value = 1.0);
        }
        Tensor::new(&dims, values)
    })
}

/// The place of each value in a list.
pub fn find_all(list: &Tensor, values: &Tensor) -> Result<Vec<Option<usize>>> {
    Places::new(list)?.find(values)
}
