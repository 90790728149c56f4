//! Integers of any size computed as int64.

use crate::error::{Error, Result};
use crate::tensor::{Element, ElementType, Tensor};

/// A tensor of integers of a type, or of bool: higher bits are dropped.
pub fn narrow(to: ElementType, dims: &[usize], values: Vec<i64>) -> Result<Tensor> {
    fn wrap<T: Element>(to: ElementType, dims: &[usize], values: &[i64], function: fn(i64) -> T) -> Result<Tensor> {
        Ok(Tensor::new(dims, values.iter().map(|&value| function(value)).collect::<Vec<T>>())?.retype(to))
    }
    match to {
        ElementType::Int64 => Tensor::new(dims, values),
        ElementType::Uint64 => Ok(Tensor::new(dims, values)?.retype(to)),
        ElementType::Int32 | ElementType::Uint32 => wrap::<i32>(to, dims, &values, |value| value as i32),
        ElementType::Int16 | ElementType::Uint16 => wrap::<i16>(to, dims, &values, |value| value as i16),
        ElementType::Int8 | ElementType::Uint8 => wrap::<i8>(to, dims, &values, |value| value as i8),
        ElementType::Int4 => wrap::<i8>(to, dims, &values, |value| (value << 60 >> 60) as i8),
        ElementType::Uint4 => wrap::<i8>(to, dims, &values, |value| (value & 15) as i8),
        ElementType::Int2 => wrap::<i8>(to, dims, &values, |value| (value << 62 >> 62) as i8),
        ElementType::Uint2 => wrap::<i8>(to, dims, &values, |value| (value & 3) as i8),
        ElementType::Bool => wrap::<bool>(to, dims, &values, |value| value != 0),
        other => Err(Error::execution(format!("integers cannot become {}", other.name()))),
    }
}
