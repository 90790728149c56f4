//! The innermost loop: some rows and eight columns of a product, held in registers.
//!
//! Four by eight fills the sixteen registers of x86-64. A fused multiplication and addition takes longer than an addition,
//! and so more sums side by side: eight by eight, though x86-64 spills some of them, is half as fast again there as four by
//! eight, and fits the registers of ARM. The loop stands in a function of its own that is never inlined: amid more code V8's
//! register allocator spills the sums.

use crate::kernels::simd::F32x4;

/// The rows of a tile, and of a panel of a packed left matrix.
pub const ROWS: usize = if cfg!(target_feature = "relaxed-simd") { 8 } else { 4 };
/// The columns of a tile, and of a panel of a packed right matrix.
pub const COLUMNS: usize = 8;

/// Where the rows of a matrix are: the first one, and how many elements further the next.
#[derive(Clone, Copy)]
pub struct Rows<P> {
    /// The first element of the first row.
    pub start: P,
    /// Elements from one row to the next.
    pub stride: usize,
}

/// The right matrix: eight elements of each row, one row after the other.
pub trait Stream: Copy {
    /// The eight elements of a row, and what follows them.
    ///
    /// # Safety
    /// The row exists.
    unsafe fn at(self, row: usize) -> *const f32;

    /// The same from `rows` further.
    ///
    /// # Safety
    /// That row exists, or is the one behind the last.
    unsafe fn skip(self, rows: usize) -> Self;

    /// The same rows of the next tile, which start `elements` further.
    ///
    /// # Safety
    /// There are such rows, or nothing more is read.
    unsafe fn advance(self, elements: usize) -> Self;
}

/// A panel: row after row of eight elements.
#[derive(Clone, Copy)]
pub struct Panel(pub *const f32);

impl Stream for Panel {
    #[inline(always)]
    unsafe fn at(self, row: usize) -> *const f32 {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(row * COLUMNS) }
    }

    #[inline(always)]
    unsafe fn skip(self, rows: usize) -> Panel {
        // SAFETY: the caller's promise.
        Panel(unsafe { self.0.add(rows * COLUMNS) })
    }

    #[inline(always)]
    unsafe fn advance(self, elements: usize) -> Panel {
        Panel(self.0.wrapping_add(elements))
    }
}

/// Rows of a matrix that is not packed.
#[derive(Clone, Copy)]
pub struct Strided(pub Rows<*const f32>);

impl Stream for Strided {
    #[inline(always)]
    unsafe fn at(self, row: usize) -> *const f32 {
        // SAFETY: the caller's promise.
        unsafe { self.0.start.add(row * self.0.stride) }
    }

    #[inline(always)]
    unsafe fn skip(self, rows: usize) -> Strided {
        // SAFETY: the caller's promise.
        Strided(Rows { start: unsafe { self.0.start.add(rows * self.0.stride) }, stride: self.0.stride })
    }

    #[inline(always)]
    unsafe fn advance(self, elements: usize) -> Strided {
        Strided(Rows { start: self.0.start.wrapping_add(elements), stride: self.0.stride })
    }
}

/// Rows that start anywhere: at `offsets` from one place.
#[derive(Clone, Copy)]
pub struct Scattered {
    /// The place.
    pub base: *const f32,
    /// How far from it each row is.
    pub offsets: *const usize,
}

impl Stream for Scattered {
    #[inline(always)]
    unsafe fn at(self, row: usize) -> *const f32 {
        // SAFETY: the caller's promise.
        unsafe { self.base.add(*self.offsets.add(row)) }
    }

    #[inline(always)]
    unsafe fn skip(self, rows: usize) -> Scattered {
        // SAFETY: the caller's promise.
        Scattered { base: self.base, offsets: unsafe { self.offsets.add(rows) } }
    }

    #[inline(always)]
    unsafe fn advance(self, elements: usize) -> Scattered {
        Scattered { base: self.base.wrapping_add(elements), offsets: self.offsets }
    }
}

/// Tiles side by side, and how many elements further each next one is in what is read.
#[derive(Clone, Copy)]
pub struct Tiles {
    /// How many.
    pub count: usize,
    /// In the right matrix.
    pub right: usize,
    /// In what the sums start from.
    pub from: usize,
}

/// Tiles: `R` rows of `from`, plus the product of `R` rows of the left matrix and eight columns of the right one, between
/// `low` and `high`, to `to`. `PACKED` rows of the left matrix alternate, element by element, in a panel of [`ROWS`]; others
/// are contiguous.
///
/// # Safety
/// For each tile `R` rows of eight can be read from `from` and written to `to`, `R` rows of `k` read from `left`, and `k` from
/// `right`.
#[inline(never)]
#[allow(clippy::too_many_arguments, reason = "each is a register")]
pub unsafe fn multiply_tiles<const R: usize, const PACKED: bool, S: Stream>(
    k: usize,
    left: Rows<*const f32>,
    right: S,
    from: Rows<*const f32>,
    to: Rows<*mut f32>,
    tiles: Tiles,
    low: f32,
    high: f32,
) {
    let (mut right, mut from, mut to) = (right, from, to);
    for _ in 0..tiles.count {
        // SAFETY: the caller's promise.
        unsafe {
            multiply_tile::<R, PACKED, S>(k, left, right, from, to, low, high);
            right = right.advance(tiles.right);
        }
        from.start = from.start.wrapping_add(tiles.from);
        to.start = to.start.wrapping_add(COLUMNS);
    }
}

/// # Safety
/// `R` rows of eight can be read from `from` and written to `to`, `R` rows of `k` read from `left`, and `k` from `right`.
#[inline(always)]
unsafe fn multiply_tile<const R: usize, const PACKED: bool, S: Stream>(
    k: usize,
    left: Rows<*const f32>,
    right: S,
    from: Rows<*const f32>,
    to: Rows<*mut f32>,
    low: f32,
    high: f32,
) {
    // SAFETY: the caller's promise covers every row below `R` and every step below `k`.
    unsafe {
        let mut sums = [[F32x4::splat(0.0); 2]; R];
        for (row, sums) in sums.iter_mut().enumerate() {
            let from = from.start.add(row * from.stride);
            *sums = [F32x4::load(from), F32x4::load(from.add(4))];
        }
        let mut rows = [left.start; R];
        if !PACKED {
            for (row, pointer) in rows.iter_mut().enumerate() {
                *pointer = left.start.add(row * left.stride);
            }
        }
        let mut panel = left.start;
        let mut right = right;
        let mut left_over = k;
        while left_over >= 4 {
            for step in 0..4 {
                let right = right.at(step);
                let (first, second) = (F32x4::load(right), F32x4::load(right.add(4)));
                for (row, sums) in sums.iter_mut().enumerate() {
                    let factor = if PACKED { panel.add(step * ROWS + row) } else { element(&rows, row).add(step) };
                    let factor = F32x4::load_splat(factor);
                    let [left, right] = *sums;
                    *sums = [factor.mul_add(first, left), factor.mul_add(second, right)];
                }
            }
            if PACKED {
                panel = panel.add(4 * ROWS);
            } else {
                for pointer in &mut rows {
                    *pointer = pointer.add(4);
                }
            }
            right = right.skip(4);
            left_over -= 4;
        }
        for step in 0..left_over {
            let right = right.at(step);
            let (first, second) = (F32x4::load(right), F32x4::load(right.add(4)));
            for (row, sums) in sums.iter_mut().enumerate() {
                let factor = if PACKED { panel.add(step * ROWS + row) } else { element(&rows, row).add(step) };
                let factor = F32x4::load_splat(factor);
                let [left, right] = *sums;
                *sums = [factor.mul_add(first, left), factor.mul_add(second, right)];
            }
        }
        let (low, high) = (F32x4::splat(low), F32x4::splat(high));
        for (row, [first, second]) in sums.into_iter().enumerate() {
            let to = to.start.add(row * to.stride);
            first.max(low).min(high).store(to);
            second.max(low).min(high).store(to.add(4));
        }
    }
}

/// # Safety
/// `row` is below `R`.
#[inline(always)]
unsafe fn element<const R: usize>(rows: &[*const f32; R], row: usize) -> *const f32 {
    // SAFETY: the caller's promise.
    unsafe { *rows.get_unchecked(row) }
}
