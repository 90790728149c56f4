//! The matrix of a convolution, a block at a time: a row for each weight, a column for each pixel of the result.

use std::ops::Range;

use super::padded::{Layout, SLACK, Window};
use super::{Geometry, at};
use crate::error::{Error, Result};
use crate::kernels::gemm::{COLUMNS, Finish, Held, PackedLeft, Scatter, Source, multiply_scattered};
use crate::kernels::parallel::{self, Shared, part_of};
use crate::kernels::simd::F32x4;

/// Pixels of the result that a copy of the image is made for.
const BLOCK: usize = 256;

/// An image that is read as a matrix.
pub struct Unfolded<'a> {
    geometry: Geometry,
    image: &'a [f32],
    /// Where the first pixel reads under each weight.
    taps: Vec<usize>,
    channels: usize,
    /// Of the copy of the part of the image that a block reads, where it needs one.
    layout: Option<Layout>,
}

impl<'a> Unfolded<'a> {
    /// An image of `channels`.
    pub fn new(geometry: &Geometry, channels: usize, image: &'a [f32]) -> Unfolded<'a> {
        let [_, _, column_stride] = geometry.stride;
        let is_plain = geometry.is_inside() && (column_stride == 1 || geometry.taps() == 1);
        let layout = (!is_plain).then(|| Layout::new(geometry, choose_sizes(geometry)));
        let (taps, channel) = match &layout {
            None => (plain_taps(geometry), geometry.input_pixels()),
            Some(layout) => (layout.taps(), layout.channel()),
        };
        let all = (0..channels).flat_map(|index| taps.iter().map(move |tap| index * channel + tap)).collect();
        Unfolded { geometry: *geometry, image, taps: all, channels, layout }
    }

    /// Where a pixel of the result reads under the first weight.
    fn locate(&self, held: &Held, [depth, row, column]: [usize; 3]) -> usize {
        let Geometry { input: [_, rows, columns], stride, .. } = self.geometry;
        match (&self.layout, &held.window) {
            (Some(layout), [depths, rows, columns]) => {
                depth.saturating_sub(depths.start) * layout.depth_pitch()
                    + row.saturating_sub(rows.start) * layout.pitch()
                    + column.saturating_sub(columns.start)
            }
            (None, _) => (depth * at(&stride, 0) * rows + row * at(&stride, 1)) * columns + column * at(&stride, 2),
        }
    }

    /// What some pixels of the result read: the image, or a copy that is held.
    fn prepare<'h>(&'h self, held: &'h mut Held, pixels: &Range<usize>) -> Result<&'h Held> {
        let Some(layout) = &self.layout else { return Ok(held) };
        let needed = choose_window(&self.geometry, pixels);
        let copy = &mut held.elements;
        let covers =
            |(held, needed): (&Range<usize>, &Range<usize>)| held.start <= needed.start && needed.end <= held.end;
        if !copy.is_empty() && held.window.iter().zip(&needed).all(covers) {
            return Ok(held);
        }
        let room = layout.channel().checked_mul(self.channels).and_then(|room| room.checked_add(SLACK));
        let room = room.filter(|&room| copy.try_reserve_exact(room).is_ok());
        let room = room.ok_or_else(|| Error::limit("no memory for a padded image"))?;
        held.window = extend_window(&self.geometry, needed);
        copy.clear();
        copy.resize(room, 0.0);
        let runs = layout.list_runs(&held.window);
        let images = self.image.chunks_exact(self.geometry.input_pixels().max(1));
        for (image, copy) in images.zip(copy.chunks_exact_mut(layout.channel().max(1))) {
            runs.copy(image, copy);
        }
        Ok(held)
    }

    /// What is read at the taps.
    fn source<'h>(&'h self, held: &'h Held) -> &'h [f32] {
        if self.layout.is_some() { &held.elements } else { self.image }
    }
}

fn plain_taps(geometry: &Geometry) -> Vec<usize> {
    let Geometry { input: [_, rows, columns], kernel, dilation, .. } = geometry;
    let along = |axis: usize| {
        let step = at(dilation, axis);
        (0..at(kernel, axis)).map(move |index| index * step)
    };
    let planes = along(0).flat_map(|depth| along(1).map(move |row| depth * rows + row));
    planes.flat_map(|row| along(2).map(move |column| row * columns + column)).collect()
}

fn split_pixel(&[_, rows, columns]: &[usize; 3], pixel: usize) -> [usize; 3] {
    let (columns, rows) = (columns.max(1), rows.max(1));
    [pixel / columns / rows, pixel / columns % rows, pixel % columns]
}

/// The place behind one, without the divisions of [`split_pixel`].
fn next_pixel(&[_, rows, columns]: &[usize; 3], [depth, row, column]: [usize; 3]) -> [usize; 3] {
    match (column + 1 < columns, row + 1 < rows) {
        (true, _) => [depth, row, column + 1],
        (false, true) => [depth, row + 1, 0],
        (false, false) => [depth + 1, 0, 0],
    }
}

/// The axis that windows are cut along: the first of more than one pixel.
fn cut_axis(geometry: &Geometry) -> usize {
    geometry.output.iter().position(|&size| size > 1).unwrap_or(2)
}

/// The window that some pixels of the result are in: whole but along one axis.
fn choose_window(geometry: &Geometry, pixels: &Range<usize>) -> Window {
    let axis = cut_axis(geometry);
    let first = at(&split_pixel(&geometry.output, pixels.start), axis);
    let last = at(&split_pixel(&geometry.output, pixels.end.saturating_sub(1)), axis);
    let mut window = geometry.output.map(|size| 0..size);
    if let Some(range) = window.get_mut(axis) {
        *range = first..last + 1;
    }
    window
}

/// The size of a window: at least what two blocks of pixels can need, and so much that what windows have in common, which is
/// copied for each, is less than half of each.
fn choose_sizes(geometry: &Geometry) -> [usize; 3] {
    let axis = cut_axis(geometry);
    let inner: usize = geometry.output.iter().skip(axis + 1).product();
    let mut sizes = geometry.output;
    if let Some(size) = sizes.get_mut(axis) {
        let common = (2 * geometry.extent(axis, 1)).div_ceil(at(&geometry.stride, axis).max(1));
        *size = (*size).min((2 * BLOCK).div_ceil(inner.max(1)).max(common) + 1);
    }
    sizes
}

/// A window that starts like one that is needed, as large as there is room for, so that the next blocks find theirs in it.
fn extend_window(geometry: &Geometry, mut window: Window) -> Window {
    let (axis, sizes) = (cut_axis(geometry), choose_sizes(geometry));
    if let Some(range) = window.get_mut(axis) {
        range.end = at(&geometry.output, axis).min(range.start + at(&sizes, axis));
    }
    window
}

/// With no more output channels than these, what copying panels costs is not regained.
const FEW: usize = 32;
/// With more weights than these, panels of them leave the first-level cache.
const DEEP: usize = 1024;

impl Unfolded<'_> {
    /// Whether [`Unfolded::multiply`] is faster than a product of packed panels.
    pub fn is_direct(&self, left: &PackedLeft) -> bool {
        let [_, _, stride] = self.geometry.stride;
        let [_, _, columns] = self.geometry.output;
        left.rows() <= FEW && left.columns() <= DEEP && columns >= COLUMNS && (self.layout.is_some() || stride == 1)
    }

    /// The convolution without panels: a row of the result at a time, its last eight pixels maybe twice.
    pub fn multiply(&self, left: &PackedLeft, finish: &Finish, result: &mut [f32]) -> Result<()> {
        let (pixels, [_, _, columns]) = (self.geometry.output_pixels(), self.geometry.output);
        // Whole rows, or parts of the only one.
        let size = if pixels == columns { BLOCK } else { (BLOCK / columns).max(1) * columns };
        // A last block of fewer than eight pixels computes some of the one before again, after it.
        let alone = (pixels / size).max(1);
        let cost = pixels.saturating_mul(left.rows()).saturating_mul(left.columns());
        let parts = parallel::count_parts(cost, alone);
        let result = Shared::new(result);
        parallel::try_run(parts, |part| {
            let blocks = part_of(alone, 1, part, parts);
            let end = if blocks.end == alone { pixels } else { blocks.end * size };
            let mut held = Held::default();
            for start in (blocks.start * size..end).step_by(size) {
                let end = end.min(start + size);
                let block = start.min(end - COLUMNS)..end;
                let held = self.prepare(&mut held, &block)?;
                let mut tiles = Vec::with_capacity(block.len().div_ceil(COLUMNS));
                for row in block.clone().step_by(columns) {
                    let end = block.end.min(row + columns);
                    let starts = (row..end).step_by(COLUMNS).map(|column| column.min(end - COLUMNS));
                    let place = |pixel| (pixel, self.locate(held, split_pixel(&self.geometry.output, pixel)));
                    tiles.extend(starts.map(place));
                }
                let scatter = Scatter { source: self.source(held), offsets: &self.taps };
                // SAFETY: blocks of different parts are apart.
                unsafe { multiply_scattered(left, &scatter, &tiles, block, finish, &result, pixels)? };
            }
            Ok(())
        })
    }
}

impl Source for Unfolded<'_> {
    fn pack(&self, held: &mut Held, rows: Range<usize>, columns: Range<usize>, panels: &mut [f32]) -> Result<()> {
        let held = self.prepare(held, &columns)?;
        let source = self.source(held);
        let Some(taps) = self.taps.get(rows.clone()) else { return Ok(()) };
        let furthest = self.taps.iter().copied().max().unwrap_or(0);
        let size = (rows.len() * COLUMNS).max(1);
        for (panel, column) in panels.chunks_exact_mut(size).zip(columns.clone().step_by(COLUMNS)) {
            let mut pixels = [0; COLUMNS];
            let mut place = split_pixel(&self.geometry.output, column);
            let mut last = 0;
            for (index, pixel) in pixels.iter_mut().enumerate() {
                if column + index < columns.end {
                    last = self.locate(held, place);
                    place = next_pixel(&self.geometry.output, place);
                }
                *pixel = last;
            }
            let end = furthest + pixels.iter().copied().max().unwrap_or(0);
            if end < source.len() {
                // SAFETY: the furthest pixel under the furthest weight is inside.
                unsafe { gather(source, taps, &pixels, panel) };
            }
        }
        Ok(())
    }
}

/// Writes the pixels under each weight, eight at a time.
///
/// # Safety
/// `source` has every pixel at every tap.
unsafe fn gather(source: &[f32], taps: &[usize], pixels: &[usize; COLUMNS], panel: &mut [f32]) {
    let is_run = |pixels: &[usize]| pixels.is_sorted_by(|a, b| a + 1 == *b);
    let (first, second) = pixels.split_at(COLUMNS / 2);
    let (&[start, ..], runs) = (pixels, (is_run(first), is_run(second)));
    let source = source.as_ptr();
    let rows = taps.iter().zip(panel.as_chunks_mut::<COLUMNS>().0);
    // SAFETY: the caller's promise; runs are read whole.
    unsafe {
        if is_run(pixels) {
            for (tap, to) in rows {
                let from = source.add(tap + start);
                let (first, second) = (F32x4::load(from), F32x4::load(from.add(4)));
                first.store(to.as_mut_ptr());
                second.store(to.as_mut_ptr().add(4));
            }
        } else {
            for (tap, to) in rows {
                let from = source.add(*tap);
                let halves = [(first, runs.0), (second, runs.1)];
                for ((pixels, is_run), to) in halves.into_iter().zip(to.as_chunks_mut::<4>().0) {
                    match pixels {
                        [a, ..] if is_run => F32x4::load(from.add(*a)).store(to.as_mut_ptr()),
                        [a, b, c, d] => {
                            *to = [*from.add(*a), *from.add(*b), *from.add(*c), *from.add(*d)];
                        }
                        _ => {}
                    }
                }
            }
        }
    }
}
