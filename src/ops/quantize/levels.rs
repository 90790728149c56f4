//! Scales and zero points as they are given.

use std::borrow::Cow;

use super::Minifloat;
use crate::error::{Error, Result};
use crate::kernels::int8::Levels;
use crate::tensor::{ElementType, Tensor};

/// The levels of an integer type, with 0 for 0.
pub fn find_levels(element_type: ElementType) -> Result<Levels> {
    let (low, high) = match element_type {
        ElementType::Uint8 => (0, 255),
        ElementType::Int8 => (-128, 127),
        ElementType::Uint16 => (0, 65535),
        ElementType::Int16 => (-32768, 32767),
        ElementType::Uint4 => (0, 15),
        ElementType::Int4 => (-8, 7),
        ElementType::Uint2 => (0, 3),
        ElementType::Int2 => (-2, 1),
        _ => return Err(Error::execution(format!("expected a quantised type, got {}", element_type.name()))),
    };
    Ok(Levels { low, high, zero: 0 })
}

/// The levels of a type that a zero point, which must be one number, gives.
pub fn read_levels(zero: &Tensor) -> Result<Levels> {
    let levels = find_levels(zero.element_type())?;
    match read_zeros(Some(zero))?.as_slice() {
        [zero] => Ok(Levels { zero: *zero, ..levels }),
        _ => Err(Error::execution(format!("expected one zero point, got {zero}"))),
    }
}

/// Zero points; none where they are left out.
pub fn read_zeros(zeros: Option<&Tensor>) -> Result<Vec<i32>> {
    let Some(zeros) = zeros else { return Ok(Vec::new()) };
    Ok(zeros.to_i64s()?.iter().map(|&zero| zero as i32).collect())
}

/// Scales, which may be powers of two in a byte.
pub fn read_scales(scales: &Tensor) -> Result<Cow<'_, [f32]>> {
    match Minifloat::of(scales.element_type()) {
        Some(format) => Ok(format.decode_all(scales)?.into()),
        None => scales.to_f32s(),
    }
}
