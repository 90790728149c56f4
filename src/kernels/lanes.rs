//! One way to write a kernel for float32, four side by side, and for float64 and int64, one by one.

use std::ops::{Add, Div, Mul, Sub};

use super::math;
use super::product::Factor;
use super::simd::F32x4;

/// Numbers side by side.
pub trait Lanes: Copy + Send + Sync {
    /// One of the numbers.
    type Item: Factor + PartialOrd + Send + Sync;
    /// How many there are.
    const WIDTH: usize;
    /// The same number everywhere.
    fn splat(value: Self::Item) -> Self;
    /// The first numbers of a slice, which must hold [`Lanes::WIDTH`] of them.
    fn read(from: &[Self::Item]) -> Self;
    /// Sets the first numbers of a slice, which must hold [`Lanes::WIDTH`] of them.
    fn write(self, to: &mut [Self::Item]);
    /// The number in the first lane.
    fn first(self) -> Self::Item;
    /// One number from all lanes.
    fn fold(self, combine: impl Fn(Self, Self) -> Self) -> Self::Item;
    /// The number nearest to `value`.
    fn item(value: f64) -> Self::Item;
    /// The number as float64.
    fn to_f64(item: Self::Item) -> f64;
    /// `self + other`
    fn add(self, other: Self) -> Self;
    /// `self - other`
    fn sub(self, other: Self) -> Self;
    /// `self * other`
    fn mul(self, other: Self) -> Self;
    /// `self / other`
    fn div(self, other: Self) -> Self;
    /// The smaller one; NaN where either is.
    fn min(self, other: Self) -> Self;
    /// The larger one; NaN where either is.
    fn max(self, other: Self) -> Self;
    /// Without the sign.
    fn abs(self) -> Self;
    /// e to the power of numbers that are not above 0.
    fn exp(self) -> Self;
    /// The hyperbolic tangent.
    fn tanh(self) -> Self;
}

impl Lanes for F32x4 {
    type Item = f32;
    const WIDTH: usize = 4;

    #[inline(always)]
    fn splat(value: f32) -> F32x4 {
        F32x4::splat(value)
    }
    #[inline(always)]
    fn read(from: &[f32]) -> F32x4 {
        assert!(from.len() >= 4);
        // SAFETY: the slice holds four values.
        unsafe { F32x4::load(from.as_ptr()) }
    }
    #[inline(always)]
    fn write(self, to: &mut [f32]) {
        assert!(to.len() >= 4);
        // SAFETY: the slice holds four values.
        unsafe { self.store(to.as_mut_ptr()) }
    }
    #[inline(always)]
    fn first(self) -> f32 {
        self.to_array()[0]
    }
    #[inline(always)]
    fn fold(self, combine: impl Fn(F32x4, F32x4) -> F32x4) -> f32 {
        let [a, b, c, d] = self.to_array();
        let halves = combine(F32x4::new([a, b, a, b]), F32x4::new([c, d, c, d])).to_array();
        combine(F32x4::splat(halves[0]), F32x4::splat(halves[1])).first()
    }
    #[inline(always)]
    fn item(value: f64) -> f32 {
        value as f32
    }
    #[inline(always)]
    fn to_f64(item: f32) -> f64 {
        f64::from(item)
    }
    #[inline(always)]
    fn add(self, other: F32x4) -> F32x4 {
        F32x4::add(self, other)
    }
    #[inline(always)]
    fn sub(self, other: F32x4) -> F32x4 {
        F32x4::sub(self, other)
    }
    #[inline(always)]
    fn mul(self, other: F32x4) -> F32x4 {
        F32x4::mul(self, other)
    }
    #[inline(always)]
    fn div(self, other: F32x4) -> F32x4 {
        F32x4::div(self, other)
    }
    #[inline(always)]
    fn min(self, other: F32x4) -> F32x4 {
        F32x4::min(self, other)
    }
    #[inline(always)]
    fn max(self, other: F32x4) -> F32x4 {
        F32x4::max(self, other)
    }
    #[inline(always)]
    fn abs(self) -> F32x4 {
        F32x4::abs(self)
    }
    #[inline(always)]
    fn exp(self) -> F32x4 {
        math::exp_down(self)
    }
    #[inline(always)]
    fn tanh(self) -> F32x4 {
        math::tanh(self)
    }
}

/// One number as [`Lanes`].
#[derive(Clone, Copy)]
pub struct One<T>(T);

macro_rules! one {
    ($type:ty, $add:path, $sub:path, $mul:path, $div:expr, $abs:path, $exp:expr, $tanh:expr, $is_nan:expr) => {
        impl Lanes for One<$type> {
            type Item = $type;
            const WIDTH: usize = 1;

            fn splat(value: $type) -> Self {
                One(value)
            }
            fn read(from: &[$type]) -> Self {
                One(from.first().copied().unwrap_or_default())
            }
            fn write(self, to: &mut [$type]) {
                if let Some(to) = to.first_mut() {
                    *to = self.0;
                }
            }
            fn first(self) -> $type {
                self.0
            }
            fn fold(self, _: impl Fn(Self, Self) -> Self) -> $type {
                self.0
            }
            fn item(value: f64) -> $type {
                value as $type
            }
            fn to_f64(item: $type) -> f64 {
                item as f64
            }
            fn add(self, other: Self) -> Self {
                One($add(self.0, other.0))
            }
            fn sub(self, other: Self) -> Self {
                One($sub(self.0, other.0))
            }
            fn mul(self, other: Self) -> Self {
                One($mul(self.0, other.0))
            }
            fn div(self, other: Self) -> Self {
                One($div(self.0, other.0))
            }
            fn min(self, other: Self) -> Self {
                if self.0 < other.0 || $is_nan(self.0) { self } else { other }
            }
            fn max(self, other: Self) -> Self {
                if self.0 > other.0 || $is_nan(self.0) { self } else { other }
            }
            fn abs(self) -> Self {
                One($abs(self.0))
            }
            fn exp(self) -> Self {
                One($exp(self.0))
            }
            fn tanh(self) -> Self {
                One($tanh(self.0))
            }
        }
    };
}

one!(f64, Add::add, Sub::sub, Mul::mul, Div::div, f64::abs, f64::exp, f64::tanh, f64::is_nan);
one!(
    i64,
    i64::wrapping_add,
    i64::wrapping_sub,
    i64::wrapping_mul,
    |a: i64, b: i64| a.checked_div(b).unwrap_or(0),
    i64::wrapping_abs,
    |_| 0,
    |_| 0,
    |_| false
);

/// Changes every number of a slice.
#[inline(always)]
pub fn map<L: Lanes>(row: &mut [L::Item], change: impl Fn(L) -> L) {
    let mut chunks = row.chunks_exact_mut(L::WIDTH);
    for chunk in chunks.by_ref() {
        change(L::read(chunk)).write(chunk);
    }
    for x in chunks.into_remainder() {
        *x = change(L::splat(*x)).first();
    }
}

/// Changes every number of a slice by the one at the same place in another.
#[inline(always)]
pub fn map_pairs<L: Lanes>(row: &mut [L::Item], other: &[L::Item], change: impl Fn(L, L) -> L) {
    let (mut chunks, mut others) = (row.chunks_exact_mut(L::WIDTH), other.chunks_exact(L::WIDTH));
    for (chunk, other) in chunks.by_ref().zip(others.by_ref()) {
        change(L::read(chunk), L::read(other)).write(chunk);
    }
    for (x, &other) in chunks.into_remainder().iter_mut().zip(others.remainder()) {
        *x = change(L::splat(*x), L::splat(other)).first();
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_close_and_ends_at_zero() {
        let mut worst = 0f64;
        for step in 0..200_000 {
            let x = -(step as f32) * 4.36e-4;
            let (actual, expected) = (Lanes::exp(F32x4::splat(x)).first(), f64::from(x).exp());
            worst = worst.max((f64::from(actual) - expected).abs() / expected);
        }
        assert!(worst < 3e-7, "{worst}");
        let ends = Lanes::exp(F32x4::new([0.0, f32::NEG_INFINITY, f32::NAN, -90.0])).to_array();
        assert!(ends[0] == 1.0 && ends[1] == 0.0 && ends[2].is_nan() && ends[3] == 0.0);
    }
}
