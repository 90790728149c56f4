//! What signals and spectra are weighted with.

use std::f64::consts::PI;

use crate::error::{Error, Result};
use crate::ops::cast::lower;
use crate::ops::{Call, Operator, Spec, single};
use crate::tensor::{ElementType, Tensor, reserve};

/// <https://onnx.ai/onnx/operators/onnx__HannWindow.html>
pub fn hann(spec: &mut Spec) -> Result<Operator> {
    make_window(spec, [0.5, 0.5, 0.0])
}

/// <https://onnx.ai/onnx/operators/onnx__HammingWindow.html>
pub fn hamming(spec: &mut Spec) -> Result<Operator> {
    make_window(spec, [25.0 / 46.0, 21.0 / 46.0, 0.0])
}

/// <https://onnx.ai/onnx/operators/onnx__BlackmanWindow.html>
pub fn blackman(spec: &mut Spec) -> Result<Operator> {
    make_window(spec, [0.42, 0.5, 0.08])
}

/// A sum of cosines: `a - b cos(x) + c cos(2 x)`, x going round once.
fn make_window(spec: &mut Spec, [a, b, c]: [f64; 3]) -> Result<Operator> {
    let is_periodic = spec.flag("periodic", true);
    let element_type = spec.element_type("output_datatype")?.unwrap_or(ElementType::Float32);
    single(move |call| {
        let size = read_size(call, 0)?;
        let round = (if is_periodic { size } else { size.saturating_sub(1) }) as f64;
        let mut values: Vec<f64> = reserve(&[size])?;
        values.extend((0..size).map(|index| {
            let angle = 2.0 * PI * index as f64 / round;
            // In this order the sum of all is 1.
            c * (2.0 * angle).cos() - b * angle.cos() + a
        }));
        lower(element_type, &[size], values)
    })
}

/// An input of one integer that counts something.
pub fn read_size(call: &Call, index: usize) -> Result<usize> {
    let values = call.tensor(index)?.to_i64s()?;
    match values.as_ref() {
        [value] => usize::try_from(*value).map_err(|_| Error::execution(format!("input {index} is {value}"))),
        _ => Err(Error::execution(format!("expected one number for input {index}"))),
    }
}

/// The arithmetic is that of onnxruntime, in float32: which bins a triangle takes hangs on its rounding.
/// <https://onnx.ai/onnx/operators/onnx__MelWeightMatrix.html>
pub fn mel_weights(spec: &mut Spec) -> Result<Operator> {
    let element_type = spec.element_type("output_datatype")?.unwrap_or(ElementType::Float32);
    single(move |call| {
        let (bins, length, rate) = (read_size(call, 0)?, read_size(call, 1)?, read_size(call, 2)?);
        let (low, high) = (read_hertz(call.tensor(3)?)?, read_hertz(call.tensor(4)?)?);
        let rows = length / 2 + 1;
        let to_mel = |hertz: f32| 2595.0 * (1.0 + hertz / 700.0).log10();
        let (low, high) = (to_mel(low), to_mel(high));
        let step = (high - low) / (bins as f32 + 2.0);
        let edge = |index: usize| {
            let hertz = 700.0 * (10f32.powf((index as f32 * step + low) / 2595.0) - 1.0);
            let row = ((length as f32 + 1.0) * hertz / rate as f32).floor();
            // NaN is outside too.
            let inside = row >= 0.0 && row < rows as f32;
            if inside { Ok(row as usize) } else { Err(Error::execution("the edges are outside the spectrum")) }
        };
        let mut values: Vec<f64> = crate::tensor::fill(&[rows, bins], 0.0)?;
        for bin in 0..bins {
            let (start, center, end) = (edge(bin)?, edge(bin + 1)?, edge(bin + 2)?);
            for row in start.min(center)..end.max(center + 1) {
                let weight = match row {
                    _ if row == center => 1.0,
                    _ if row < center => (row - start) as f64 / (center - start) as f64,
                    _ => (end - row) as f64 / (end - center) as f64,
                };
                values.get_mut(row * bins + bin).into_iter().for_each(|value| *value = weight);
            }
        }
        lower(element_type, &[rows, bins], values)
    })
}

fn read_hertz(tensor: &Tensor) -> Result<f32> {
    match tensor.to_f32s()?.as_ref() {
        [value] => Ok(*value),
        _ => Err(Error::execution("expected one number for an edge")),
    }
}
