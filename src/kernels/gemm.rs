//! Products of float32 matrices: `C = activation(A B + bias + residual)`.
//!
//! B is cut into blocks that stay in the second-level cache, and those into panels of eight columns that stay in the first;
//! A is read four rows at a time, from panels or from contiguous rows. Goto and van de Geijn, "Anatomy of high-performance
//! matrix multiplication", 2008.

mod pack;
mod tile;
mod vector;

use std::ops::Range;

pub use pack::{Matrix, PackedLeft, PackedRight};
pub use tile::{COLUMNS, ROWS};

use super::activation::Activation;
use super::simd::F32x4;
use crate::error::Result;
use pack::{misfit, pack_right};
use tile::{Panel, Rows, Scattered, Stream, Strided, multiply_tile};

/// Rows of B in a block.
const DEPTH: usize = 320;
/// Columns of B in a block.
const WIDTH: usize = 256;
/// Rows of A for a block of B.
const HEIGHT: usize = 256;
/// Elements of panels of B that stay in the first-level cache.
const NEAR: usize = 4096;
/// With no more rows of A than these, packing B costs more than it gains.
const FEW: usize = 2 * ROWS;

/// The left matrix.
#[derive(Clone, Copy)]
pub enum Left<'a> {
    /// As it is in memory; faster where rows are contiguous.
    Matrix(Matrix<'a>),
    /// Packed before.
    Packed(&'a PackedLeft),
}

/// What gives the right matrix in parts.
pub trait Source {
    /// Fills panels of [`COLUMNS`] columns, row after row, with a part of the matrix; the last one is filled up with
    /// anything finite.
    fn pack(&mut self, rows: Range<usize>, columns: Range<usize>, panels: &mut [f32]);
}

/// The right matrix.
pub enum Right<'a> {
    /// As it is in memory.
    Matrix(Matrix<'a>),
    /// Packed before.
    Packed(&'a PackedRight),
    /// Made part by part.
    Source(&'a mut dyn Source),
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
    if let (2..ROWS, Left::Matrix(left), Right::Matrix(right)) = (m, left, &right) {
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
    Job::new(shape, left, finish, stride).run(right, c);
    Ok(())
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
pub fn multiply_scattered(
    left: &PackedLeft,
    scatter: &Scatter,
    tiles: &[(usize, usize)],
    columns: Range<usize>,
    finish: &Finish,
    c: &mut [f32],
    stride: usize,
) -> Result<()> {
    let shape = Shape { m: left.m, k: left.k, n: stride };
    Matrix { data: c, row_stride: stride, column_stride: 1 }.check(shape.m, shape.n)?;
    let furthest = |values: &mut dyn Iterator<Item = usize>| values.max().unwrap_or(0);
    let (column, base) =
        (furthest(&mut tiles.iter().map(|tile| tile.0)), furthest(&mut tiles.iter().map(|tile| tile.1)));
    let end = base + furthest(&mut scatter.offsets.iter().copied()) + COLUMNS;
    if scatter.offsets.len() != left.k || end > scatter.source.len() || column + COLUMNS > stride {
        return Err(misfit(left.k, COLUMNS, scatter.source.len()));
    }
    check_finish(shape, finish, stride)?;
    let job = Job::new(shape, Left::Packed(left), finish, stride);
    let mut block = Block { rows: 0..shape.m, columns, depth: 0..shape.k, is_first: true, is_last: true };
    let covered = block.columns.clone();
    for &(column, base) in tiles {
        block.columns = column..column + COLUMNS;
        // SAFETY: the furthest tile at the furthest offset is inside, and so is the last column.
        unsafe {
            let base = scatter.source.as_ptr().add(base);
            job.run_column(&block, column, Scattered { base, offsets: scatter.offsets.as_ptr() }, c);
        }
    }
    block.columns = covered;
    job.activate(&block, c);
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
    match (matrix, left, right) {
        (Some(matrix), ..) => vector::multiply_matrix(x, matrix, to),
        (None, _, Right::Packed(packed)) => vector::multiply_panels::<COLUMNS>(x, &packed.panels, to),
        (None, Left::Packed(packed), _) => vector::multiply_panels::<ROWS>(x, &packed.panels, to),
        _ => return false,
    }
    finish.activation.apply(to);
    true
}

/// A part of the product: what it reads of A and B and where it goes in C.
struct Block {
    rows: Range<usize>,
    columns: Range<usize>,
    depth: Range<usize>,
    /// Whether nothing has been added to C yet.
    is_first: bool,
    is_last: bool,
}

struct Job<'a> {
    shape: Shape,
    left: Left<'a>,
    finish: &'a Finish<'a>,
    stride: usize,
    range: (f32, f32),
    /// The bias of each row, as often as a tile has columns.
    row_bias: Vec<[f32; COLUMNS]>,
}

/// Ranges of about `size`, a multiple of `unit`, that cover `0..count`; one that is empty where there is nothing to cover.
fn split(count: usize, size: usize, unit: usize) -> impl Iterator<Item = Range<usize>> {
    let parts = count.div_ceil(size).max(1);
    let size = count.div_ceil(parts).next_multiple_of(unit).max(unit);
    (0..count.max(1)).step_by(size).map(move |start| start..count.min(start + size))
}

impl<'a> Job<'a> {
    fn new(shape: Shape, left: Left<'a>, finish: &'a Finish<'a>, stride: usize) -> Job<'a> {
        let bias = finish.row_bias.unwrap_or_default().iter().take(shape.m);
        let mut row_bias: Vec<_> = bias.map(|bias| [*bias; COLUMNS]).collect();
        if !row_bias.is_empty() {
            row_bias.resize(shape.m.next_multiple_of(ROWS), [0.0; COLUMNS]);
        }
        Job { shape, left, finish, stride, range: finish.activation.range(), row_bias }
    }

    fn run(&self, mut right: Right, c: &mut [f32]) {
        let Shape { m, k, n } = self.shape;
        let depth = if m <= FEW && !matches!(right, Right::Source(_)) { k.max(1) } else { DEPTH };
        let is_direct = m <= FEW && matches!(&right, Right::Matrix(matrix) if matrix.column_stride == 1);
        let mut panels: Vec<f32> = Vec::new();
        for columns in split(n, WIDTH, COLUMNS) {
            for depth in split(k, depth, 4) {
                let panel = depth.len() * COLUMNS;
                if !is_direct && !matches!(right, Right::Packed(_)) {
                    panels.resize(panel * columns.len().div_ceil(COLUMNS), 0.0);
                }
                match &mut right {
                    Right::Matrix(matrix) if !is_direct => {
                        pack_right(*matrix, depth.clone(), columns.clone(), &mut panels);
                    }
                    Right::Source(source) => source.pack(depth.clone(), columns.clone(), &mut panels),
                    _ => {}
                }
                for rows in split(m, HEIGHT, ROWS) {
                    let (is_first, is_last) = (depth.start == 0, depth.end == k);
                    let block = Block { rows, columns: columns.clone(), depth: depth.clone(), is_first, is_last };
                    // SAFETY: `multiply` checked all slices; panels hold the block's columns for its depth.
                    unsafe {
                        match &right {
                            Right::Matrix(matrix) if is_direct => self.run_direct(&block, *matrix, c),
                            Right::Packed(packed) => {
                                let start = columns.start * k + depth.start * COLUMNS;
                                self.run_panels(&block, packed.panels.as_ptr().add(start), k * COLUMNS, c);
                            }
                            _ => self.run_panels(&block, panels.as_ptr(), panel, c),
                        }
                    }
                }
            }
        }
    }

    /// # Safety
    /// Panels `step` apart can be read from `panels`, and `multiply` checked the rest.
    unsafe fn run_panels(&self, block: &Block, panels: *const f32, step: usize, c: &mut [f32]) {
        // As many panels as stay in the cache are used for a few rows of A before the next rows: what is written is then
        // contiguous.
        let group = (NEAR / (block.depth.len() * COLUMNS).max(1)).max(1) * COLUMNS;
        for start in block.columns.clone().step_by(group) {
            let columns = start..block.columns.end.min(start + group);
            for row in block.rows.clone().step_by(ROWS) {
                for column in columns.clone().step_by(COLUMNS) {
                    // SAFETY: the caller's promise.
                    unsafe {
                        let panel = panels.add((column - block.columns.start) / COLUMNS * step);
                        self.run_tile(block, row, column, Panel(panel), c);
                    }
                }
            }
        }
        self.activate(block, c);
    }

    /// # Safety
    /// `multiply` checked all slices.
    unsafe fn run_direct(&self, block: &Block, matrix: Matrix, c: &mut [f32]) {
        for column in block.columns.clone().step_by(COLUMNS) {
            let width = block.columns.end - column;
            // SAFETY: the caller's promise; the last columns are packed, since there are not eight.
            unsafe {
                if width >= COLUMNS {
                    let start = matrix.data.as_ptr().add(block.depth.start * matrix.row_stride + column);
                    self.run_column(block, column, Strided(Rows { start, stride: matrix.row_stride }), c);
                } else {
                    let mut panel = vec![0.0; block.depth.len() * COLUMNS];
                    pack_right(matrix, block.depth.clone(), column..block.columns.end, &mut panel);
                    self.run_column(block, column, Panel(panel.as_ptr()), c);
                }
            }
        }
        self.activate(block, c);
    }

    fn activate(&self, block: &Block, c: &mut [f32]) {
        if !block.is_last || self.finish.activation.is_range() {
            return;
        }
        for row in block.rows.clone() {
            let start = row * self.stride;
            if let Some(values) = c.get_mut(start + block.columns.start..start + block.columns.end) {
                self.finish.activation.apply(values);
            }
        }
    }

    /// The tiles of up to eight columns, from the top down.
    ///
    /// # Safety
    /// `right` has the block's depth, and `multiply` checked all slices.
    unsafe fn run_column<S: Stream>(&self, block: &Block, column: usize, right: S, c: &mut [f32]) {
        for row in block.rows.clone().step_by(ROWS) {
            // SAFETY: the caller's promise.
            unsafe { self.run_tile(block, row, column, right, c) };
        }
    }

    /// # Safety
    /// `right` has the block's depth, and `multiply` checked all slices.
    #[inline(always)]
    unsafe fn run_tile<S: Stream>(&self, block: &Block, row: usize, column: usize, right: S, c: &mut [f32]) {
        let columns = COLUMNS.min(block.columns.end - column);
        let depth = block.depth.len();
        let (low, high) = if block.is_last { self.range } else { (f32::NEG_INFINITY, f32::INFINITY) };
        let c = c.as_mut_ptr();
        let rows = ROWS.min(block.rows.end - row);
        let mut buffer = [0.0; ROWS * COLUMNS];
        let is_whole = columns == COLUMNS && (rows == ROWS || matches!(self.left, Left::Matrix(_)));
        // SAFETY: the rows and columns are inside all slices; tiles that are not whole go by `buffer`.
        unsafe {
            let own = Rows { start: c.add(row * self.stride + column), stride: self.stride };
            let from = self.begin(block, (row, rows), (column, columns), own, is_whole, &mut buffer);
            let to = if is_whole { own } else { Rows { start: buffer.as_mut_ptr(), stride: COLUMNS } };
            match self.left {
                Left::Packed(packed) => {
                    let start = packed.panels.as_ptr().add(row * self.shape.k + block.depth.start * ROWS);
                    let left = Rows { start, stride: 1 };
                    multiply_tile::<ROWS, true, S>(depth, left, right, from, to, low, high);
                }
                Left::Matrix(matrix) => {
                    let start = matrix.data.as_ptr().wrapping_add(row * matrix.row_stride + block.depth.start);
                    let left = Rows { start, stride: matrix.row_stride };
                    match rows {
                        1 => multiply_tile::<1, false, S>(depth, left, right, from, to, low, high),
                        2 => multiply_tile::<2, false, S>(depth, left, right, from, to, low, high),
                        3 => multiply_tile::<3, false, S>(depth, left, right, from, to, low, high),
                        _ => multiply_tile::<ROWS, false, S>(depth, left, right, from, to, low, high),
                    }
                }
            }
            if !is_whole {
                for (index, from) in buffer.chunks_exact(COLUMNS).take(rows).enumerate() {
                    std::ptr::copy_nonoverlapping(from.as_ptr(), own.start.add(index * self.stride), columns);
                }
            }
        }
    }

    /// What a tile's sums start from, in place or in `buffer`.
    ///
    /// # Safety
    /// The tile is inside all slices.
    unsafe fn begin(
        &self,
        block: &Block,
        (row, rows): (usize, usize),
        (column, columns): (usize, usize),
        own: Rows<*mut f32>,
        is_whole: bool,
        buffer: &mut [f32; ROWS * COLUMNS],
    ) -> Rows<*const f32> {
        const ZEROS: [f32; COLUMNS] = [0.0; COLUMNS];
        let own = Rows { start: own.start.cast_const(), stride: own.stride };
        let Finish { row_bias, column_bias, residual, accumulates, .. } = self.finish;
        // SAFETY: the caller's promise; whole tiles have eight columns, others are copied column by column.
        unsafe {
            let residual =
                residual.map(|data| Rows { start: data.as_ptr().add(row * self.stride + column), stride: self.stride });
            let (base, row_bias, column_bias, more) = if block.is_first {
                let base = if *accumulates { Some(own) } else { residual };
                (base, *row_bias, *column_bias, residual.filter(|_| *accumulates))
            } else {
                (Some(own), None, None, None)
            };
            match (base, row_bias, column_bias, more) {
                (None, None, None, _) => return Rows { start: ZEROS.as_ptr(), stride: 0 },
                (None, Some(_), None, _) => {
                    return Rows { start: self.row_bias.as_ptr().add(row).cast(), stride: COLUMNS };
                }
                (None, None, Some(bias), _) if is_whole => {
                    return Rows { start: bias.as_ptr().add(column), stride: 0 };
                }
                (Some(base), None, None, None) if is_whole => return base,
                _ => {}
            }
            if let Some(bias) = row_bias {
                for (index, bias) in bias.iter().skip(row).take(rows).enumerate() {
                    let to = buffer.as_mut_ptr().add(index * COLUMNS);
                    F32x4::splat(*bias).store(to);
                    F32x4::splat(*bias).store(to.add(4));
                }
            }
            let column_bias = column_bias.map(|bias| Rows { start: bias.as_ptr().add(column), stride: 0 });
            for added in [base, column_bias, more].into_iter().flatten() {
                for index in 0..rows {
                    let from = added.start.add(index * added.stride);
                    let to = buffer.as_mut_ptr().add(index * COLUMNS);
                    if columns == COLUMNS {
                        F32x4::load(from).add(F32x4::load(to)).store(to);
                        F32x4::load(from.add(4)).add(F32x4::load(to.add(4))).store(to.add(4));
                    } else {
                        (0..columns).for_each(|column| *to.add(column) += *from.add(column));
                    }
                }
            }
        }
        Rows { start: buffer.as_ptr(), stride: COLUMNS }
    }
}

#[cfg(test)]
mod tests;
