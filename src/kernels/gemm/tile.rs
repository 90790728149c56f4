//! The innermost loop: some rows and eight columns of a product, held in registers.
//!
//! A turn of the loop is one step of the depth, and no more: V8 moves all loads of a turn before its arithmetic, so that what
//! several steps load does not fit the sixteen registers of x86-64, and what is spilled costs a third of the speed. Four by eight
//! sums, their two columns and four factors do fit. The loop stands in a function of its own that is never inlined: amid more
//! code the register allocator spills the sums.

use crate::kernels::simd::F32x4;

/// The rows of a panel of a packed left matrix, and of a tile where there are sixteen registers.
pub const ROWS: usize = 4;
/// The rows of a tile where there are thirty-two: two panels.
pub const TALL: usize = 2 * ROWS;
/// The columns of a tile, and of a panel of a packed right matrix.
pub const COLUMNS: usize = 8;

/// Whether this is ARM, whose processors have twice the registers of x86-64 and up to four units that need four sums each. Nothing
/// else tells WebAssembly what it runs on: the sign of a NaN that a division makes is set on x86-64 alone.
pub fn has_many_registers() -> bool {
    let nan = std::hint::black_box(0.0f32) / std::hint::black_box(0.0);
    let is_arm = cfg!(target_arch = "wasm32") && nan.to_bits() >> 31 == 0;
    #[cfg(test)]
    let is_arm = is_arm || tests::HAS_MANY_REGISTERS.get();
    is_arm
}

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
/// `low` and `high`, to `to`. `PACKED` rows of the left matrix alternate, element by element, in panels of [`ROWS`], which are
/// the stride of `left` apart; others are contiguous.
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
        for (row, pointer) in rows.iter_mut().enumerate() {
            *pointer = left.start.add(if PACKED { row / ROWS * left.stride + row % ROWS } else { row * left.stride });
        }
        let step = if PACKED { ROWS } else { 1 };
        for index in 0..k {
            let right = right.at(index);
            let (first, second) = (F32x4::load(right), F32x4::load(right.add(4)));
            for (pointer, sums) in rows.iter().zip(&mut sums) {
                let factor = F32x4::load_splat(pointer.add(index * step));
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

#[cfg(test)]
pub mod tests {
    use std::cell::Cell;

    thread_local! {
        /// What a test says of the machine.
        pub static HAS_MANY_REGISTERS: Cell<bool> = const { Cell::new(false) };
    }
}
