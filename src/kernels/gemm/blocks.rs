//! The loops around the tiles.

use std::ops::Range;

use super::pack::{Matrix, pack_right};
use super::tile::{COLUMNS, Panel, ROWS, Rows, Stream, Strided, TALL, Tiles, has_many_registers, multiply_tiles};
use super::{Finish, Held, Left, Right, Shape};
use crate::error::Result;
use crate::kernels::parallel::{self, Shared, part_of};
use crate::kernels::simd::F32x4;

/// Rows of B in a block.
pub(super) const DEPTH: usize = 320;
/// Columns of B in a block.
pub(super) const WIDTH: usize = 256;
/// Rows of A for a block of B.
pub(super) const HEIGHT: usize = 256;
/// Elements of panels of B that stay in the first-level cache.
pub(super) const NEAR: usize = 4096;
/// With no more rows of A than these, packing B costs more than it gains.
pub(super) const FEW: usize = 8;
/// Columns and rows that a thread takes at least, since it packs B by itself.
const LEAST: (usize, usize) = (64, 32);

/// A part of the product: what it reads of A and B and where it goes in C.
pub(super) struct Block {
    pub rows: Range<usize>,
    pub columns: Range<usize>,
    pub depth: Range<usize>,
    /// Whether nothing has been added to C yet.
    pub is_first: bool,
    pub is_last: bool,
}

/// A product that is being computed.
pub(super) struct Job<'a> {
    shape: Shape,
    left: Left<'a>,
    finish: &'a Finish<'a>,
    stride: usize,
    range: (f32, f32),
    /// The bias of each row, as often as a tile has columns.
    row_bias: Vec<[f32; COLUMNS]>,
    is_tall: bool,
}

/// Ranges of about `size`, a multiple of `unit`, that cover a range; one that is empty where there is nothing to cover.
fn split(range: Range<usize>, size: usize, unit: usize) -> impl Iterator<Item = Range<usize>> {
    let Range { start, end } = range;
    let parts = range.len().div_ceil(size).max(1);
    let size = range.len().div_ceil(parts).next_multiple_of(unit).max(unit);
    (start..end.max(start + 1)).step_by(size).map(move |start| start..end.min(start + size))
}

impl<'a> Job<'a> {
    pub(super) fn new(shape: Shape, left: Left<'a>, finish: &'a Finish<'a>, stride: usize) -> Job<'a> {
        let bias = finish.row_bias.unwrap_or_default().iter().take(shape.m);
        let mut row_bias: Vec<_> = bias.map(|bias| [*bias; COLUMNS]).collect();
        if !row_bias.is_empty() {
            row_bias.resize(shape.m.next_multiple_of(ROWS), [0.0; COLUMNS]);
        }
        let range = finish.activation.range();
        Job { shape, left, finish, stride, range, row_bias, is_tall: has_many_registers() }
    }

    /// The rows of each tile.
    pub(super) fn split_rows(&self, rows: Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        let (mut start, end, is_tall) = (rows.start, rows.end, self.is_tall);
        std::iter::from_fn(move || {
            let height = if is_tall && end.saturating_sub(start) >= TALL { TALL } else { ROWS };
            let rows = start..end.min(start + height);
            start += height;
            (!rows.is_empty()).then_some(rows)
        })
    }

    /// An error where a source cannot give its part.
    pub(super) fn run(&self, right: &Right, c: &Shared<f32>) -> Result<()> {
        let Shape { m, k, n } = self.shape;
        let parts = parallel::count_parts(m.saturating_mul(k).saturating_mul(n), usize::MAX);
        let across = parts.min(n / LEAST.0).max(1);
        let down = (parts / across).min(m / LEAST.1).max(1);
        parallel::try_run(across * down, |part| {
            let rows = part_of(m, ROWS, part / across, down);
            self.run_part(rows, part_of(n, COLUMNS, part % across, across), right, c)
        })
    }

    fn run_part(&self, rows: Range<usize>, columns: Range<usize>, right: &Right, c: &Shared<f32>) -> Result<()> {
        let Shape { m, k, .. } = self.shape;
        let depth = if m <= FEW && !matches!(right, Right::Source(_)) { k.max(1) } else { DEPTH };
        let is_direct = m <= FEW && matches!(right, Right::Matrix(matrix) if matrix.column_stride == 1);
        let mut panels: Vec<f32> = Vec::new();
        let mut held = Held::default();
        for columns in split(columns, WIDTH, COLUMNS) {
            for depth in split(0..k, depth, 4) {
                let panel = depth.len() * COLUMNS;
                if !is_direct && !matches!(right, Right::Packed(_)) {
                    panels.resize(panel * columns.len().div_ceil(COLUMNS), 0.0);
                }
                match right {
                    Right::Matrix(matrix) if !is_direct => {
                        pack_right(*matrix, depth.clone(), columns.clone(), &mut panels);
                    }
                    Right::Source(source) => source.pack(&mut held, depth.clone(), columns.clone(), &mut panels)?,
                    _ => {}
                }
                for rows in split(rows.clone(), HEIGHT, ROWS) {
                    let (is_first, is_last) = (depth.start == 0, depth.end == k);
                    let block = Block { rows, columns: columns.clone(), depth: depth.clone(), is_first, is_last };
                    // SAFETY: `multiply` checked all slices; panels hold the block's columns for its depth; each part of C
                    // is computed once.
                    unsafe {
                        match right {
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
        Ok(())
    }

    /// # Safety
    /// Panels `step` apart can be read from `panels`, `multiply` checked the rest, and nobody else uses the block's part of `c`.
    unsafe fn run_panels(&self, block: &Block, panels: *const f32, step: usize, c: &Shared<f32>) {
        // As many panels as stay in the cache are used for a few rows of A before the next rows: what is written is then
        // contiguous.
        let group = (NEAR / (block.depth.len() * COLUMNS).max(1)).max(1) * COLUMNS;
        for start in block.columns.clone().step_by(group) {
            let columns = start..block.columns.end.min(start + group);
            for rows in self.split_rows(block.rows.clone()) {
                // SAFETY: the caller's promise.
                unsafe {
                    let panel = Panel(panels.add((columns.start - block.columns.start) / COLUMNS * step));
                    self.run_tiles(block, rows, columns.clone(), panel, step, c);
                }
            }
        }
        // SAFETY: the caller's promise.
        unsafe { self.activate(block, c) };
    }

    /// # Safety
    /// `multiply` checked all slices, and nobody else uses the block's part of `c`.
    unsafe fn run_direct(&self, block: &Block, matrix: Matrix, c: &Shared<f32>) {
        let Range { start, end } = block.columns.clone();
        let whole = end - (end - start) % COLUMNS;
        let start = matrix.data.as_ptr().wrapping_add(block.depth.start * matrix.row_stride + start);
        let right = Strided(Rows { start, stride: matrix.row_stride });
        let mut panel = vec![];
        if whole < end {
            panel.resize(block.depth.len() * COLUMNS, 0.0);
            pack_right(matrix, block.depth.clone(), whole..end, &mut panel);
        }
        for rows in self.split_rows(block.rows.clone()) {
            // SAFETY: the caller's promise; the last columns are packed, since there are not eight.
            unsafe {
                self.run_tiles(block, rows.clone(), block.columns.start..whole, right, COLUMNS, c);
                self.run_tiles(block, rows, whole..end, Panel(panel.as_ptr()), 0, c);
            }
        }
        // SAFETY: the caller's promise.
        unsafe { self.activate(block, c) };
    }

    /// # Safety
    /// Nobody else uses the block's part of `c`.
    pub(super) unsafe fn activate(&self, block: &Block, c: &Shared<f32>) {
        if !block.is_last || self.finish.activation.is_range() {
            return;
        }
        for row in block.rows.clone() {
            let start = row * self.stride;
            // SAFETY: the caller's promise.
            let values = unsafe { c.part(start + block.columns.start..start + block.columns.end) };
            self.finish.activation.apply(values);
        }
    }

    /// The tiles of a few rows and some columns, whose right operands start `step` elements apart.
    ///
    /// # Safety
    /// `right` has the block's depth for all columns, `multiply` checked all slices, and nobody else uses the block's part of `c`.
    #[inline(always)]
    pub(super) unsafe fn run_tiles<S: Stream>(
        &self,
        block: &Block,
        Range { start: row, end: end_row }: Range<usize>,
        columns: Range<usize>,
        mut right: S,
        step: usize,
        c: &Shared<f32>,
    ) {
        let rows = end_row - row;
        let mut column = columns.start;
        while column < columns.end {
            let width = COLUMNS.min(columns.end - column);
            let mut buffer = [0.0; TALL * COLUMNS];
            let is_whole = width == COLUMNS && (rows.is_multiple_of(ROWS) || matches!(self.left, Left::Matrix(_)));
            // SAFETY: the rows and columns are inside all slices; tiles that are not whole go by `buffer`.
            unsafe {
                let own = Rows { start: c.start().add(row * self.stride + column), stride: self.stride };
                let (from, next) = self.begin(block, (row, rows), (column, width), own, is_whole, &mut buffer);
                // All that start from what is in place are computed at once.
                let count = if is_whole && next.is_some() { (columns.end - column) / COLUMNS } else { 1 };
                let tiles = Tiles { count, right: step, from: next.unwrap_or(0) };
                let to = if is_whole { own } else { Rows { start: buffer.as_mut_ptr(), stride: COLUMNS } };
                self.multiply(block, row, rows, right, from, to, tiles);
                if !is_whole {
                    for (index, from) in buffer.chunks_exact(COLUMNS).take(rows).enumerate() {
                        std::ptr::copy_nonoverlapping(from.as_ptr(), own.start.add(index * self.stride), width);
                    }
                }
                right = right.advance(count * step);
                column += count * COLUMNS;
            }
        }
    }

    /// # Safety
    /// As for [`multiply_tiles`].
    #[inline(always)]
    #[allow(clippy::too_many_arguments, reason = "it only chooses the function")]
    unsafe fn multiply<S: Stream>(
        &self,
        block: &Block,
        row: usize,
        rows: usize,
        right: S,
        from: Rows<*const f32>,
        to: Rows<*mut f32>,
        tiles: Tiles,
    ) {
        let k = block.depth.len();
        let (low, high) = if block.is_last { self.range } else { (f32::NEG_INFINITY, f32::INFINITY) };
        // SAFETY: the caller's promise.
        unsafe {
            match self.left {
                Left::Packed(packed) => {
                    let start = packed.panels.as_ptr().add(row * self.shape.k + block.depth.start * ROWS);
                    let left = Rows { start, stride: self.shape.k * ROWS };
                    match rows {
                        TALL => multiply_tiles::<TALL, true, S>(k, left, right, from, to, tiles, low, high),
                        _ => multiply_tiles::<ROWS, true, S>(k, left, right, from, to, tiles, low, high),
                    }
                }
                Left::Matrix(matrix) => {
                    let start = matrix.data.as_ptr().wrapping_add(row * matrix.row_stride + block.depth.start);
                    let left = Rows { start, stride: matrix.row_stride };
                    match rows {
                        1 => multiply_tiles::<1, false, S>(k, left, right, from, to, tiles, low, high),
                        2 => multiply_tiles::<2, false, S>(k, left, right, from, to, tiles, low, high),
                        3 => multiply_tiles::<3, false, S>(k, left, right, from, to, tiles, low, high),
                        TALL => multiply_tiles::<TALL, false, S>(k, left, right, from, to, tiles, low, high),
                        _ => multiply_tiles::<ROWS, false, S>(k, left, right, from, to, tiles, low, high),
                    }
                }
            }
        }
    }

    /// What a tile's sums start from, in `buffer`, or in place and then how many elements further the next tile's are.
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
        buffer: &mut [f32; TALL * COLUMNS],
    ) -> (Rows<*const f32>, Option<usize>) {
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
                (None, None, None, _) => return (Rows { start: ZEROS.as_ptr(), stride: 0 }, Some(0)),
                (None, Some(_), None, _) => {
                    let start = self.row_bias.as_ptr().add(row).cast();
                    return (Rows { start, stride: COLUMNS }, Some(0));
                }
                (None, None, Some(bias), _) if is_whole => {
                    return (Rows { start: bias.as_ptr().add(column), stride: 0 }, Some(COLUMNS));
                }
                (Some(base), None, None, None) if is_whole => return (base, Some(COLUMNS)),
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
        (Rows { start: buffer.as_ptr(), stride: COLUMNS }, None)
    }
}
