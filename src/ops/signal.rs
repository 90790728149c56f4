//! Signals and their spectra.

mod spectrum;
mod window;

use super::{Entry, onnx};
use crate::error::{Error, Result};
use crate::tensor::{ElementType, Tensor};

pub const ENTRIES: &[Entry] = &[
    onnx("BlackmanWindow", window::blackman),
    onnx("DFT", spectrum::dft),
    onnx("HammingWindow", window::hamming),
    onnx("HannWindow", window::hann),
    onnx("MelWeightMatrix", window::mel_weights),
    onnx("STFT", spectrum::stft),
];

/// Numbers as a tensor of any numeric type, rounded towards zero where that is one of integers; bool is whether they are not 0.
pub(super) fn lower(element_type: ElementType, dims: &[usize], values: Vec<f64>) -> Result<Tensor> {
    macro_rules! lower {
        ($($name:ident => $type:ty),*) => {
            match element_type {
                ElementType::Float64 => Tensor::new(dims, values),
                ElementType::Bool => Tensor::new(dims, values.into_iter().map(|value| value != 0.0).collect()),
                $(ElementType::$name => Tensor::new(dims, values.into_iter().map(|value| value as $type).collect()),)*
                _ => Err(Error::execution(format!("no numbers of type {}", element_type.name()))),
            }
        };
    }
    lower!(Float32 => f32, Int8 => i8, Int16 => i16, Int32 => i32, Int64 => i64, Uint8 => u8, Uint16 => u16,
        Uint32 => u32, Uint64 => u64)
}
