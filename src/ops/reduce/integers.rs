//! All integer types as int64 and back.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use crate::error::Result;
use crate::tensor::{ElementType, Tensor};

/// The elements as int64. Where they are to be compared, unsigned ones of 64 bits have their first bit flipped, which keeps
/// their order.
pub fn lift(tensor: &Tensor, is_ordered: bool) -> Result<Cow<'_, [i64]>> {
    let values = tensor.to_i64s()?;
    if is_ordered && tensor.element_type() == ElementType::Uint64 {
        return Ok(values.iter().map(|&value| value ^ i64::MIN).collect());
    }
    Ok(values)
}

/// The least and the greatest number of a type.
pub fn bounds_of(element_type: ElementType) -> RangeInclusive<i64> {
    match element_type {
        ElementType::Bool => 0..=1,
        ElementType::Int8 => -128..=127,
        ElementType::Uint8 => 0..=255,
        ElementType::Int16 => i64::from(i16::MIN)..=i64::from(i16::MAX),
        ElementType::Uint16 => 0..=i64::from(u16::MAX),
        ElementType::Int32 => i64::from(i32::MIN)..=i64::from(i32::MAX),
        ElementType::Uint32 => 0..=i64::from(u32::MAX),
        _ => i64::MIN..=i64::MAX,
    }
}
