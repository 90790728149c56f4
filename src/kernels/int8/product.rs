//! Packed rows times packed columns.

use super::lanes::{I16x8, I32x4};
use super::pack::PANEL;
use crate::kernels::parallel;

/// Rows that a tile multiplies at once: with two vectors of columns each, their sums fill half of the registers.
const TILE: usize = 4;

/// Multiplies rows of `depth` (an even number) with the panels of `columns` columns. `out` is given one row after another,
/// `columns` long each.
pub fn multiply(rows: &[i16], depth: usize, panels: &[i8], columns: usize, out: &mut [i32]) {
    if depth == 0 || columns == 0 {
        return out.fill(0);
    }
    let count = (rows.len() / depth).min(out.len() / columns);
    let Some(out) = out.get_mut(..count * columns) else { return };
    let cost = rows.len().saturating_mul(columns) / 2;
    let parts = parallel::count_parts(cost, count / TILE);
    parallel::run_chunks(out, TILE * columns, parts, |start, out| {
        multiply_rows(rows.get(start / columns * depth..).unwrap_or_default(), depth, panels, columns, out);
    });
}

fn multiply_rows(rows: &[i16], depth: usize, panels: &[i8], columns: usize, out: &mut [i32]) {
    let count = out.len() / columns;
    for (index, panel) in panels.chunks_exact(depth * PANEL).take(columns.div_ceil(PANEL)).enumerate() {
        let column = index * PANEL;
        let width = PANEL.min(columns - column);
        let mut row = 0;
        while row < count {
            let height = TILE.min(count - row);
            let Some(part) = rows.get(row * depth..(row + height) * depth) else { return };
            let Some(target) = out.get_mut(row * columns + column..(row + height - 1) * columns + column + width)
            else {
                return;
            };
            match height {
                4 => multiply_tile::<4>(part, depth, panel, columns, width, target),
                3 => multiply_tile::<3>(part, depth, panel, columns, width, target),
                2 => multiply_tile::<2>(part, depth, panel, columns, width, target),
                _ => multiply_tile::<1>(part, depth, panel, columns, width, target),
            }
            row += height;
        }
    }
}

fn multiply_tile<const ROWS: usize>(
    rows: &[i16],
    depth: usize,
    panel: &[i8],
    stride: usize,
    width: usize,
    out: &mut [i32],
) {
    if rows.len() < ROWS * depth || panel.len() < depth * PANEL {
        return;
    }
    let mut sums = [[I32x4::zero(); 2]; ROWS];
    let (rows, panel) = (rows.as_ptr(), panel.as_ptr());
    for k in (0..depth - depth % 2).step_by(2) {
        // SAFETY: `k + 2 <= depth`: the panel holds `PANEL` elements, and each of the rows one, for every step of the depth.
        unsafe {
            let from = panel.add(k * PANEL);
            let columns = [I16x8::widen(from), I16x8::widen(from.add(PANEL))];
            for (row, sums) in sums.iter_mut().enumerate() {
                let value = I16x8::splat_pair(rows.add(row * depth + k));
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = sum.add(value.dot(column));
                }
            }
        }
    }
    for (out, [left, right]) in out.chunks_mut(stride).zip(sums) {
        match out.get_mut(..PANEL) {
            Some(out) if width == PANEL => {
                let out = out.as_mut_ptr();
                // SAFETY: `out` is `PANEL` long.
                unsafe {
                    left.store(out);
                    right.store(out.add(PANEL / 2));
                }
            }
            _ => {
                let values = left.to_array().into_iter().chain(right.to_array());
                out.iter_mut().take(width).zip(values).for_each(|(out, value)| *out = value);
            }
        }
    }
}

/// Takes off the products what the columns' zero points add to them: one of them for all columns, or one each.
pub fn take_off_zeros(out: &mut [i32], columns: usize, row_sums: &[i32], zeros: &[i32]) {
    if columns == 0 || zeros.iter().all(|&zero| zero == 0) {
        return;
    }
    for (out, &sum) in out.chunks_exact_mut(columns).zip(row_sums) {
        match zeros {
            [zero] => {
                let product = zero.wrapping_mul(sum);
                out.iter_mut().for_each(|out| *out = out.wrapping_sub(product));
            }
            _ => out.iter_mut().zip(zeros).for_each(|(out, zero)| *out = out.wrapping_sub(zero.wrapping_mul(sum))),
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)]
mod tests {
    use super::super::pack::{Source, count_panels, pack_columns, pack_row, pad_depth};
    use super::*;

    /// The product by its definition, for a zero point of each row and of each column.
    fn multiply_plainly(a: Source, b: Source, zeros: [&[i32]; 2], [m, k, n]: [usize; 3]) -> Vec<i32> {
        let at = |source: &Source, row: usize, column: usize| {
            let value = source.values[row * source.across + column * source.along];
            if source.is_signed { i32::from(value as i8) } else { i32::from(value) }
        };
        let element = |index: usize| {
            let (row, column) = (index / n, index % n);
            let zeros = [zeros[0][row % zeros[0].len()], zeros[1][column % zeros[1].len()]];
            (0..k).map(|k| (at(&a, row, k) - zeros[0]) * (at(&b, k, column) - zeros[1])).sum()
        };
        (0..m * n).map(element).collect()
    }

    #[test]
    fn products_are_exact() {
        let mut state = 1u32;
        let mut next = |count: usize| -> Vec<u8> {
            let mut draw = || {
                state = state.wrapping_mul(1664525).wrapping_add(1013904223);
                // The extremes are where sums overflow if they can.
                if state >> 30 == 0 {
                    255
                } else if state >> 30 == 1 {
                    128
                } else {
                    (state >> 16) as u8
                }
            };
            (0..count).map(|_| draw()).collect()
        };
        for (m, k, n) in
            [(1, 1, 1), (3, 2, 7), (4, 3, 8), (5, 8, 9), (6, 17, 16), (7, 0, 3), (0, 4, 4), (2, 4, 0), (9, 33, 31)]
        {
            for flags in 0..8 {
                let (values_a, values_b) = (next(m * k), next(k * n));
                let a = Source { values: &values_a, is_signed: flags & 1 != 0, along: 1, across: k };
                let (along, across) = if flags & 4 == 0 { (1, n) } else { (k, 1) };
                let b = Source { values: &values_b, is_signed: flags & 2 != 0, along, across };
                let zeros_a: Vec<i32> = (0..m as i32).map(|index| index * 7 % 100).collect();
                let zeros_b: Vec<i32> = (0..n as i32).map(|index| index * 13 % 100).collect();
                let depth = pad_depth(k);
                let mut rows = vec![0; m * depth];
                let mut sums = vec![0; m];
                for row in 0..m {
                    let to = &mut rows[row * depth..(row + 1) * depth];
                    sums[row] = pack_row(a, row, k, zeros_a[row], to);
                }
                let mut panels = vec![77; count_panels(n) * PANEL * depth];
                pack_columns(b, k, n, &mut panels);
                let mut out = vec![99; m * n];
                multiply(&rows, depth, &panels, n, &mut out);
                let left: Vec<i32> = zeros_b.iter().map(|zero| if b.is_signed { *zero } else { zero - 128 }).collect();
                take_off_zeros(&mut out, n, &sums, &left);
                assert_eq!(out, multiply_plainly(a, b, [&zeros_a, &zeros_b], [m, k, n]), "{m} {k} {n} {flags}");
            }
        }
    }
}
