//! Eight int16 and four int32 side by side: the simd128 instructions on wasm, arrays elsewhere.

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod wide {
    use core::arch::wasm32::*;

    use crate::kernels::simd::F32x4;

    /// Eight int16.
    #[derive(Clone, Copy)]
    pub struct I16x8(v128);

    /// Four int32.
    #[derive(Clone, Copy)]
    pub struct I32x4(v128);

    impl I16x8 {
        /// # Safety
        /// Eight values can be read at `from`.
        #[inline(always)]
        pub unsafe fn widen(from: *const i8) -> I16x8 {
            // SAFETY: the caller's promise; wasm loads need no alignment.
            I16x8(unsafe { i16x8_load_extend_i8x8(from) })
        }

        /// # Safety
        /// Eight values can be read at `from`.
        #[inline(always)]
        pub unsafe fn widen_unsigned(from: *const u8) -> I16x8 {
            // SAFETY: the caller's promise; wasm loads need no alignment.
            I16x8(unsafe { u16x8_load_extend_u8x8(from) })
        }

        /// # Safety
        /// Eight values can be read at `from`.
        #[inline(always)]
        pub unsafe fn load(from: *const i16) -> I16x8 {
            // SAFETY: the caller's promise; wasm loads need no alignment.
            I16x8(unsafe { v128_load(from.cast()) })
        }

        /// The lower four bits of bytes, and the upper four.
        #[inline(always)]
        pub fn split_nibbles(self) -> (I16x8, I16x8) {
            (I16x8(v128_and(self.0, i16x8_splat(15))), I16x8(u16x8_shr(self.0, 4)))
        }

        /// The same two values four times.
        /// # Safety
        /// Two values can be read at `from`.
        #[inline(always)]
        pub unsafe fn splat_pair(from: *const i16) -> I16x8 {
            // SAFETY: the caller's promise; wasm loads need no alignment.
            I16x8(unsafe { v128_load32_splat(from.cast()) })
        }

        /// The values of both in turn: those of the lower halves, and those of the upper halves.
        #[inline(always)]
        pub fn zip(self, other: I16x8) -> (I16x8, I16x8) {
            let low = i16x8_shuffle::<0, 8, 1, 9, 2, 10, 3, 11>(self.0, other.0);
            (I16x8(low), I16x8(i16x8_shuffle::<4, 12, 5, 13, 6, 14, 7, 15>(self.0, other.0)))
        }

        /// The products, added up in pairs.
        #[inline(always)]
        pub fn dot(self, other: I16x8) -> I32x4 {
            I32x4(i32x4_dot_i16x8(self.0, other.0))
        }
    }

    impl I32x4 {
        #[inline(always)]
        pub fn zero() -> I32x4 {
            I32x4(i32x4_splat(0))
        }

        #[inline(always)]
        pub fn add(self, other: I32x4) -> I32x4 {
            I32x4(i32x4_add(self.0, other.0))
        }

        #[inline(always)]
        pub fn to_array(self) -> [i32; 4] {
            [
                i32x4_extract_lane::<0>(self.0),
                i32x4_extract_lane::<1>(self.0),
                i32x4_extract_lane::<2>(self.0),
                i32x4_extract_lane::<3>(self.0),
            ]
        }

        #[inline(always)]
        pub fn to_floats(self) -> F32x4 {
            F32x4::from_v128(f32x4_convert_i32x4(self.0))
        }

        /// # Safety
        /// Four values can be written at `to`.
        #[inline(always)]
        pub unsafe fn store(self, to: *mut i32) {
            // SAFETY: the caller's promise; wasm stores need no alignment.
            unsafe { v128_store(to.cast(), self.0) }
        }
    }
}

#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod wide {
    use crate::kernels::simd::F32x4;

    /// Eight int16.
    #[derive(Clone, Copy)]
    pub struct I16x8([i16; 8]);

    /// Four int32.
    #[derive(Clone, Copy)]
    pub struct I32x4([i32; 4]);

    impl I16x8 {
        /// # Safety
        /// Eight values can be read at `from`.
        #[inline(always)]
        pub unsafe fn widen(from: *const i8) -> I16x8 {
            // SAFETY: the caller's promise.
            I16x8(unsafe { from.cast::<[i8; 8]>().read() }.map(i16::from))
        }

        /// # Safety
        /// Eight values can be read at `from`.
        #[inline(always)]
        pub unsafe fn widen_unsigned(from: *const u8) -> I16x8 {
            // SAFETY: the caller's promise.
            I16x8(unsafe { from.cast::<[u8; 8]>().read() }.map(i16::from))
        }

        /// # Safety
        /// Eight values can be read at `from`.
        #[inline(always)]
        pub unsafe fn load(from: *const i16) -> I16x8 {
            // SAFETY: the caller's promise.
            I16x8(unsafe { from.cast::<[i16; 8]>().read() })
        }

        /// The lower four bits of bytes, and the upper four.
        #[inline(always)]
        pub fn split_nibbles(self) -> (I16x8, I16x8) {
            (I16x8(self.0.map(|value| value & 15)), I16x8(self.0.map(|value| value >> 4)))
        }

        /// The same two values four times.
        /// # Safety
        /// Two values can be read at `from`.
        #[inline(always)]
        pub unsafe fn splat_pair(from: *const i16) -> I16x8 {
            // SAFETY: the caller's promise.
            let [a, b] = unsafe { from.cast::<[i16; 2]>().read() };
            I16x8([a, b, a, b, a, b, a, b])
        }

        /// The values of both in turn: those of the lower halves, and those of the upper halves.
        #[inline(always)]
        pub fn zip(self, other: I16x8) -> (I16x8, I16x8) {
            let ([a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p]) = (self.0, other.0);
            (I16x8([a, i, b, j, c, k, d, l]), I16x8([e, m, f, n, g, o, h, p]))
        }

        /// The products, added up in pairs.
        #[inline(always)]
        pub fn dot(self, other: I16x8) -> I32x4 {
            let product = |a: i16, b: i16| i32::from(a) * i32::from(b);
            let ([a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, p]) = (self.0, other.0);
            I32x4([
                product(a, i).wrapping_add(product(b, j)),
                product(c, k).wrapping_add(product(d, l)),
                product(e, m).wrapping_add(product(f, n)),
                product(g, o).wrapping_add(product(h, p)),
            ])
        }
    }

    impl I32x4 {
        #[inline(always)]
        pub fn zero() -> I32x4 {
            I32x4([0; 4])
        }

        #[inline(always)]
        pub fn add(self, other: I32x4) -> I32x4 {
            let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
            I32x4([a.wrapping_add(e), b.wrapping_add(f), c.wrapping_add(g), d.wrapping_add(h)])
        }

        #[inline(always)]
        pub fn to_array(self) -> [i32; 4] {
            self.0
        }

        #[inline(always)]
        pub fn to_floats(self) -> F32x4 {
            F32x4::new(self.0.map(|value| value as f32))
        }

        /// # Safety
        /// Four values can be written at `to`.
        #[inline(always)]
        pub unsafe fn store(self, to: *mut i32) {
            // SAFETY: the caller's promise.
            unsafe { to.cast::<[i32; 4]>().write_unaligned(self.0) }
        }
    }
}

pub use wide::{I16x8, I32x4};
