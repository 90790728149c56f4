//! Dropout, which does nothing outside training.

use super::Source;
use crate::error::{Error, Result};
use crate::ops::cast::{cast, lower};
use crate::ops::{Call, Operator, Spec, several};
use crate::tensor::{ElementType, Tensor, fill, reserve};
use crate::value::Value;

/// Outside training nothing is dropped, and the mask says so; before opset 12 the mask is 0 all over, as in onnxruntime.
/// <https://onnx.ai/onnx/operators/onnx__Dropout.html>
pub(super) fn dropout(spec: &mut Spec) -> Result<Operator> {
    let source = Source::new(spec);
    let opset = spec.opset();
    if opset < 7 && !spec.flag("is_test", false) {
        return Err(spec.unsupported("is_test=0"));
    }
    several(move |call| {
        let is_training = call.optional(2)?.map(|tensor| tensor.only::<bool>()).transpose()?.unwrap_or(false);
        let ratio = call.optional(1)?.filter(|_| is_training).map(read_ratio).transpose()?;
        match ratio.or(is_training.then_some(0.5)) {
            Some(ratio) if ratio != 0.0 => drop_elements(call, &source, ratio),
            _ => pass(call, opset),
        }
    })
}

fn read_ratio(tensor: &Tensor) -> Result<f64> {
    match *cast(tensor.clone(), ElementType::Float64)?.to_f64s()? {
        [ratio] if (0.0..1.0).contains(&ratio) => Ok(ratio),
        [ratio] => Err(Error::execution(format!("expected a ratio from 0 to below 1, got {ratio}"))),
        _ => Err(Error::execution(format!("expected one ratio, got {tensor}"))),
    }
}

fn pass(call: &mut Call, opset: i64) -> Result<Vec<Value>> {
    let tensor = call.take(0)?;
    if !call.wants(1) {
        return Ok(vec![tensor.into()]);
    }
    let mask_type = if opset < 10 { tensor.element_type() } else { ElementType::Bool };
    let mask = match opset {
        12.. => Tensor::new(tensor.dims(), fill(tensor.dims(), true)?)?,
        _ => Tensor::zeros(mask_type, tensor.dims())?,
    };
    Ok(vec![tensor.into(), mask.into()])
}

/// What is kept grows by as much as is dropped, so that sums stay about the same.
fn drop_elements(call: &mut Call, source: &Source, ratio: f64) -> Result<Vec<Value>> {
    let tensor = call.tensor(0)?;
    let mut mask: Vec<bool> = reserve(tensor.dims())?;
    source.draw(|stream| mask.extend((0..tensor.len()).map(|_| stream.fine_uniform() >= ratio)));
    let mut values: Vec<f64> = reserve(tensor.dims())?;
    let numbers = tensor.to_f64s()?;
    values.extend(numbers.iter().zip(&mask).map(|(x, &is_kept)| if is_kept { x / (1.0 - ratio) } else { 0.0 }));
    let kept = lower(tensor.element_type(), tensor.dims(), values)?;
    let mask = Tensor::new(tensor.dims(), mask)?;
    Ok(vec![kept.into(), mask.into()])
}
