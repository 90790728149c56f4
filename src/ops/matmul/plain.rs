//! Products of element types that no kernel is made for.

use super::operand::Operand;
use crate::error::{Error, Result};
use crate::tensor::{ElementType, Tensor, fill};

/// The products of pairs of matrices that start at `starts`, in float64 or in integers that wrap around.
pub fn multiply_plain(
    a: &Tensor,
    b: &Tensor,
    (left, right): (&Operand, &Operand),
    dims: &[usize],
    starts: &[(usize, usize)],
) -> Result<Tensor> {
    if a.element_type() != b.element_type() {
        return Err(Error::execution("expected operands of one type"));
    }
    if a.element_type() == ElementType::Float64 {
        let mut values = fill(dims, 0.0f64)?;
        multiply_all(a.slice()?, b.slice()?, (left, right), starts, &mut values, |sum, a, b| sum + a * b);
        return Tensor::new(dims, values);
    }
    let mut values = fill(dims, 0i64)?;
    let step = |sum: i64, a: i64, b: i64| sum.wrapping_add(a.wrapping_mul(b));
    multiply_all(&a.to_i64s()?, &b.to_i64s()?, (left, right), starts, &mut values, step);
    narrow(a.element_type(), dims, values)
}

fn multiply_all<T: Copy + Default>(
    a: &[T],
    b: &[T],
    (left, right): (&Operand, &Operand),
    starts: &[(usize, usize)],
    to: &mut [T],
    step: impl Fn(T, T, T) -> T,
) {
    let size = (left.rows * right.columns).max(1);
    for (&(a_start, b_start), to) in starts.iter().zip(to.chunks_exact_mut(size)) {
        for (row, to) in to.chunks_exact_mut(right.columns.max(1)).enumerate() {
            for inner in 0..left.columns {
                let at = a_start + row * left.row_stride + inner * left.column_stride;
                let factor = a.get(at).copied().unwrap_or_default();
                let start = b_start + inner * right.row_stride;
                let elements = b.get(start..).unwrap_or_default().iter().step_by(right.column_stride.max(1));
                to.iter_mut().zip(elements).for_each(|(to, element)| *to = step(*to, factor, *element));
            }
        }
    }
}

/// Integers as a type of fewer bits, wrapped around.
pub fn narrow(element_type: ElementType, dims: &[usize], values: Vec<i64>) -> Result<Tensor> {
    let values = values.into_iter();
    match element_type.bytes() {
        1 => Tensor::from_bits(element_type, dims, values.map(|value| value as u8).collect()),
        2 => Tensor::from_bits(element_type, dims, values.map(|value| value as u16).collect()),
        4 => Tensor::from_bits(element_type, dims, values.map(|value| value as u32).collect()),
        _ => Tensor::from_bits(element_type, dims, values.map(|value| value as u64).collect()),
    }
}
