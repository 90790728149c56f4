//! Integers of any size computed as int64.

use crate::error::Result;
use crate::tensor::{ElementType, Tensor};

/// A tensor of an integer type, or of bool, from its elements as int64; what does not fit wraps around, and a bool is
/// whether it is other than 0.
pub fn narrow(values: &[i64], element_type: ElementType, dims: &[usize]) -> Result<Tensor> {
    match (element_type, element_type.bytes()) {
        (ElementType::Bool, _) => Tensor::new(dims, values.iter().map(|&value| value != 0).collect()),
        (_, 1) => Tensor::from_bits::<u8>(element_type, dims, values.iter().map(|&value| value as u8).collect()),
        (_, 2) => Tensor::from_bits::<u16>(element_type, dims, values.iter().map(|&value| value as u16).collect()),
        (_, 4) => Tensor::from_bits::<u32>(element_type, dims, values.iter().map(|&value| value as u32).collect()),
        _ => Tensor::from_bits::<u64>(element_type, dims, values.iter().map(|&value| value as u64).collect()),
    }
}
