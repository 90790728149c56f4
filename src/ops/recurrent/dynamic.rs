//! LSTM with weights of 8 bits.

use super::weights::Weights;
use super::{Kind, Layer, sequence};
use crate::error::{Error, Result};
use crate::kernels::recurrent::Real;
use crate::ops::{Operator, Spec, several};
use crate::tensor::{Tensor, reserve};

/// The weights become float32 at load, and inputs and states are rounded to 8 bits before they are multiplied, so that sums
/// are those of integers up to the rounding of float32.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.DynamicQuantizeLSTM>
pub fn dynamic_lstm(spec: &mut Spec) -> Result<Operator> {
    let layer = Layer { rounds: true, ..Layer::new(spec, Kind::Lstm)? };
    let constants = (1..4).chain(8..12).map(|index| spec.constant(index).cloned()).collect::<Vec<_>>();
    if let [Some(w), Some(r), b, Some(w_scale), w_zero, Some(r_scale), r_zero] = constants.as_slice()
        && (b.is_some() || !spec.has_input(3))
    {
        let w = dequantize(w, w_scale, w_zero.as_ref())?;
        let r = dequantize(r, r_scale, r_zero.as_ref())?;
        let weights = Weights::<f32>::new(&layer, &w, &r, b.as_ref())?;
        (1..4).for_each(|index| drop(spec.consume(index)));
        return several(move |call| sequence::run(&layer, &weights, call));
    }
    several(move |call| {
        let w = dequantize(call.tensor(1)?, call.tensor(8)?, call.optional(9)?)?;
        let r = dequantize(call.tensor(2)?, call.tensor(10)?, call.optional(11)?)?;
        let weights = Weights::<f32>::new(&layer, &w, &r, call.optional(3)?)?;
        sequence::run(&layer, &weights, call)
    })
}

/// The weights of each direction as LSTM has them: transposed, and float32. Scale and zero point are one for each direction,
/// or one for each column of it.
fn dequantize(weights: &Tensor, scale: &Tensor, zero: Option<&Tensor>) -> Result<Tensor> {
    let &[directions, rows, columns] = weights.dims() else {
        return Err(Error::invalid("expected weights of 3 axes"));
    };
    let scales = scale.slice::<f32>()?;
    let zeros = zero.map(Tensor::to_i64s).transpose()?;
    let quantized = weights.to_i64s()?;
    let group = (directions * columns) / scales.len().max(1);
    if scales.len() * group != directions * columns
        || !(group == columns || group == 1)
        || zeros.as_ref().is_some_and(|zeros| zeros.len() != scales.len())
    {
        return Err(Error::invalid(format!("weights {weights} and scales {scale} that do not fit")));
    }
    let dims = [directions, columns, rows];
    let mut values: Vec<f32> = reserve(&dims)?;
    for column in 0..directions * columns {
        let (direction, inside) = (column / columns.max(1), column % columns.max(1));
        let scale = scales.get(column / group.max(1)).copied().unwrap_or_default();
        let zero = zeros.as_ref().and_then(|zeros| zeros.get(column / group.max(1))).copied().unwrap_or_default();
        let elements = quantized.iter().skip(direction * rows * columns + inside).step_by(columns.max(1)).take(rows);
        values.extend(elements.map(|&element| (element - zero) as f32 * scale));
    }
    Tensor::new(&dims, values)
}

/// Rounds values to the nearest of 256 between the least and the greatest of them, zero among these.
pub fn round_to_bytes<T: Real>(values: &mut [T]) {
    let (low, high) = values.iter().fold((0f64, 0f64), |(low, high), value| {
        let value = value.to_f64();
        (low.min(value), high.max(value))
    });
    let scale = if low == high { 1.0 } else { ((high - low) as f32 / 255.0) as f64 };
    let zero = (-low / scale).round_ties_even().clamp(0.0, 255.0);
    for value in values {
        let byte = ((value.to_f64() / scale).round_ties_even() + zero).clamp(0.0, 255.0);
        *value = T::from_f64((byte - zero) * scale);
    }
}
