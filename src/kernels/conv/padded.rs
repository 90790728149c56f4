//! Copies of a part of an image with zeros around it, cut so that the pixels that neighbours in the result read under one
//! weight are neighbours, whatever the stride.

use std::ops::Range;

use super::{Geometry, at};

/// Elements that may be read behind the last one that counts.
pub const SLACK: usize = 16;

/// A part of the result: for each axis, its pixels.
pub type Window = [Range<usize>; 3];

/// How the pixels of one channel lie in a copy that `sizes` pixels of the result read: by depth, then by the remainders of row
/// and column divided by the strides, then by row and column divided by them.
#[derive(Debug, Clone)]
pub struct Layout {
    geometry: Geometry,
    /// Depths, and rows and columns for each remainder.
    depths: usize,
    rows: usize,
    columns: usize,
}

impl Layout {
    /// The layout for at most `sizes` pixels of the result along each axis.
    pub fn new(geometry: &Geometry, sizes: [usize; 3]) -> Layout {
        let [_, row_stride, column_stride] = geometry.stride;
        Layout {
            geometry: *geometry,
            depths: geometry.extent(0, at(&sizes, 0)),
            rows: geometry.extent(1, at(&sizes, 1)).div_ceil(row_stride.max(1)),
            columns: geometry.extent(2, at(&sizes, 2)).div_ceil(column_stride.max(1)),
        }
    }

    /// Elements from a row of the result to the next.
    pub fn pitch(&self) -> usize {
        self.columns
    }

    /// Elements from a depth of the result to the next.
    pub fn depth_pitch(&self) -> usize {
        self.slice() * at(&self.geometry.stride, 0)
    }

    /// Elements of one depth of the copy.
    fn slice(&self) -> usize {
        let [_, row_stride, column_stride] = self.geometry.stride;
        row_stride * column_stride * self.rows * self.columns
    }

    /// Elements of one channel.
    pub fn channel(&self) -> usize {
        self.depths * self.slice()
    }

    /// Where the first pixel of the window reads, under each weight of one channel.
    pub fn taps(&self) -> Vec<usize> {
        let [_, row_stride, column_stride] = self.geometry.stride;
        let [depths, rows, columns] = self.geometry.kernel;
        let [depth_step, row_step, column_step] = self.geometry.dilation;
        let mut taps = Vec::with_capacity(self.geometry.taps());
        for depth in 0..depths {
            for row in (0..rows).map(|row| row * row_step) {
                for column in (0..columns).map(|column| column * column_step) {
                    let phase = row % row_stride * column_stride + column % column_stride;
                    let inside = (phase * self.rows + row / row_stride) * self.columns + column / column_stride;
                    taps.push(depth * depth_step * self.slice() + inside);
                }
            }
        }
        taps
    }

    /// Copies what `window` reads of one channel.
    pub fn fill(&self, window: &Window, image: &[f32], copy: &mut [f32]) {
        let Geometry { input: [depths, rows, columns], stride, before, .. } = self.geometry;
        let [depth_stride, row_stride, column_stride] = stride;
        let [depth_start, row_start, column_start] = window.each_ref().map(|range| range.start);
        let plane = rows * columns;
        let slices = copy.chunks_exact_mut(self.slice().max(1)).take(self.depths);
        for (depth, slice) in slices.enumerate() {
            let from = (depth + depth_start * depth_stride).checked_sub(at(&before, 0)).filter(|&depth| depth < depths);
            let Some(from) = from.and_then(|depth| image.get(depth * plane..(depth + 1) * plane)) else {
                slice.fill(0.0);
                continue;
            };
            let phase_rows = slice.chunks_exact_mut((self.rows * self.columns).max(1)).enumerate();
            for (phase, to) in phase_rows {
                let (row_phase, column_phase) = (phase / column_stride, phase % column_stride);
                // The columns of this phase that are inside the image.
                let shift = column_start * column_stride + column_phase;
                let first = at(&before, 2).saturating_sub(shift).div_ceil(column_stride).min(self.columns);
                let behind = (columns + at(&before, 2)).saturating_sub(shift).div_ceil(column_stride);
                let behind = behind.clamp(first, self.columns);
                let start = (shift + first * column_stride).saturating_sub(at(&before, 2));
                for (row, to) in to.chunks_exact_mut(self.columns.max(1)).enumerate() {
                    let row = ((row + row_start) * row_stride + row_phase).checked_sub(at(&before, 1));
                    let from =
                        row.filter(|&row| row < rows).and_then(|row| from.get(row * columns..(row + 1) * columns));
                    let (Some(from), Some((left, rest))) = (from, to.split_at_mut_checked(first)) else {
                        to.fill(0.0);
                        continue;
                    };
                    let Some((middle, right)) = rest.split_at_mut_checked(behind - first) else { continue };
                    left.fill(0.0);
                    right.fill(0.0);
                    let from = from.get(start..).unwrap_or_default();
                    if column_stride == 1 {
                        let from = from.get(..middle.len()).unwrap_or_default();
                        if from.len() == middle.len() {
                            middle.copy_from_slice(from);
                        }
                    } else {
                        middle.iter_mut().zip(from.iter().step_by(column_stride)).for_each(|(to, from)| *to = *from);
                    }
                }
            }
        }
    }
}
