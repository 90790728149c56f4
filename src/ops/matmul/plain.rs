//! Products of element types that no kernel is made for.

use super::operand::Operand;
use crate::error::{Error, Result};
use crate::kernels::gemm::Shape;
use crate::kernels::product::Factor;
use crate::ops::integer::narrow;
use crate::tensor::{ElementType, Tensor, fill};

/// The products of pairs of matrices that start at `starts`, in float64 or in integers that wrap around.
pub fn multiply_plain(
    a: &Tensor,
    b: &Tensor,
    operands: (&Operand, &Operand),
    dims: &[usize],
    starts: &[(usize, usize)],
) -> Result<Tensor> {
    if a.element_type() != b.element_type() {
        return Err(Error::execution("expected operands of one type"));
    }
    if a.element_type() == ElementType::Float64 {
        let mut values = fill(dims, 0.0f64)?;
        multiply_all(a.slice()?, b.slice()?, operands, starts, &mut values)?;
        return Tensor::new(dims, values);
    }
    let mut values = fill(dims, 0i64)?;
    multiply_all(&a.to_i64s()?, &b.to_i64s()?, operands, starts, &mut values)?;
    narrow(a.element_type(), dims, values)
}

fn multiply_all<T: Factor>(
    a: &[T],
    b: &[T],
    (left, right): (&Operand, &Operand),
    starts: &[(usize, usize)],
    to: &mut [T],
) -> Result<()> {
    let shape = Shape { m: left.rows, k: left.columns, n: right.columns };
    for (&(a_start, b_start), to) in starts.iter().zip(to.chunks_exact_mut((shape.m * shape.n).max(1))) {
        T::multiply(shape, left.matrix(a, a_start), right.matrix(b, b_start), to, shape.n)?;
    }
    Ok(())
}
