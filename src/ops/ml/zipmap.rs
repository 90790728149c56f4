//! Scores as maps from labels.

use std::sync::Arc;

use super::labels::Labels;
use super::rows_of;
use crate::error::{Error, Result};
use crate::ops::{Operator, Spec, several};
use crate::tensor::Tensor;
use crate::value::{Map, Value};

/// A sequence of maps, one a row. <https://onnx.ai/onnx/operators/onnx_aionnxml_ZipMap.html>
pub fn zip_map(spec: &mut Spec) -> Result<Operator> {
    let labels = Labels::read(spec, "classlabels_strings", "classlabels_int64s");
    let keys = labels.to_tensor();
    several(move |call| {
        let input = call.tensor(0)?;
        let (rows, columns) = rows_of(input)?;
        if columns != keys.len() {
            return Err(Error::execution(format!("expected rows of {}, got {input}", keys.len())));
        }
        let scores = input.to_f32s()?;
        let to_map = |row: &[f32]| {
            let map = Map { keys: keys.clone(), values: Tensor::vector(row.to_vec()) };
            Value::Map(Arc::new(map))
        };
        let maps: Vec<Value> = scores.chunks(columns.max(1)).take(rows).map(to_map).collect();
        Ok(vec![maps.into()])
    })
}
