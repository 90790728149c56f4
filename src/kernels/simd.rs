//! Four float32 side by side: the simd128 instructions on wasm, an array elsewhere, so that kernels are tested natively.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wide {
    use core::arch::wasm32::*;

    /// Four float32.
    #[derive(Clone, Copy)]
    pub struct F32x4(v128);

    // Methods in a chain read in the order of the arithmetic, and no trait has to be in scope.
    #[allow(clippy::should_implement_trait)]
    impl F32x4 {
        /// The four in a vector.
        #[inline(always)]
        pub fn from_v128(bits: v128) -> F32x4 {
            F32x4(bits)
        }

        /// One value four times.
        #[inline(always)]
        pub fn splat(value: f32) -> F32x4 {
            F32x4(f32x4_splat(value))
        }

        /// These four.
        #[inline(always)]
        pub fn new(values: [f32; 4]) -> F32x4 {
            let [a, b, c, d] = values;
            F32x4(f32x4(a, b, c, d))
        }

        /// # Safety
        /// Four values can be read at `from`, at any alignment.
        #[inline(always)]
        pub unsafe fn load(from: *const f32) -> F32x4 {
            // SAFETY: the caller's promise; wasm loads need no alignment.
            F32x4(unsafe { v128_load(from.cast()) })
        }

        /// # Safety
        /// One value can be read at `from`.
        #[inline(always)]
        pub unsafe fn load_splat(from: *const f32) -> F32x4 {
            // SAFETY: the caller's promise.
            F32x4(unsafe { v128_load32_splat(from.cast()) })
        }

        /// # Safety
        /// Four values can be written at `to`, at any alignment.
        #[inline(always)]
        pub unsafe fn store(self, to: *mut f32) {
            // SAFETY: the caller's promise; wasm stores need no alignment.
            unsafe { v128_store(to.cast(), self.0) }
        }

        /// The four, first to last.
        #[inline(always)]
        pub fn to_array(self) -> [f32; 4] {
            [
                f32x4_extract_lane::<0>(self.0),
                f32x4_extract_lane::<1>(self.0),
                f32x4_extract_lane::<2>(self.0),
                f32x4_extract_lane::<3>(self.0),
            ]
        }

        /// The sums.
        #[inline(always)]
        pub fn add(self, other: F32x4) -> F32x4 {
            F32x4(f32x4_add(self.0, other.0))
        }

        /// The differences.
        #[inline(always)]
        pub fn sub(self, other: F32x4) -> F32x4 {
            F32x4(f32x4_sub(self.0, other.0))
        }

        /// The products.
        #[inline(always)]
        pub fn mul(self, other: F32x4) -> F32x4 {
            F32x4(f32x4_mul(self.0, other.0))
        }

        /// The quotients.
        #[inline(always)]
        pub fn div(self, other: F32x4) -> F32x4 {
            F32x4(f32x4_div(self.0, other.0))
        }

        /// `self * factor + term`, rounded once where the machine has it and the build allows it.
        #[inline(always)]
        pub fn mul_add(self, factor: F32x4, term: F32x4) -> F32x4 {
            #[cfg(target_feature = "relaxed-simd")]
            return F32x4(f32x4_relaxed_madd(self.0, factor.0, term.0));
            #[cfg(not(target_feature = "relaxed-simd"))]
            F32x4(f32x4_add(f32x4_mul(self.0, factor.0), term.0))
        }

        /// The smaller one; NaN where either is.
        #[inline(always)]
        pub fn min(self, other: F32x4) -> F32x4 {
            F32x4(f32x4_min(self.0, other.0))
        }

        /// The larger one; NaN where either is.
        #[inline(always)]
        pub fn max(self, other: F32x4) -> F32x4 {
            F32x4(f32x4_max(self.0, other.0))
        }

        /// The square roots.
        #[inline(always)]
        pub fn sqrt(self) -> F32x4 {
            F32x4(f32x4_sqrt(self.0))
        }

        /// The absolute values.
        #[inline(always)]
        pub fn abs(self) -> F32x4 {
            F32x4(f32x4_abs(self.0))
        }

        /// The nearest whole number, the even one of two.
        #[inline(always)]
        pub fn nearest(self) -> F32x4 {
            F32x4(f32x4_nearest(self.0))
        }

        /// `then` where `self` is below `other`, else `otherwise`.
        #[inline(always)]
        pub fn select_below(self, other: F32x4, then: F32x4, otherwise: F32x4) -> F32x4 {
            let is_below = f32x4_lt(self.0, other.0);
            // One instruction where v128_bitselect takes three; lanes that are all ones or zeros leave nothing to chance.
            #[cfg(target_feature = "relaxed-simd")]
            return F32x4(i32x4_relaxed_laneselect(then.0, otherwise.0, is_below));
            #[cfg(not(target_feature = "relaxed-simd"))]
            F32x4(v128_bitselect(then.0, otherwise.0, is_below))
        }

        /// The first and third value of each.
        #[inline(always)]
        pub fn evens(self, other: F32x4) -> F32x4 {
            F32x4(i32x4_shuffle::<0, 2, 4, 6>(self.0, other.0))
        }

        /// The larger one of `self` and a bound that is not NaN; NaN where `self` is.
        #[inline(always)]
        pub fn at_least(self, bound: F32x4) -> F32x4 {
            // Where it may, LLVM turns pmax and pmin into relaxed instructions, which lose NaN.
            #[cfg(target_feature = "relaxed-simd")]
            return self.select_below(bound, bound, self);
            #[cfg(not(target_feature = "relaxed-simd"))]
            F32x4(f32x4_pmax(self.0, bound.0))
        }

        /// The smaller one of `self` and a bound that is not NaN; NaN where `self` is.
        #[inline(always)]
        pub fn at_most(self, bound: F32x4) -> F32x4 {
            #[cfg(target_feature = "relaxed-simd")]
            return bound.select_below(self, bound, self);
            #[cfg(not(target_feature = "relaxed-simd"))]
            F32x4(f32x4_pmin(self.0, bound.0))
        }

        /// The first two and the last two of each in turn.
        #[inline(always)]
        pub fn zip(self, other: F32x4) -> (F32x4, F32x4) {
            let low = i32x4_shuffle::<0, 4, 1, 5>(self.0, other.0);
            (F32x4(low), F32x4(i32x4_shuffle::<2, 6, 3, 7>(self.0, other.0)))
        }

        /// The even and the odd ones of eight.
        #[inline(always)]
        pub fn unzip(self, other: F32x4) -> (F32x4, F32x4) {
            let even = i32x4_shuffle::<0, 2, 4, 6>(self.0, other.0);
            (F32x4(even), F32x4(i32x4_shuffle::<1, 3, 5, 7>(self.0, other.0)))
        }

        /// 2 to the power of a whole number from -126 to 127.
        #[inline(always)]
        pub fn exp2_whole(self) -> F32x4 {
            // Near 1.5 * 2^23 the last bits of a float32 are a whole number: conversions take x86 many instructions.
            let exponent = f32x4_add(self.0, f32x4_splat(12_582_912.0 + 127.0));
            F32x4(i32x4_shl(exponent, 23))
        }
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod wide {
    /// Four float32.
    #[derive(Clone, Copy)]
    pub struct F32x4([f32; 4]);

    #[inline(always)]
    fn zip(a: F32x4, b: F32x4, f: impl Fn(f32, f32) -> f32) -> F32x4 {
        let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (a.0, b.0);
        F32x4([f(a0, b0), f(a1, b1), f(a2, b2), f(a3, b3)])
    }

    // Methods in a chain read in the order of the arithmetic, and no trait has to be in scope.
    #[allow(clippy::should_implement_trait)]
    impl F32x4 {
        /// One value four times.
        #[inline(always)]
        pub fn splat(value: f32) -> F32x4 {
            F32x4([value; 4])
        }

        /// These four.
        #[inline(always)]
        pub fn new(values: [f32; 4]) -> F32x4 {
            F32x4(values)
        }

        /// # Safety
        /// Four values can be read at `from`, at any alignment.
        #[inline(always)]
        pub unsafe fn load(from: *const f32) -> F32x4 {
            // SAFETY: the caller's promise.
            F32x4(unsafe { from.cast::<[f32; 4]>().read_unaligned() })
        }

        /// # Safety
        /// One value can be read at `from`.
        #[inline(always)]
        pub unsafe fn load_splat(from: *const f32) -> F32x4 {
            // SAFETY: the caller's promise.
            F32x4([unsafe { from.read() }; 4])
        }

        /// # Safety
        /// Four values can be written at `to`, at any alignment.
        #[inline(always)]
        pub unsafe fn store(self, to: *mut f32) {
            // SAFETY: the caller's promise.
            unsafe { to.cast::<[f32; 4]>().write_unaligned(self.0) }
        }

        /// The four, first to last.
        #[inline(always)]
        pub fn to_array(self) -> [f32; 4] {
            self.0
        }

        /// The sums.
        #[inline(always)]
        pub fn add(self, other: F32x4) -> F32x4 {
            zip(self, other, |a, b| a + b)
        }

        /// The differences.
        #[inline(always)]
        pub fn sub(self, other: F32x4) -> F32x4 {
            zip(self, other, |a, b| a - b)
        }

        /// The products.
        #[inline(always)]
        pub fn mul(self, other: F32x4) -> F32x4 {
            zip(self, other, |a, b| a * b)
        }

        /// The quotients.
        #[inline(always)]
        pub fn div(self, other: F32x4) -> F32x4 {
            zip(self, other, |a, b| a / b)
        }

        /// `self * factor + term`, rounded once where the machine has it and the build allows it.
        #[inline(always)]
        pub fn mul_add(self, factor: F32x4, term: F32x4) -> F32x4 {
            self.mul(factor).add(term)
        }

        /// The smaller one; NaN where either is.
        #[inline(always)]
        pub fn min(self, other: F32x4) -> F32x4 {
            zip(self, other, |a, b| if a < b || a.is_nan() { a } else { b })
        }

        /// The larger one; NaN where either is.
        #[inline(always)]
        pub fn max(self, other: F32x4) -> F32x4 {
            zip(self, other, |a, b| if a > b || a.is_nan() { a } else { b })
        }

        /// The square roots.
        #[inline(always)]
        pub fn sqrt(self) -> F32x4 {
            F32x4(self.0.map(f32::sqrt))
        }

        /// The absolute values.
        #[inline(always)]
        pub fn abs(self) -> F32x4 {
            F32x4(self.0.map(f32::abs))
        }

        /// The nearest whole number, the even one of two.
        #[inline(always)]
        pub fn nearest(self) -> F32x4 {
            F32x4(self.0.map(f32::round_ties_even))
        }

        /// `then` where `self` is below `other`, else `otherwise`.
        #[inline(always)]
        pub fn select_below(self, other: F32x4, then: F32x4, otherwise: F32x4) -> F32x4 {
            let choose = |below: bool, a: f32, b: f32| if below { a } else { b };
            let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
            let ([t0, t1, t2, t3], [o0, o1, o2, o3]) = (then.0, otherwise.0);
            F32x4([choose(a < e, t0, o0), choose(b < f, t1, o1), choose(c < g, t2, o2), choose(d < h, t3, o3)])
        }

        /// The first and third value of each.
        #[inline(always)]
        pub fn evens(self, other: F32x4) -> F32x4 {
            let ([a, _, b, _], [c, _, d, _]) = (self.0, other.0);
            F32x4([a, b, c, d])
        }

        /// The larger one of `self` and a bound that is not NaN; NaN where `self` is.
        #[inline(always)]
        pub fn at_least(self, bound: F32x4) -> F32x4 {
            zip(self, bound, |value, bound| if value < bound { bound } else { value })
        }

        /// The smaller one of `self` and a bound that is not NaN; NaN where `self` is.
        #[inline(always)]
        pub fn at_most(self, bound: F32x4) -> F32x4 {
            zip(self, bound, |value, bound| if bound < value { bound } else { value })
        }

        /// The first two and the last two of each in turn.
        #[inline(always)]
        pub fn zip(self, other: F32x4) -> (F32x4, F32x4) {
            let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
            (F32x4([a, e, b, f]), F32x4([c, g, d, h]))
        }

        /// The even and the odd ones of eight.
        #[inline(always)]
        pub fn unzip(self, other: F32x4) -> (F32x4, F32x4) {
            let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
            (F32x4([a, c, e, g]), F32x4([b, d, f, h]))
        }

        /// 2 to the power of a whole number from -126 to 127.
        #[inline(always)]
        pub fn exp2_whole(self) -> F32x4 {
            F32x4(self.0.map(|value| f32::from_bits(((value as i32 + 127) << 23) as u32)))
        }
    }
}

pub use wide::F32x4;
