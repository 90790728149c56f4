//! Copies of a part of an image with zeros around it, cut so that the pixels that neighbours in the result read under one
//! weight are neighbours, whatever the stride.

use std::ops::Range;

use super::{Geometry, at};
use crate::kernels::simd::F32x4;

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

    /// What a window reads of a channel, to be copied.
    pub fn list_runs(&self, window: &Window) -> Runs {
        let Geometry { input: [depths, rows, columns], stride, before, .. } = self.geometry;
        let [depth_stride, row_stride, column_stride] = stride;
        let [depth_start, row_start, column_start] = window.each_ref().map(|range| range.start);
        let mut runs = Runs { list: vec![], step: column_stride, room: self.channel() };
        for depth in 0..self.depths {
            let from = (depth + depth_start * depth_stride).checked_sub(at(&before, 0));
            let Some(from_depth) = from.filter(|&from| from < depths) else { continue };
            for row_phase in 0..row_stride {
                for row in 0..self.rows {
                    let from = ((row + row_start) * row_stride + row_phase).checked_sub(at(&before, 1));
                    let Some(from_row) = from.filter(|&from| from < rows) else { continue };
                    for phase in 0..column_stride {
                        let shift = column_start * column_stride + phase;
                        let first = at(&before, 2).saturating_sub(shift).div_ceil(column_stride).min(self.columns);
                        let behind = (columns + at(&before, 2)).saturating_sub(shift).div_ceil(column_stride);
                        let length = behind.min(self.columns).saturating_sub(first);
                        let start = (shift + first * column_stride).saturating_sub(at(&before, 2));
                        let line = (row_phase * column_stride + phase) * self.rows + row;
                        runs.list.push(Run {
                            to: depth * self.slice() + line * self.columns + first,
                            from: (from_depth * rows + from_row) * columns + start,
                            length,
                        });
                    }
                }
            }
        }
        runs.list.retain(|run| run.length > 0);
        runs
    }
}

struct Run {
    to: usize,
    from: usize,
    length: usize,
}

/// Parts of a channel to be copied, whose elements are `step` apart; what they leave out is zero.
pub struct Runs {
    list: Vec<Run>,
    step: usize,
    room: usize,
}

impl Runs {
    /// Copies them of one channel.
    pub fn copy(&self, image: &[f32], copy: &mut [f32]) {
        if copy.len() < self.room {
            return;
        }
        for Run { to, from, length } in &self.list {
            let (Some(from), Some(to)) = (image.get(*from..), copy.get_mut(*to..to + length)) else { continue };
            if from.len() > (length - 1) * self.step {
                // SAFETY: `from` reaches to the last element of the run.
                unsafe {
                    match self.step {
                        1 => copy_each(from.as_ptr(), to),
                        2 => copy_every_second(from.as_ptr(), to),
                        _ => to.iter_mut().zip(from.iter().step_by(self.step)).for_each(|(to, from)| *to = *from),
                    }
                }
            }
        }
    }
}

/// The instruction that copies memory costs more than short rows take.
///
/// # Safety
/// `to.len()` elements can be read at `from`.
#[inline(always)]
unsafe fn copy_each(from: *const f32, to: &mut [f32]) {
    let count = to.len();
    let to = to.as_mut_ptr();
    // SAFETY: the caller's promise; the last four overlap those before.
    unsafe {
        for four in (0..count / 4 * 4).step_by(4) {
            F32x4::load(from.add(four)).store(to.add(four));
        }
        if count >= 4 {
            F32x4::load(from.add(count - 4)).store(to.add(count - 4));
        } else {
            (0..count).for_each(|index| *to.add(index) = *from.add(index));
        }
    }
}

/// # Safety
/// `2 * to.len() - 1` elements can be read at `from`.
#[inline(always)]
unsafe fn copy_every_second(from: *const f32, to: &mut [f32]) {
    let count = to.len();
    let to = to.as_mut_ptr();
    // Eight elements are read for four, the last of which may be behind the end.
    let fours = count.saturating_sub(1) / 4 * 4;
    // SAFETY: the caller's promise.
    unsafe {
        for four in (0..fours).step_by(4) {
            let (first, second) = (F32x4::load(from.add(2 * four)), F32x4::load(from.add(2 * four + 4)));
            first.unzip(second).0.store(to.add(four));
        }
        (fours..count).for_each(|index| *to.add(index) = *from.add(2 * index));
    }
}
