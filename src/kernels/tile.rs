//! Copies of two axes, by whole runs where these are contiguous and by square tiles where they lie across each other.

use std::mem::{needs_drop, size_of};

use crate::tensor::Bits;

/// An axis of a copy: its size, and the places between neighbours where they come from and where they go to.
#[derive(Debug, Clone, Copy)]
pub struct Axis {
    pub size: usize,
    pub from: isize,
    pub to: isize,
}

impl Axis {
    /// An axis of one element.
    pub const ONE: Axis = Axis { size: 1, from: 1, to: 1 };
}

/// Rows of a tile that is read across: a cache line of the source of 32-bit elements.
const ROWS: usize = 16;

/// Columns of rows that are too few for tiles: what stays in the first cache while it is read once a row.
const COLUMNS: usize = 256;

/// Copies rows of columns, which are neighbours in the target.
///
/// # Safety
/// All places that the axes reach can be read and written, no two of the target are the same, and what is there is not
/// dropped.
pub unsafe fn copy_block<T: Bits>(source: *const T, target: *mut T, rows: Axis, columns: Axis) {
    // SAFETY: each arm reaches places of the axes only.
    unsafe {
        match columns.from {
            1 => {
                for row in 0..rows.size as isize {
                    copy_run(source.offset(row * rows.from), target.offset(row * rows.to), columns.size);
                }
            }
            from if rows.from == 1 && from > 1 && rows.size >= 4 && columns.size >= 4 && !needs_drop::<T>() => {
                copy_across(source, target, rows, columns);
            }
            from => {
                let mut start = 0;
                while start < columns.size {
                    let size = COLUMNS.min(columns.size - start);
                    let (source, target) = (source.offset(start as isize * from), target.add(start));
                    copy_each(source, target, rows, Axis { size, ..columns });
                    start += size;
                }
            }
        }
    }
}

/// # Safety
/// `count` elements can be read and written, and what is there is not dropped.
#[inline(always)]
unsafe fn copy_run<T: Bits>(source: *const T, target: *mut T, count: usize) {
    // SAFETY: the caller's promise; what needs no drop is copied by its bits.
    unsafe {
        // A call of memcpy costs more than a few elements do.
        if needs_drop::<T>() || count * size_of::<T>() <= 32 {
            for index in 0..count {
                target.add(index).write((*source.add(index)).clone());
            }
        } else {
            std::ptr::copy_nonoverlapping(source, target, count);
        }
    }
}

/// # Safety
/// As [`copy_block`].
unsafe fn copy_each<T: Bits>(source: *const T, target: *mut T, rows: Axis, columns: Axis) {
    for row in 0..rows.size as isize {
        // SAFETY: the caller's promise.
        unsafe {
            let (source, target) = (source.offset(row * rows.from), target.offset(row * rows.to));
            for column in 0..columns.size {
                target.add(column).write((*source.offset(column as isize * columns.from)).clone());
            }
        }
    }
}

/// Rows that are neighbours in the source, columns that are neighbours in the target.
///
/// # Safety
/// As [`copy_block`], with elements that need no drop.
unsafe fn copy_across<T: Bits>(source: *const T, target: *mut T, rows: Axis, columns: Axis) {
    let whole = (columns.size / 4) * 4;
    let mut top = 0;
    while top < rows.size {
        let height = ROWS.min(rows.size - top);
        let squares = (height / 4) * 4;
        // SAFETY: rows from `top` on, `height` of them, and columns are those of the axes.
        unsafe {
            let (source, target) = (source.add(top), target.offset(top as isize * rows.to));
            for column in (0..whole).step_by(4) {
                for row in (0..squares).step_by(4) {
                    let source = source.offset(column as isize * columns.from + row as isize);
                    copy_square(source, columns.from, target.offset(row as isize * rows.to).add(column), rows.to);
                }
            }
            let rest = Axis { size: height - squares, ..rows };
            let below = target.offset(squares as isize * rows.to);
            copy_each(source.add(squares), below, rest, Axis { size: whole, ..columns });
            let right = source.offset(whole as isize * columns.from);
            let sides = Axis { size: columns.size - whole, ..columns };
            copy_each(right, target.add(whole), Axis { size: height, ..rows }, sides);
        }
        top += height;
    }
}

/// Four rows of four, across.
///
/// # Safety
/// The places can be read and written; the elements need no drop.
#[inline(always)]
unsafe fn copy_square<T: Bits>(source: *const T, from: isize, target: *mut T, to: isize) {
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    if size_of::<T>() == 4 {
        use core::arch::wasm32::*;
        // SAFETY: the caller's promise; loads and stores need no alignment.
        unsafe {
            let load = |row: isize| v128_load(source.offset(row * from).cast());
            let (a, b, c, d) = (load(0), load(1), load(2), load(3));
            let (ab, cd) = (i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<0, 4, 1, 5>(c, d));
            let (ef, gh) = (i32x4_shuffle::<2, 6, 3, 7>(a, b), i32x4_shuffle::<2, 6, 3, 7>(c, d));
            let store = |row: isize, value: v128| v128_store(target.offset(row * to).cast(), value);
            store(0, i64x2_shuffle::<0, 2>(ab, cd));
            store(1, i64x2_shuffle::<1, 3>(ab, cd));
            store(2, i64x2_shuffle::<0, 2>(ef, gh));
            store(3, i64x2_shuffle::<1, 3>(ef, gh));
        }
        return;
    }
    // SAFETY: the caller's promise.
    unsafe {
        let load = |column: isize| source.offset(column * from).cast::<[T; 4]>().read();
        let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (load(0), load(1));
        let ([c0, c1, c2, c3], [d0, d1, d2, d3]) = (load(2), load(3));
        let store = |row: isize, values: [T; 4]| target.offset(row * to).cast::<[T; 4]>().write(values);
        store(0, [a0, b0, c0, d0]);
        store(1, [a1, b1, c1, d1]);
        store(2, [a2, b2, c2, d2]);
        store(3, [a3, b3, c3, d3]);
    }
}
