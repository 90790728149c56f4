//! Features made ready one by one, or row by row.

use super::rows_of;
use crate::error::{Error, Result};
use crate::ops::{Operator, Spec, single};
use crate::tensor::{ElementType, Tensor};

/// A value for each feature, or one for all.
fn fit<T: Copy>(values: &[T], features: usize) -> Result<impl Iterator<Item = T> + '_> {
    let count = values.len();
    if count != 1 && count != features {
        return Err(Error::execution(format!("expected rows of {count}, got rows of {features}")));
    }
    Ok(values.iter().copied().cycle().take(features))
}

/// `(x - offset) * scale` as float32. <https://onnx.ai/onnx/operators/onnx_aionnxml_Scaler.html>
pub fn scaler(spec: &mut Spec) -> Result<Operator> {
    let offset = spec.floats("offset").unwrap_or(&[0.0]).to_vec();
    let scale = spec.floats("scale").unwrap_or(&[1.0]).to_vec();
    if offset.is_empty() || scale.is_empty() {
        return Err(spec.invalid("no offset or scale"));
    }
    single(move |call| {
        let input = call.take(0)?;
        let dims = input.dims().to_vec();
        let (_, features) = rows_of(&input)?;
        let mut values = match input.element_type() {
            ElementType::Float32 => input.into_vec::<f32>()?,
            // Large numbers lose what tells them apart unless the offset is taken off first.
            _ => {
                let factors: Vec<(f32, f32)> = fit(&offset, features)?.zip(fit(&scale, features)?).collect();
                let scaled = input.to_f64s()?;
                let scaled = scaled.iter().zip(factors.iter().cycle());
                let scaled =
                    scaled.map(|(&value, &(offset, scale))| ((value - f64::from(offset)) * f64::from(scale)) as f32);
                return Tensor::new(&dims, scaled.collect());
            }
        };
        for row in values.chunks_mut(features.max(1)) {
            for ((value, offset), scale) in row.iter_mut().zip(fit(&offset, features)?).zip(fit(&scale, features)?) {
                *value = (*value - offset) * scale;
            }
        }
        Tensor::new(&dims, values)
    })
}

/// Rows divided by their norm. <https://onnx.ai/onnx/operators/onnx_aionnxml_Normalizer.html>
pub fn normalizer(spec: &mut Spec) -> Result<Operator> {
    let norm: fn(&[f32]) -> f32 = match spec.text_or("norm", "MAX") {
        "MAX" => |row| row.iter().copied().fold(f32::MIN, f32::max),
        "L1" => |row| row.iter().map(|value| value.abs()).sum(),
        "L2" => |row| row.iter().map(|value| value * value).sum::<f32>().sqrt(),
        other => return Err(spec.invalid(&format!("norm={other}"))),
    };
    single(move |call| {
        let input = call.take(0)?;
        let dims = input.dims().to_vec();
        // Only these have rows that stand one behind the other in memory.
        let (_, features) = rows_of(&input)?;
        let mut values = match input.element_type() {
            ElementType::Float32 => input.into_vec::<f32>()?,
            _ => input.to_f32s()?.into_owned(),
        };
        for row in values.chunks_mut(features.max(1)) {
            let divisor = norm(row);
            if divisor != 0.0 {
                row.iter_mut().for_each(|value| *value /= divisor);
            }
        }
        Tensor::new(&dims, values)
    })
}

/// Values in place of missing ones. <https://onnx.ai/onnx/operators/onnx_aionnxml_Imputer.html>
pub fn imputer(spec: &mut Spec) -> Result<Operator> {
    let floats = spec.floats("imputed_value_floats").unwrap_or_default().to_vec();
    let ints = spec.ints("imputed_value_int64s").unwrap_or_default().to_vec();
    let (float, int) = (spec.float_or("replaced_value_float", 0.0), spec.int_or("replaced_value_int64", 0));
    if floats.is_empty() && ints.is_empty() {
        return Err(spec.invalid("no imputed_value_floats and no imputed_value_int64s"));
    }
    single(move |call| {
        let input = call.take(0)?;
        match input.element_type() {
            ElementType::Float32 => {
                impute(input, &floats, |value: f32| value == float || value.is_nan() && float.is_nan())
            }
            ElementType::Float64 => {
                let (values, missing) = (floats.iter().copied().map(f64::from).collect::<Vec<_>>(), f64::from(float));
                impute(input, &values, |value: f64| value == missing || value.is_nan() && missing.is_nan())
            }
            ElementType::Int64 => impute(input, &ints, |value: i64| value == int),
            _ => {
                let values: Vec<i32> = ints.iter().map(|&value| value as i32).collect();
                impute(input, &values, |value: i32| i64::from(value) == int)
            }
        }
    })
}

fn impute<T: crate::tensor::Element + Copy>(
    input: Tensor,
    imputed: &[T],
    is_missing: impl Fn(T) -> bool,
) -> Result<Tensor> {
    let dims = input.dims().to_vec();
    let features = dims.last().copied().unwrap_or(1);
    let mut values = input.into_vec::<T>()?;
    for row in values.chunks_mut(features.max(1)) {
        for (value, imputed) in row.iter_mut().zip(fit(imputed, features)?) {
            if is_missing(*value) {
                *value = imputed;
            }
        }
    }
    Tensor::new(&dims, values)
}
