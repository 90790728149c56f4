//! Products of float32 matrices: `C = activation(A B + bias + residual)`.
//!
//! B is cut into blocks that stay in the second-level cache, and those into panels of eight columns that stay in the first;
//! A is read four rows at a time, from panels or from contiguous rows. Goto and van de Geijn, "Anatomy of high-performance
//! matrix multiplication", 2008.

mod blocks;
mod pack;
mod tile;
mod vector;

use std::ops::Range;

pub use pack::{Matrix, PackedLeft, PackedRight};
pub use tile::{COLUMNS, ROWS};

use super::activation::Activation;
use super::parallel::{self, Shared};
use crate::error::Result;
use blocks::{Block, Job};
use pack::misfit;
use tile::Scattered;

/// The left matrix.
#[derive(Clone, Copy)]
pub enum Left<'a> {
    /// As it is in memory; faster where rows are contiguous.
    Matrix(Matrix<'a>),
    /// Packed before.
    Packed(&'a PackedLeft),
}

/// What gives the right matrix in parts.
pub trait Source: Sync {
    /// Fills panels of [`COLUMNS`] columns, row after row, with a part of the matrix; the last one is filled up with
    /// anything finite. A thread gives the same `held` to all its calls.
    fn pack(&self, held: &mut Held, rows: Range<usize>, columns: Range<usize>, panels: &mut [f32]) -> Result<()>;
}

/// What a source keeps from one call to the next.
#[derive(Default)]
pub struct Held {
    /// Elements in a form of the source's own.
    pub elements: Vec<f32>,
    /// What they are of.
    pub window: [Range<usize>; 3],
}

/// The right matrix.
pub enum Right<'a> {
    /// As it is in memory.
    Matrix(Matrix<'a>),
    /// Packed before.
    Packed(&'a PackedRight),
    /// Made part by part.
    Source(&'a dyn Source),
}

/// What follows a product.
#[derive(Clone, Copy, Debug, Default)]
pub struct Finish<'a> {
    /// Added to each row, an element for each.
    pub row_bias: Option<&'a [f32]>,
    /// Added to each column, an element for each.
    pub column_bias: Option<&'a [f32]>,
    /// Added element by element; its rows are as far apart as those of the result.
    pub residual: Option<&'a [f32]>,
    /// Whether the result is added to what is there.
    pub accumulates: bool,
    /// Applied at the end.
    pub activation: Activation,
}

/// The sizes of a product: `m` rows of `k` by `k` rows of `n`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Rows of the left matrix and the result.
    pub m: usize,
    /// Columns of the left matrix, rows of the right one.
    pub k: usize,
    /// Columns of the right matrix and the result.
    pub n: usize,
}

/// Multiplies, and writes rows of `n` elements, `stride` apart, to `c`. An error where a slice is too short.
pub fn multiply(shape: Shape, left: Left, right: Right, finish: &Finish, c: &mut [f32], stride: usize) -> Result<()> {
    let Shape { m, k, n } = shape;
    if m == 0 || n == 0 {
        return Ok(());
    }
    if m > 1 && stride < n {
        return Err(misfit(m, n, c.len()));
    }
    Matrix { data: c, row_stride: stride, column_stride: 1 }.check(m, n)?;
    check(shape, &left, &right, finish, stride)?;
    if (m == 1 || n == 1) && multiply_vector(shape, &left, &right, finish, c, stride) {
        return Ok(());
    }
    if let (2..4, Left::Matrix(left), Right::Matrix(right)) = (m, left, &right) {
        return multiply_rows(shape, left, *right, finish, c, stride);
    }
    let packed;
    let left = match left {
        Left::Matrix(matrix) if matrix.column_stride != 1 && k > 1 => {
            packed = PackedLeft::new(m, k, matrix)?;
            Left::Packed(&packed)
        }
        other => other,
    };
    Job::new(shape, left, finish, stride).run(&right, &Shared::new(c))
}

fn check(shape: Shape, left: &Left, right: &Right, finish: &Finish, stride: usize) -> Result<()> {
    let Shape { m, k, n } = shape;
    match left {
        Left::Matrix(matrix) => matrix.check(m, k)?,
        Left::Packed(packed) if (packed.m, packed.k) != (m, k) => return Err(misfit(m, k, packed.panels.len())),
        Left::Packed(_) => {}
    }
    match right {
        Right::Matrix(matrix) => matrix.check(k, n)?,
        Right::Packed(packed) if (packed.k, packed.n) != (k, n) => return Err(misfit(k, n, packed.panels.len())),
        Right::Packed(_) | Right::Source(_) => {}
    }
    check_finish(shape, finish, stride)
}

fn check_finish(Shape { m, n, .. }: Shape, finish: &Finish, stride: usize) -> Result<()> {
    if let Some(bias) = finish.row_bias.filter(|bias| bias.len() < m) {
        return Err(misfit(m, 1, bias.len()));
    }
    if let Some(bias) = finish.column_bias.filter(|bias| bias.len() < n) {
        return Err(misfit(1, n, bias.len()));
    }
    match finish.residual {
        Some(data) => Matrix { data, row_stride: stride, column_stride: 1 }.check(m, n),
        None => Ok(()),
    }
}

/// A right matrix that is read where it lies: eight columns of a row are eight neighbours, each row at an offset of its own.
pub struct Scatter<'a> {
    /// What is read.
    pub source: &'a [f32],
    /// Where each row is.
    pub offsets: &'a [usize],
}

/// Multiplies eight columns of the result for each of `tiles`: the first column, and where in `scatter` it is. The activation
/// is applied to the `columns` that the tiles cover. An error where a slice is too short.
///
/// # Safety
/// Nobody else uses these columns of `c`.
pub unsafe fn multiply_scattered(
    left: &PackedLeft,
    scatter: &Scatter,
    tiles: &[(usize, usize)],
    columns: Range<usize>,
    finish: &Finish,
    c: &Shared<f32>,
    stride: usize,
) -> Result<()> {
    let shape = Shape { m: left.m, k: left.k, n: stride };
    if shape.m.checked_mul(stride).is_none_or(|size| size > c.len()) {
        return Err(misfit(shape.m, stride, c.len()));
    }
    let furthest = |values: &mut dyn Iterator<Item = usize>| values.max().unwrap_or(0);
    let (column, base) =
        (furthest(&mut tiles.iter().map(|tile| tile.0)), furthest(&mut tiles.iter().map(|tile| tile.1)));
    let end = base + furthest(&mut scatter.offsets.iter().copied()) + COLUMNS;
    if scatter.offsets.len() != left.k || end > scatter.source.len() || column + COLUMNS > stride {
        return Err(misfit(left.k, COLUMNS, scatter.source.len()));
    }
    check_finish(shape, finish, stride)?;
    let job = Job::new(shape, Left::Packed(left), finish, stride);
    let block = Block { rows: 0..shape.m, columns, depth: 0..shape.k, is_first: true, is_last: true };
    for rows in job.split_rows(0..shape.m) {
        for &(column, base) in tiles {
            // SAFETY: the furthest tile at the furthest offset is inside, and so is the last column; the caller's promise.
            unsafe {
                let base = scatter.source.as_ptr().add(base);
                let right = Scattered { base, offsets: scatter.offsets.as_ptr() };
                job.run_tiles(&block, rows.clone(), column..column + COLUMNS, right, 0, c);
            }
        }
    }
    // SAFETY: the caller's promise.
    unsafe { job.activate(&block, c) };
    Ok(())
}

/// The product row by row, where packing the right matrix costs more.
fn multiply_rows(
    shape: Shape,
    left: Matrix,
    right: Matrix,
    finish: &Finish,
    c: &mut [f32],
    stride: usize,
) -> Result<()> {
    for (row, c) in c.chunks_mut(stride.max(1)).take(shape.m).enumerate() {
        let data = left.data.get(row * left.row_stride..).unwrap_or_default();
        let finish = Finish {
            row_bias: finish.row_bias.and_then(|bias| bias.get(row..)),
            residual: finish.residual.and_then(|residual| residual.get(row * stride..)),
            ..*finish
        };
        let left = Left::Matrix(Matrix { data, ..left });
        multiply(Shape { m: 1, ..shape }, left, Right::Matrix(right), &finish, c, stride)?;
    }
    Ok(())
}

/// The product where it is a vector and both operands lie well for that; whether they do.
fn multiply_vector(
    Shape { m, k, n }: Shape,
    left: &Left,
    right: &Right,
    finish: &Finish,
    c: &mut [f32],
    stride: usize,
) -> bool {
    let is_row = m == 1;
    if !is_row && stride != 1 {
        return false;
    }
    let gathered: Vec<f32>;
    // Element `i` of a vector whose elements are `stride` apart.
    let gather = |data: &[f32], stride: usize| -> Vec<f32> {
        (0..k).map(|index| data.get(index * stride).copied().unwrap_or(0.0)).collect()
    };
    // `to += x times a matrix`, whose rows and columns are exchanged where the vector is the right operand.
    let (x, x_stride) = match (is_row, left, right) {
        (true, Left::Matrix(matrix), Right::Matrix(_) | Right::Packed(_)) => (matrix.data, matrix.column_stride),
        (false, _, Right::Matrix(matrix)) => (matrix.data, matrix.row_stride),
        _ => return false,
    };
    let matrix = match (is_row, left, right) {
        (true, _, Right::Matrix(matrix)) => Some(*matrix),
        (false, Left::Matrix(matrix), _) => Some(matrix.transpose()),
        _ => None,
    };
    if matrix.is_some_and(|matrix| matrix.row_stride != 1 && matrix.column_stride != 1 && k > 1) {
        return false;
    }
    let x = match x.get(..k).filter(|_| x_stride == 1) {
        Some(x) => x,
        None => {
            gathered = gather(x, x_stride);
            &gathered
        }
    };
    let count = m.max(n);
    let Some(to) = c.get_mut(..count) else { return false };
    if !finish.accumulates {
        to.fill(0.0);
    }
    // One element for each of `to`, and one for all of them.
    let (each, one) =
        if is_row { (finish.column_bias, finish.row_bias) } else { (finish.row_bias, finish.column_bias) };
    for added in [each, finish.residual].into_iter().flatten() {
        to.iter_mut().zip(added).for_each(|(to, added)| *to += added);
    }
    if let Some(added) = one.and_then(<[f32]>::first) {
        to.iter_mut().for_each(|to| *to += added);
    }
    let (panels, width) = match (matrix, left, right) {
        (Some(_), ..) => (&[][..], COLUMNS),
        (None, _, Right::Packed(packed)) => (packed.panels.as_slice(), COLUMNS),
        (None, Left::Packed(packed), _) => (packed.panels.as_slice(), ROWS),
        _ => return false,
    };
    let parts = parallel::count_parts(k * count, count / 64);
    parallel::run_chunks(to, vector::GROUP, parts, |start, to| match matrix {
        Some(matrix) => {
            let data = matrix.data.get(start * matrix.column_stride..).unwrap_or_default();
            vector::multiply_matrix(x, Matrix { data, ..matrix }, to);
        }
        None => {
            let panels = panels.get(start * k..).unwrap_or_default();
            match width {
                ROWS => vector::multiply_panels::<ROWS>(x, panels, to),
                _ => vector::multiply_panels::<COLUMNS>(x, panels, to),
            }
        }
    });
    finish.activation.apply(to);
    true
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)]
mod tests;
