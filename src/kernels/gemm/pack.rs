//! Matrices as the innermost loop reads them: panels of a few rows or columns, contiguous in the order of use.

use std::ops::Range;

use super::tile::{COLUMNS, ROWS};
use crate::error::{Error, Result};
use crate::kernels::simd::F32x4;

/// A matrix in memory: the element of row `i` and column `j` is `data[i * row_stride + j * column_stride]`.
#[derive(Clone, Copy)]
pub struct Matrix<'a, T = f32> {
    /// The elements, and maybe others between them.
    pub data: &'a [T],
    /// Elements from one row to the next.
    pub row_stride: usize,
    /// Elements from one column to the next.
    pub column_stride: usize,
}

impl<'a, T> Matrix<'a, T> {
    /// Rows of `columns` elements, one after the other.
    pub fn rows(data: &'a [T], columns: usize) -> Matrix<'a, T> {
        Matrix { data, row_stride: columns, column_stride: 1 }
    }

    /// The same elements with rows and columns exchanged.
    pub fn transpose(self) -> Matrix<'a, T> {
        Matrix { data: self.data, row_stride: self.column_stride, column_stride: self.row_stride }
    }

    /// The elements of a row, and those behind it.
    pub fn row(&self, row: usize) -> impl Iterator<Item = &'a T> {
        let (data, stride, start) = (self.data, self.column_stride, row * self.row_stride);
        (0..).map_while(move |column| data.get(start + column * stride))
    }

    /// An error where not all elements of `rows` and `columns` are there.
    pub fn check(&self, rows: usize, columns: usize) -> Result<()> {
        let last = |count: usize, stride: usize| count.checked_sub(1).map_or(Some(0), |last| last.checked_mul(stride));
        let end = last(rows, self.row_stride)
            .zip(last(columns, self.column_stride))
            .and_then(|(row, column)| row.checked_add(column));
        let fits = rows == 0 || columns == 0 || end.is_some_and(|end| end < self.data.len());
        if fits { Ok(()) } else { Err(misfit(rows, columns, self.data.len())) }
    }
}

pub(super) fn misfit(rows: usize, columns: usize, elements: usize) -> Error {
    Error::execution(format!("{elements} elements are no matrix of {rows} rows and {columns} columns"))
}

/// Room for `count` panels of `size` elements.
fn make_room(count: usize, size: usize) -> Result<Vec<f32>> {
    let mut panels = Vec::new();
    let length = count.checked_mul(size);
    length
        .and_then(|length| panels.try_reserve_exact(length).ok())
        .ok_or_else(|| Error::limit("no memory for packed weights"))?;
    panels.resize(length.unwrap_or(0), 0.0);
    Ok(panels)
}

/// A right matrix in panels of [`COLUMNS`] columns, the last one filled up with zeros.
#[derive(Debug, Clone)]
pub struct PackedRight {
    pub(super) k: usize,
    pub(super) n: usize,
    pub(super) panels: Vec<f32>,
}

impl PackedRight {
    /// Packs `k` rows of `n` columns.
    pub fn new(k: usize, n: usize, matrix: Matrix) -> Result<PackedRight> {
        matrix.check(k, n)?;
        let mut panels = make_room(n.div_ceil(COLUMNS), k.saturating_mul(COLUMNS))?;
        pack_right(matrix, 0..k, 0..n, &mut panels);
        Ok(PackedRight { k, n, panels })
    }

    /// The rows of the matrix.
    pub fn rows(&self) -> usize {
        self.k
    }

    /// The columns of the matrix.
    pub fn columns(&self) -> usize {
        self.n
    }
}

/// A left matrix in panels of [`ROWS`] rows, the last one filled up with zeros.
#[derive(Debug, Clone)]
pub struct PackedLeft {
    pub(super) m: usize,
    pub(super) k: usize,
    pub(super) panels: Vec<f32>,
}

impl PackedLeft {
    /// Packs `m` rows of `k` columns.
    pub fn new(m: usize, k: usize, matrix: Matrix) -> Result<PackedLeft> {
        matrix.check(m, k)?;
        let mut panels = make_room(m.div_ceil(ROWS), k.saturating_mul(ROWS))?;
        for (panel, row) in panels.chunks_exact_mut((k * ROWS).max(1)).zip((0..m).step_by(ROWS)) {
            interleave::<ROWS>(matrix.transpose(), 0..k, row..m.min(row + ROWS), panel);
        }
        Ok(PackedLeft { m, k, panels })
    }

    /// Zeros, to be filled by [`PackedLeft::row_mut`].
    pub fn zeros(m: usize, k: usize) -> Result<PackedLeft> {
        Ok(PackedLeft { m, k, panels: make_room(m.div_ceil(ROWS), k.saturating_mul(ROWS))? })
    }

    /// The elements of a row.
    pub fn row(&self, row: usize) -> impl Iterator<Item = f32> {
        let panel = self.panels.chunks_exact((self.k * ROWS).max(1)).nth(row / ROWS).unwrap_or_default();
        panel.iter().skip(row % ROWS).step_by(ROWS).copied()
    }

    /// The elements of a row, to be written.
    pub fn row_mut(&mut self, row: usize) -> impl Iterator<Item = &mut f32> {
        let panel = self.panels.chunks_exact_mut((self.k * ROWS).max(1)).nth(row / ROWS).unwrap_or_default();
        panel.iter_mut().skip(row % ROWS).step_by(ROWS)
    }

    /// The rows of the matrix.
    pub fn rows(&self) -> usize {
        self.m
    }

    /// The columns of the matrix.
    pub fn columns(&self) -> usize {
        self.k
    }
}

/// Packs part of a right matrix; `panels` has room for all its columns.
pub(super) fn pack_right(matrix: Matrix, rows: Range<usize>, columns: Range<usize>, panels: &mut [f32]) {
    let size = (rows.len() * COLUMNS).max(1);
    for (panel, column) in panels.chunks_exact_mut(size).zip(columns.clone().step_by(COLUMNS)) {
        interleave::<COLUMNS>(matrix, rows.clone(), column..columns.end.min(column + COLUMNS), panel);
    }
}

/// A panel of `WIDTH` columns, row after row; columns that are missing are zero.
fn interleave<const WIDTH: usize>(matrix: Matrix, rows: Range<usize>, columns: Range<usize>, panel: &mut [f32]) {
    if matrix.check(rows.end, columns.end).is_err() || rows.is_empty() || columns.is_empty() {
        return;
    }
    let (row_stride, column_stride) = (matrix.row_stride, matrix.column_stride);
    let panel = panel.as_chunks_mut::<WIDTH>().0;
    if columns.len() == WIDTH && column_stride == 1 {
        for (row, to) in rows.zip(panel) {
            // SAFETY: `WIDTH` elements of the row are inside `data`, which was checked, and `to` has as many.
            unsafe {
                let from = matrix.data.as_ptr().add(row * row_stride + columns.start);
                for four in (0..WIDTH).step_by(4) {
                    F32x4::load(from.add(four)).store(to.as_mut_ptr().add(four));
                }
            }
        }
    } else if columns.len() == WIDTH {
        for (row, to) in rows.zip(panel) {
            // SAFETY: each element is inside `data`, which was checked.
            unsafe {
                let from = matrix.data.as_ptr().add(row * row_stride + columns.start * column_stride);
                for (column, to) in to.iter_mut().enumerate() {
                    *to = *from.add(column * column_stride);
                }
            }
        }
    } else {
        for (row, to) in rows.zip(panel) {
            let from = matrix.data.iter().skip(row * row_stride + columns.start * column_stride);
            let elements = from.step_by(column_stride.max(1)).take(if column_stride == 0 { 1 } else { columns.len() });
            to.fill(0.0);
            to.iter_mut().zip(elements).for_each(|(to, from)| *to = *from);
            if column_stride == 0 {
                let first = to.first().copied().unwrap_or(0.0);
                to.iter_mut().take(columns.len()).for_each(|to| *to = first);
            }
        }
    }
}
