//! Bytes with one scale and one zero point.

use super::product::read_sign;
use crate::error::Result;
use crate::kernels::int8::{self, Levels};
use crate::ops::Call;
use crate::ops::quantize::{find_levels, is_signed_byte, read_levels};
use crate::tensor::{ElementType, Tensor};

/// What the bytes of a tensor stand for.
#[derive(Clone, Copy)]
pub struct Affine {
    pub scale: f32,
    pub levels: Levels,
    pub is_signed: bool,
}

impl Affine {
    /// From the inputs `scale` and `scale + 1`, the latter of which may be missing.
    pub fn read(call: &Call, scale: usize, element_type: ElementType) -> Result<Affine> {
        Affine::new(call.tensor(scale)?, call.optional(scale + 1)?, element_type)
    }

    /// What the bytes of `tensor` stand for.
    pub fn of(scale: &Tensor, zero: Option<&Tensor>, tensor: &Tensor) -> Result<Affine> {
        read_sign(tensor)?;
        Affine::new(scale, zero, tensor.element_type())
    }

    fn new(scale: &Tensor, zero: Option<&Tensor>, element_type: ElementType) -> Result<Affine> {
        let levels = match zero {
            Some(zero) => read_levels(zero)?,
            None => find_levels(element_type)?,
        };
        Ok(Affine { scale: scale.only::<f32>()?, levels, is_signed: is_signed_byte(element_type) })
    }

    /// The level of a byte.
    pub fn level(self, byte: u8) -> i32 {
        if self.is_signed { i32::from(byte as i8) } else { i32::from(byte) }
    }

    /// The real value of a byte.
    pub fn decode(self, byte: u8) -> f32 {
        (self.level(byte) - self.levels.zero) as f32 * self.scale
    }

    /// The byte of a real value.
    pub fn encode(self, value: f32) -> u8 {
        int8::round_within(value / self.scale, self.levels) as u8
    }

    /// The real values of bytes.
    pub fn decode_all(self, bytes: &[u8]) -> Result<Vec<f32>> {
        let mut out = crate::tensor::fill(&[bytes.len()], 0f32)?;
        int8::dequantise(bytes, self.is_signed, self.scale, self.levels.zero, &mut out);
        Ok(out)
    }

    /// Real values as a tensor of bytes.
    pub fn encode_all(self, dims: &[usize], values: &[f32], element_type: ElementType) -> Result<Tensor> {
        let mut out = crate::tensor::fill(dims, 0u8)?;
        int8::quantise(values, self.scale, self.levels, &mut out);
        Tensor::from_bits(element_type, dims, out)
    }

    /// What a function of the real value makes of every byte.
    pub fn tabulate(self, to: Affine, f: impl Fn(f32) -> f32) -> [u8; 256] {
        std::array::from_fn(|byte| to.encode(f(self.decode(byte as u8))))
    }
}

/// Replaces every byte by its entry of a table.
pub fn look_up(table: &[u8; 256], bytes: &mut [u8]) {
    for byte in bytes {
        *byte = table.get(usize::from(*byte)).copied().unwrap_or_default();
    }
}
