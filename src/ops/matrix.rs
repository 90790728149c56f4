//! Determinants and inverses, by elimination.

use super::normalization::with_floats;
use super::{Entry, Operator, Spec, contrib, onnx, single};
use crate::error::{Error, Result};
use crate::kernels::lanes::Lanes;
use crate::tensor::{self, Tensor};

pub(super) const ENTRIES: &[Entry] = &[onnx("Det", determinant), contrib("Inverse", inverse)];

/// <https://onnx.ai/onnx/operators/onnx__Det.html>
fn determinant(_: &mut Spec) -> Result<Operator> {
    single(|call| {
        let x = call.tensor(0)?;
        let (outer, n) = split_square(x)?;
        let mut out = tensor::reserve::<f64>(outer)?;
        each_matrix(x, n, outer, |matrix| {
            out.push(eliminate(matrix, &mut [], n));
            Ok(())
        })?;
        with_floats!(x, L => Tensor::new(outer, out.iter().map(|&value| <L as Lanes>::item(value)).collect()))
    })
}

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.Inverse>
fn inverse(_: &mut Spec) -> Result<Operator> {
    single(|call| {
        let x = call.tensor(0)?;
        let (outer, n) = split_square(x)?;
        let mut out = tensor::reserve::<f64>(x.dims())?;
        each_matrix(x, n, outer, |matrix| {
            let mut inverse: Vec<f64> = (0..n * n).map(|at| f64::from(u8::from(at / n == at % n))).collect();
            if eliminate(matrix, &mut inverse, n) == 0.0 {
                return Err(Error::execution("a matrix has no inverse"));
            }
            out.append(&mut inverse);
            Ok(())
        })?;
        with_floats!(x, L => Tensor::new(x.dims(), out.iter().map(|&value| <L as Lanes>::item(value)).collect()))
    })
}

/// The dims of a batch of square matrices, and their size.
fn split_square(x: &Tensor) -> Result<(&[usize], usize)> {
    match x.dims() {
        [outer @ .., n, m] if n == m => Ok((outer, *n)),
        _ => Err(Error::execution(format!("expected square matrices, got {x}"))),
    }
}

fn each_matrix(x: &Tensor, n: usize, outer: &[usize], mut run: impl FnMut(&mut [f64]) -> Result<()>) -> Result<()> {
    if n == 0 {
        return (0..outer.iter().product()).try_for_each(|_| run(&mut []));
    }
    let mut values = x.to_f64s()?.into_owned();
    values.chunks_exact_mut(n * n).try_for_each(run)
}

/// Makes a matrix the identity by steps that are done to `other` too, and returns the determinant. It stops where that is 0.
fn eliminate(matrix: &mut [f64], other: &mut [f64], n: usize) -> f64 {
    let mut determinant = 1.0;
    let mut rows: Vec<(&mut [f64], &mut [f64])> = Vec::with_capacity(n);
    let mut others = other.chunks_exact_mut(n.max(1));
    for row in matrix.chunks_exact_mut(n.max(1)) {
        rows.push((row, others.next().unwrap_or_default()));
    }
    for column in 0..n {
        let size = |row: &(&mut [f64], &mut [f64])| row.0.get(column).map_or(0.0, |value| value.abs());
        let best = (column..n).max_by(|&a, &b| {
            let [a, b] = [a, b].map(|at| rows.get(at).map_or(0.0, size));
            a.total_cmp(&b)
        });
        if best.is_some_and(|best| best != column) {
            rows.swap(column, best.unwrap_or(column));
            determinant = -determinant;
        }
        let (above, rest) = rows.split_at_mut(column);
        let Some(((pivot_row, pivot_other), below)) = rest.split_first_mut() else { break };
        let pivot = pivot_row.get(column).copied().unwrap_or(0.0);
        determinant *= pivot;
        if pivot == 0.0 || pivot.is_nan() {
            return determinant;
        }
        pivot_row.iter_mut().chain(pivot_other.iter_mut()).for_each(|value| *value /= pivot);
        for (row, other) in above.iter_mut().chain(below) {
            let factor = row.get(column).copied().unwrap_or(0.0);
            row.iter_mut().zip(pivot_row.iter()).for_each(|(value, pivot)| *value -= factor * pivot);
            other.iter_mut().zip(pivot_other.iter()).for_each(|(value, pivot)| *value -= factor * pivot);
        }
    }
    // The rows of `other` have been swapped by reference only.
    let order: Vec<f64> = rows.iter().flat_map(|row| row.1.iter().copied()).collect();
    drop(rows);
    other.iter_mut().zip(order).for_each(|(value, ordered)| *value = ordered);
    determinant
}
