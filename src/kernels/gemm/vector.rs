//! Products of a vector and a matrix, which are as fast as memory: each weight is read once, in the order it is stored in,
//! with enough sums side by side to hide the time an addition takes.

use super::pack::Matrix;
use super::tile::COLUMNS;
use crate::kernels::simd::F32x4;

/// Columns of panels that are multiplied at once: with their sums, what is loaded and a factor, V8 has registers for no more.
pub(super) const GROUP: usize = 24;

/// `to[j] += sum of x[i] * panels[j / W][i][j % W]`: the panels of a packed matrix of `W` columns each, four or eight. Where a
/// column is in its group decides in which order it is added up.
pub(super) fn multiply_panels<const W: usize>(x: &[f32], panels: &[f32], to: &mut [f32]) {
    let size = (x.len() * W).max(1);
    for (to, panels) in to.chunks_mut(GROUP).zip(panels.chunks(size * GROUP / W)) {
        if to.len() == GROUP && panels.len() == size * GROUP / W {
            // SAFETY: a panel has `W` elements for each of `x`.
            let sums = unsafe { multiply_group::<W>(x, panels.as_ptr()) };
            to.iter_mut().zip(sums.as_flattened()).for_each(|(to, sum)| *to += sum);
            continue;
        }
        for (to, panel) in to.chunks_mut(W).zip(panels.chunks_exact(size)) {
            // SAFETY: a panel has `W` elements for each of `x`.
            let sums = unsafe { multiply_panel::<W>(x, panel.as_ptr()) };
            to.iter_mut().zip(sums).for_each(|(to, sum)| *to += sum);
        }
    }
}

/// # Safety
/// Panels of `W` elements for each of `x`, as many as a group has, can be read at `panels`.
#[inline(never)]
unsafe fn multiply_group<const W: usize>(x: &[f32], panels: *const f32) -> [[f32; 4]; GROUP / 4] {
    let mut sums = [F32x4::splat(0.0); GROUP / 4];
    for (row, factor) in x.iter().enumerate() {
        let factor = F32x4::splat(*factor);
        for (index, sum) in sums.iter_mut().enumerate() {
            let (panel, four) = (index * 4 / W, index * 4 % W);
            // SAFETY: the caller's promise.
            let from = unsafe { F32x4::load(panels.add((panel * x.len() + row) * W + four)) };
            *sum = factor.mul_add(from, *sum);
        }
    }
    sums.map(F32x4::to_array)
}

/// # Safety
/// `W` elements for each of `x` can be read at `panel`.
#[inline(never)]
unsafe fn multiply_panel<const W: usize>(x: &[f32], mut panel: *const f32) -> [f32; COLUMNS] {
    let phases = 2 * COLUMNS / W;
    let mut sums = [F32x4::splat(0.0); 8];
    let rest = x.len() % phases;
    // SAFETY: the caller's promise.
    unsafe {
        let mut from = x.as_ptr();
        for _ in 0..x.len() / phases {
            for (index, sum) in sums.iter_mut().take(phases * W / 4).enumerate() {
                let factor = F32x4::load_splat(from.add(index * 4 / W));
                *sum = factor.mul_add(F32x4::load(panel.add(index * 4)), *sum);
            }
            from = from.add(phases);
            panel = panel.add(phases * W);
        }
        for row in 0..rest {
            for (four, sum) in sums.iter_mut().take(W / 4).enumerate() {
                let factor = F32x4::load_splat(from.add(row));
                *sum = factor.mul_add(F32x4::load(panel.add(row * W + four * 4)), *sum);
            }
        }
    }
    let mut total = [0.0; COLUMNS];
    for (index, sum) in sums.into_iter().enumerate() {
        let lanes = total.iter_mut().skip(index * 4 % W);
        lanes.zip(sum.to_array()).for_each(|(total, lane)| *total += lane);
    }
    total
}

/// `to[j] += sum of x[i] * matrix[i][j]` for a matrix whose rows or columns are contiguous.
pub(super) fn multiply_matrix(x: &[f32], matrix: Matrix, to: &mut [f32]) {
    if matrix.check(x.len(), to.len()).is_err() || x.is_empty() {
        return;
    }
    if matrix.column_stride == 1 {
        add_rows(x, matrix, to);
    } else {
        dot_columns(x, matrix, to);
    }
}

/// Adds rows, eight at a time, to a part of `to` that stays in the cache.
fn add_rows(x: &[f32], matrix: Matrix, to: &mut [f32]) {
    const PART: usize = 2048;
    for (part, to) in to.chunks_mut(PART).enumerate() {
        for (group, x) in x.chunks(8).enumerate() {
            let start = group * 8 * matrix.row_stride + part * PART;
            let from = matrix.data.as_ptr();
            // SAFETY: the matrix was checked to have a row for each of `x` and a column for each of `to`.
            unsafe {
                match <&[f32; 8]>::try_from(x) {
                    Ok(x) => add_scaled(x, from.add(start), matrix.row_stride, to),
                    Err(_) => {
                        for (row, x) in x.iter().enumerate() {
                            add_scaled(&[*x], from.add(start + row * matrix.row_stride), matrix.row_stride, to);
                        }
                    }
                }
            }
        }
    }
}

/// # Safety
/// `N` rows as long as `to` can be read at `from`, `stride` apart.
#[inline(never)]
unsafe fn add_scaled<const N: usize>(x: &[f32; N], from: *const f32, stride: usize, to: &mut [f32]) {
    let factors = x.map(F32x4::splat);
    let (fours, rest) = to.as_chunks_mut::<4>();
    let done = fours.len() * 4;
    // SAFETY: the caller's promise.
    unsafe {
        for (four, to) in fours.iter_mut().enumerate() {
            let mut sum = F32x4::new(*to);
            for (row, factor) in factors.iter().enumerate() {
                sum = factor.mul_add(F32x4::load(from.add(row * stride + four * 4)), sum);
            }
            *to = sum.to_array();
        }
        for (index, to) in rest.iter_mut().enumerate() {
            for (row, factor) in x.iter().enumerate() {
                *to += factor * *from.add(row * stride + done + index);
            }
        }
    }
}

/// The product of `x` and each column, whose elements are `row_stride` apart: contiguous, or else slow.
fn dot_columns(x: &[f32], matrix: Matrix, to: &mut [f32]) {
    let (data, stride) = (matrix.data.as_ptr(), matrix.column_stride);
    if matrix.row_stride == 1 {
        let (fours, rest) = to.as_chunks_mut::<4>();
        let done = fours.len() * 4;
        // SAFETY: the matrix was checked to have a row for each of `x` and a column for each of `to`.
        unsafe {
            for (four, to) in fours.iter_mut().enumerate() {
                let sums = dot_four(x, data.add(four * 4 * stride), stride);
                *to = F32x4::new(*to).add(sums).to_array();
            }
            for (column, to) in rest.iter_mut().enumerate() {
                *to += dot(x, data.add((done + column) * stride));
            }
        }
        return;
    }
    for (column, to) in to.iter_mut().enumerate() {
        let elements = (0..x.len()).filter_map(|row| matrix.data.get(column * stride + row * matrix.row_stride));
        *to += x.iter().zip(elements).map(|(x, element)| x * element).sum::<f32>();
    }
}

/// # Safety
/// As many elements as `x` has can be read at four places `stride` apart.
#[inline(never)]
unsafe fn dot_four(x: &[f32], columns: *const f32, stride: usize) -> F32x4 {
    let mut sums = [[F32x4::splat(0.0); 2]; 4];
    let (eights, rest) = x.as_chunks::<8>();
    let done = eights.len() * 8;
    // SAFETY: the caller's promise.
    unsafe {
        for (eight, x) in eights.iter().enumerate() {
            let (first, second) = (F32x4::load(x.as_ptr()), F32x4::load(x.as_ptr().add(4)));
            for (column, [a, b]) in sums.iter_mut().enumerate() {
                let from = columns.add(column * stride + eight * 8);
                *a = first.mul_add(F32x4::load(from), *a);
                *b = second.mul_add(F32x4::load(from.add(4)), *b);
            }
        }
        // The lanes of a column's sum become one lane of the result.
        let [a, b, c, d] = sums.map(|[first, second]| first.add(second));
        let ((first, second), (third, fourth)) = (a.zip(c), b.zip(d));
        let ((a, b), (c, d)) = (first.zip(third), second.zip(fourth));
        let mut total = a.add(b).add(c.add(d));
        for (row, x) in rest.iter().enumerate() {
            let element = |column: usize| *columns.add(column * stride + done + row);
            let elements = F32x4::new([element(0), element(1), element(2), element(3)]);
            total = F32x4::splat(*x).mul_add(elements, total);
        }
        total
    }
}

/// # Safety
/// As many elements as `x` has can be read at `other`.
#[inline(never)]
unsafe fn dot(x: &[f32], other: *const f32) -> f32 {
    let mut sums = [F32x4::splat(0.0); 8];
    let groups = x.len() / 32;
    let mut from = x.as_ptr();
    let mut other = other;
    // SAFETY: the caller's promise.
    unsafe {
        for _ in 0..groups {
            for (index, sum) in sums.iter_mut().enumerate() {
                *sum = F32x4::load(from.add(index * 4)).mul_add(F32x4::load(other.add(index * 4)), *sum);
            }
            from = from.add(32);
            other = other.add(32);
        }
        let [first, ..] = &mut sums;
        let rest = x.len() % 32;
        for index in (0..rest / 4 * 4).step_by(4) {
            *first = F32x4::load(from.add(index)).mul_add(F32x4::load(other.add(index)), *first);
        }
        let mut total: f32 = (rest / 4 * 4..rest).map(|index| *from.add(index) * *other.add(index)).sum();
        let [a, b, c, d, e, f, g, h] = sums;
        let sum = a.add(b).add(c.add(d)).add(e.add(f).add(g.add(h)));
        let [a, b, c, d] = sum.to_array();
        total += (a + b) + (c + d);
        total
    }
}
