//! The reverse of unfolding: columns of products are added to the pixels that a convolution would have read.

use std::ops::{AddAssign, Range};

use super::{Geometry, at};

/// Adds one channel's columns to its image: `columns` has a row for each weight, in which are the pixels of the rows
/// `lines` of the convolution's result (depths and rows counted together).
pub fn add_columns<T: AddAssign + Copy>(geometry: &Geometry, lines: Range<usize>, columns: &[T], image: &mut [T]) {
    let Geometry { input, output: [_, rows, width], kernel: [_, kernel_rows, kernel_columns], .. } = *geometry;
    let Geometry { stride, dilation, before, .. } = *geometry;
    // Where the pixel and the weight of these numbers meet along an axis, before the padding is taken off.
    let meet = |axis: usize, pixel: usize, weight: usize| pixel * at(&stride, axis) + weight * at(&dilation, axis);
    let inside = |axis: usize, pixel: usize, weight: usize| {
        meet(axis, pixel, weight).checked_sub(at(&before, axis)).filter(|&place| place < at(&input, axis))
    };
    let [_, image_rows, image_columns] = input;
    let step = at(&stride, 2);
    let taps = columns.chunks_exact((lines.len() * width).max(1)).take(geometry.taps()).enumerate();
    for (tap, values) in taps {
        let (depth, row, column) =
            (tap / kernel_columns / kernel_rows, tap / kernel_columns % kernel_rows, tap % kernel_columns);
        // The pixels of a line that meet the image.
        let shift = column * at(&dilation, 2);
        let first = at(&before, 2).saturating_sub(shift).div_ceil(step).min(width);
        let behind = (image_columns + at(&before, 2)).saturating_sub(shift).div_ceil(step).clamp(first, width);
        let start = (shift + first * step).saturating_sub(at(&before, 2));
        for (line, values) in lines.clone().zip(values.chunks_exact(width.max(1))) {
            let place = inside(0, line / rows.max(1), depth).zip(inside(1, line % rows.max(1), row));
            let (Some((depth, row)), Some(values)) = (place, values.get(first..behind)) else { continue };
            let row = (depth * image_rows + row) * image_columns;
            let Some(to) = image.get_mut(row + start..row + image_columns) else { continue };
            if step == 1 {
                to.iter_mut().zip(values).for_each(|(to, value)| *to += *value);
            } else {
                to.iter_mut().step_by(step).zip(values).for_each(|(to, value)| *to += *value);
            }
        }
    }
}
