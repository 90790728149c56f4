//! Numbers of several signals side by side.

use crate::kernels::simd::F32x4;

/// Signals side by side: one sample of each.
pub trait Lanes: Copy + Send + Sync + 'static {
    /// One signal's sample.
    type Sample: Copy + Default + Send + Sync;
    /// The number of signals.
    const COUNT: usize;
    /// A number for all signals.
    fn splat(value: f64) -> Self;
    /// A sample for all signals.
    fn spread(sample: Self::Sample) -> Self;
    /// The sample of a number.
    fn sample(value: f64) -> Self::Sample;
    /// The samples of the signals.
    fn gather(sample: impl Fn(usize) -> Self::Sample) -> Self;
    /// Hands out the samples of the signals.
    fn scatter(self, put: impl FnMut(usize, Self::Sample));
    /// The sum.
    fn add(self, other: Self) -> Self;
    /// The difference.
    fn sub(self, other: Self) -> Self;
    /// The product.
    fn mul(self, other: Self) -> Self;
}

impl Lanes for F32x4 {
    type Sample = f32;
    const COUNT: usize = 4;

    #[inline(always)]
    fn splat(value: f64) -> Self {
        F32x4::splat(value as f32)
    }

    #[inline(always)]
    fn spread(sample: f32) -> Self {
        F32x4::splat(sample)
    }

    fn sample(value: f64) -> f32 {
        value as f32
    }

    #[inline(always)]
    fn gather(sample: impl Fn(usize) -> f32) -> Self {
        F32x4::new([sample(0), sample(1), sample(2), sample(3)])
    }

    #[inline(always)]
    fn scatter(self, mut put: impl FnMut(usize, f32)) {
        self.to_array().into_iter().enumerate().for_each(|(lane, sample)| put(lane, sample));
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        F32x4::add(self, other)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        F32x4::sub(self, other)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        F32x4::mul(self, other)
    }
}

impl Lanes for f64 {
    type Sample = f64;
    const COUNT: usize = 1;

    fn splat(value: f64) -> Self {
        value
    }

    fn spread(sample: f64) -> Self {
        sample
    }

    fn sample(value: f64) -> f64 {
        value
    }

    fn gather(sample: impl Fn(usize) -> f64) -> Self {
        sample(0)
    }

    fn scatter(self, mut put: impl FnMut(usize, f64)) {
        put(0, self);
    }

    fn add(self, other: Self) -> Self {
        self + other
    }

    fn sub(self, other: Self) -> Self {
        self - other
    }

    fn mul(self, other: Self) -> Self {
        self * other
    }
}

/// A complex number of each signal: real and imaginary part.
pub type Complex<L> = [L; 2];

#[inline(always)]
pub fn add<L: Lanes>([a, b]: Complex<L>, [c, d]: Complex<L>) -> Complex<L> {
    [a.add(c), b.add(d)]
}

#[inline(always)]
pub fn sub<L: Lanes>([a, b]: Complex<L>, [c, d]: Complex<L>) -> Complex<L> {
    [a.sub(c), b.sub(d)]
}

#[inline(always)]
pub fn mul<L: Lanes>([a, b]: Complex<L>, [c, d]: Complex<L>) -> Complex<L> {
    [a.mul(c).sub(b.mul(d)), a.mul(d).add(b.mul(c))]
}
