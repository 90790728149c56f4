//! Features put together and picked.

use super::rows_of;
use crate::error::{Error, Result};
use crate::ops::{Operator, Spec, single};
use crate::tensor::{Bits, ElementType, Tensor, fill, reserve};
use crate::value::{Map, Value};

/// Columns of the last axis. <https://onnx.ai/onnx/operators/onnx_aionnxml_ArrayFeatureExtractor.html>
pub fn array_feature_extractor(_: &mut Spec) -> Result<Operator> {
    fn pick<T: Bits>(input: &Tensor, places: &[usize], dims: &[usize], columns: usize) -> Result<Tensor> {
        let rows = input.bits::<T>()?.chunks_exact(columns.max(1));
        let mut picked = Vec::with_capacity(dims.iter().product());
        for row in rows {
            picked.extend(places.iter().filter_map(|&place| row.get(place)).cloned());
        }
        Tensor::from_bits(input.element_type(), dims, picked)
    }
    single(|call| {
        let (input, places) = (call.tensor(0)?, call.tensor(1)?.to_i64s()?);
        let outside = || Error::execution("expected at least one axis");
        let (&columns, outer) = input.dims().split_last().ok_or_else(outside)?;
        let find = |&place: &i64| usize::try_from(place).ok().filter(|&place| place < columns);
        let found: Option<Vec<usize>> = places.iter().map(find).collect();
        let found = found.ok_or_else(|| Error::execution(format!("an index outside {columns} columns")))?;
        if found.is_empty() {
            return Err(Error::execution("expected at least one index"));
        }
        // A single row stays one, as onnxruntime has it.
        let mut dims = if outer.is_empty() { vec![1] } else { outer.to_vec() };
        dims.push(found.len());
        reserve::<u64>(&dims)?;
        crate::with_bits!(input, T => pick::<T>(input, &found, &dims, columns))
    })
}

/// Rows of all inputs side by side, as float32. <https://onnx.ai/onnx/operators/onnx_aionnxml_FeatureVectorizer.html>
pub fn feature_vectorizer(spec: &mut Spec) -> Result<Operator> {
    let widths = spec.sizes("inputdimensions")?.unwrap_or_default();
    single(move |call| {
        let inputs = (0..call.len()).map(|index| call.tensor(index)).collect::<Result<Vec<&Tensor>>>()?;
        let Some(&first) = inputs.first() else { return Err(Error::execution("expected at least one input")) };
        let (rows, own) = rows_of(first)?;
        let width_of = |index: usize| widths.get(index).copied().unwrap_or(own);
        let total = if widths.is_empty() { own * inputs.len() } else { widths.iter().sum() };
        let mut values = fill(&[rows, total], 0f32)?;
        let mut start = 0;
        for (index, input) in inputs.into_iter().enumerate() {
            let (count, columns) = rows_of(input)?;
            if count != rows {
                return Err(Error::execution(format!("expected {rows} rows, got {input}")));
            }
            // What an input has more than its size is left out, and what it has less is 0.
            let width = width_of(index);
            let own = input.to_f32s()?;
            for (row, own) in values.chunks_exact_mut(total.max(1)).zip(own.chunks_exact(columns.max(1))) {
                let places = row.iter_mut().skip(start).take(width);
                places.zip(own).for_each(|(place, &value)| *place = value);
            }
            start += width;
        }
        Tensor::new(&[rows, total], values)
    })
}

fn map_of(value: &Value) -> Result<&Map> {
    match value {
        Value::Map(map) => Ok(map),
        other => Err(Error::execution(format!("expected a map, got {other}"))),
    }
}

/// A value for each word of a vocabulary. <https://onnx.ai/onnx/operators/onnx_aionnxml_DictVectorizer.html>
pub fn dict_vectorizer(spec: &mut Spec) -> Result<Operator> {
    let words = super::labels::Labels::read(spec, "string_vocabulary", "int64_vocabulary").to_tensor();
    fn spread<T: Bits>(map: &Map, places: &[Option<usize>], count: usize) -> Result<Tensor> {
        let values = map.values.bits::<T>()?;
        let pick = |place: &Option<usize>| place.and_then(|place| values.get(place)).cloned().unwrap_or_default();
        Tensor::from_bits(map.values.element_type(), &[1, count], places.iter().map(pick).collect())
    }
    single(move |call| {
        let map = map_of(call.value(0)?)?;
        let places = super::encode::find_all(&map.keys, &words)?;
        crate::with_bits!(map.values, T => spread::<T>(map, &places, words.len()))
    })
}

/// A map's values in the order of its keys, or at the places that they name.
/// <https://onnx.ai/onnx/operators/onnx_aionnxml_CastMap.html>
pub fn cast_map(spec: &mut Spec) -> Result<Operator> {
    let is_sparse = match spec.text_or("map_form", "DENSE") {
        "DENSE" => false,
        "SPARSE" => true,
        other => return Err(spec.invalid(&format!("map_form={other}"))),
    };
    let size = usize::try_from(spec.int_or("max_map", 1)).unwrap_or(0);
    let to = match spec.text_or("cast_to", "TO_FLOAT") {
        "TO_FLOAT" => ElementType::Float32,
        "TO_STRING" => ElementType::String,
        "TO_INT64" => ElementType::Int64,
        other => return Err(spec.invalid(&format!("cast_to={other}"))),
    };
    single(move |call| {
        let map = map_of(call.value(0)?)?;
        let keys = map.keys.to_i64s()?;
        let mut order: Vec<(i64, usize)> = keys.iter().copied().zip(0..).collect();
        order.sort_unstable();
        let count = if is_sparse { size } else { order.len() };
        let mut sources: Vec<Option<usize>> = vec![None; count];
        for (rank, &(key, source)) in order.iter().enumerate() {
            let place = if is_sparse { usize::try_from(key).unwrap_or(usize::MAX) } else { rank };
            let outside = || Error::execution(format!("key {key} is outside a tensor of {count}"));
            *sources.get_mut(place).ok_or_else(outside)? = Some(source);
        }
        cast_values(&map.values, &sources, to)
    })
}

/// The values at places, of another type; 0 or an empty string where there is none.
fn cast_values(values: &Tensor, sources: &[Option<usize>], to: ElementType) -> Result<Tensor> {
    let texts: Option<Vec<String>> = match (values.slice::<String>(), to) {
        (Ok(texts), _) => Some(texts.to_vec()),
        (Err(_), ElementType::String) => Some(values.to_f32s()?.iter().map(f32::to_string).collect()),
        _ => None,
    };
    let dims = [1, sources.len()];
    let Some(texts) = texts else {
        let numbers = values.to_f32s()?;
        let numbers =
            sources.iter().map(|source| source.and_then(|source| numbers.get(source)).copied().unwrap_or(0.0));
        return match to {
            ElementType::Int64 => Tensor::new(&dims, numbers.map(|number| number as i64).collect()),
            _ => Tensor::new(&dims, numbers.collect()),
        };
    };
    let picked = sources.iter().map(|source| source.and_then(|source| texts.get(source)));
    let wrong = |text: &str| Error::execution(format!("\"{text}\" is no number"));
    match to {
        ElementType::String => Tensor::new(&dims, picked.map(|text| text.cloned().unwrap_or_default()).collect()),
        ElementType::Int64 => {
            let parse = |text: Option<&String>| text.map_or(Ok(0), |text| text.trim().parse().map_err(|_| wrong(text)));
            Tensor::new::<i64>(&dims, picked.map(parse).collect::<Result<_>>()?)
        }
        _ => {
            let parse =
                |text: Option<&String>| text.map_or(Ok(0.0), |text| text.trim().parse().map_err(|_| wrong(text)));
            Tensor::new::<f32>(&dims, picked.map(parse).collect::<Result<_>>()?)
        }
    }
}
