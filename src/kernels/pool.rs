//! Folds of rows into one, by maximum or by sum.

use super::real::Real;
use super::simd::F32x4;

/// A way to fold values into one.
pub struct Fold<T: 'static> {
    /// The fold of no values.
    pub start: T,
    /// Folds each value into the one at its place.
    pub rows: fn(&mut [T], &[T]),
    /// Folds the first of each `stride` values into those at their places.
    pub strided: fn(&mut [T], &[T], usize),
    /// Folds values into one.
    pub all: fn(&[T]) -> T,
    /// Divides sums by the counts at their places times a number.
    pub divide: fn(&mut [T], &[T], T),
}

/// The largest value; NaN where there is one.
pub const MAX_F32: Fold<f32> = Fold {
    start: Max::START,
    rows: rows_f32::<Max>,
    strided: strided_f32::<Max>,
    all: all_f32::<Max>,
    divide: divide_f32,
};
/// The sum.
pub const SUM_F32: Fold<f32> = Fold {
    start: Sum::START,
    rows: rows_f32::<Sum>,
    strided: strided_f32::<Sum>,
    all: all_f32::<Sum>,
    divide: divide_f32,
};
/// The largest value; NaN where there is one.
pub const MAX_F64: Fold<f64> =
    Fold { start: Max::START, rows: rows::<f64, Max>, strided: strided::<f64, Max>, all: all::<f64, Max>, divide };
/// The sum.
pub const SUM_F64: Fold<f64> =
    Fold { start: Sum::START, rows: rows::<f64, Sum>, strided: strided::<f64, Sum>, all: all::<f64, Sum>, divide };

trait Combine<T> {
    const START: T;
    fn combine(a: T, b: T) -> T;
}

trait Combine4: Combine<f32> {
    fn combine4(a: F32x4, b: F32x4) -> F32x4;
}

struct Max;
struct Sum;

macro_rules! combine {
    ($($type:ident),*) => {$(
        impl Combine<$type> for Max {
            const START: $type = $type::NEG_INFINITY;
            #[inline(always)]
            fn combine(a: $type, b: $type) -> $type {
                if a > b || a.is_nan() { a } else { b }
            }
        }
        impl Combine<$type> for Sum {
            const START: $type = 0.0;
            #[inline(always)]
            fn combine(a: $type, b: $type) -> $type {
                a + b
            }
        }
    )*};
}

combine!(f32, f64);

impl Combine4 for Max {
    #[inline(always)]
    fn combine4(a: F32x4, b: F32x4) -> F32x4 {
        a.max(b)
    }
}

impl Combine4 for Sum {
    #[inline(always)]
    fn combine4(a: F32x4, b: F32x4) -> F32x4 {
        a.add(b)
    }
}

fn rows<T: Copy, C: Combine<T>>(into: &mut [T], from: &[T]) {
    for (into, &from) in into.iter_mut().zip(from) {
        *into = C::combine(*into, from);
    }
}

fn strided<T: Copy, C: Combine<T>>(into: &mut [T], from: &[T], stride: usize) {
    for (into, &from) in into.iter_mut().zip(from.iter().step_by(stride.max(1))) {
        *into = C::combine(*into, from);
    }
}

fn all<T: Copy, C: Combine<T>>(values: &[T]) -> T {
    values.iter().fold(C::START, |folded, &value| C::combine(folded, value))
}

fn rows_f32<C: Combine4>(into: &mut [f32], from: &[f32]) {
    let wide = into.len().min(from.len()) & !3;
    let (head, tail) = into.split_at_mut(wide);
    let (head_from, tail_from) = from.split_at(wide);
    for (into, from) in head.chunks_exact_mut(4).zip(head_from.chunks_exact(4)) {
        // SAFETY: both chunks have four values.
        unsafe {
            let folded = C::combine4(F32x4::load(into.as_ptr()), F32x4::load(from.as_ptr()));
            folded.store(into.as_mut_ptr());
        }
    }
    rows::<f32, C>(tail, tail_from);
}

fn strided_f32<C: Combine4>(into: &mut [f32], from: &[f32], stride: usize) {
    match stride {
        1 => rows_f32::<C>(into, from),
        2 => {
            let wide = into.len().min(from.len() / 2) & !3;
            let (head, tail) = into.split_at_mut(wide);
            let (head_from, tail_from) = from.split_at(wide * 2);
            for (into, from) in head.chunks_exact_mut(4).zip(head_from.chunks_exact(8)) {
                // SAFETY: the chunks have four and eight values.
                unsafe {
                    let evens = F32x4::load(from.as_ptr()).evens(F32x4::load(from.as_ptr().add(4)));
                    C::combine4(F32x4::load(into.as_ptr()), evens).store(into.as_mut_ptr());
                }
            }
            strided::<f32, C>(tail, tail_from, 2);
        }
        _ => strided::<f32, C>(into, from, stride),
    }
}

fn all_f32<C: Combine4>(values: &[f32]) -> f32 {
    let mut folded = [F32x4::splat(C::START); 4];
    let chunks = values.chunks_exact(16);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (folded, four) in folded.iter_mut().zip(chunk.chunks_exact(4)) {
            // SAFETY: the chunk has four values.
            *folded = C::combine4(*folded, unsafe { F32x4::load(four.as_ptr()) });
        }
    }
    let [a, b, c, d] = folded;
    let four = C::combine4(C::combine4(a, b), C::combine4(c, d)).to_array();
    four.iter().chain(rest).fold(C::START, |folded, &value| C::combine(folded, value))
}

fn divide<T: Real>(sums: &mut [T], counts: &[T], times: T) {
    for (sum, &count) in sums.iter_mut().zip(counts) {
        *sum = *sum / (count * times);
    }
}

fn divide_f32(sums: &mut [f32], counts: &[f32], times: f32) {
    let wide = sums.len().min(counts.len()) & !3;
    let ((head, tail), (counts, counts_tail)) = (sums.split_at_mut(wide), counts.split_at(wide));
    for (sums, counts) in head.chunks_exact_mut(4).zip(counts.chunks_exact(4)) {
        // SAFETY: both chunks have four values.
        unsafe {
            let counts = F32x4::load(counts.as_ptr()).mul(F32x4::splat(times));
            F32x4::load(sums.as_ptr()).div(counts).store(sums.as_mut_ptr());
        }
    }
    divide(tail, counts_tail, times);
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    fn values(count: usize) -> Vec<f32> {
        (0..count).map(|index| ((index * 37 + 11) % 101) as f32 - 50.0).collect()
    }

    #[test]
    fn wide_folds_give_what_plain_ones_give() {
        for count in [0, 1, 3, 4, 5, 8, 15, 16, 17, 33, 100] {
            assert_eq!((MAX_F32.all)(&values(count)), all::<f32, Max>(&values(count)), "{count}");
            assert_eq!((SUM_F32.all)(&values(count)), all::<f32, Sum>(&values(count)), "{count}");
            for stride in 1..4 {
                for extra in [0, 1, 3] {
                    let from = values((count * stride + extra).saturating_sub(stride - 1));
                    let (mut fast, mut plain) = (values(count), values(count));
                    (MAX_F32.strided)(&mut fast, &from, stride);
                    strided::<f32, Max>(&mut plain, &from, stride);
                    (SUM_F32.strided)(&mut fast, &from, stride);
                    strided::<f32, Sum>(&mut plain, &from, stride);
                    assert_eq!(fast, plain, "{count} values, stride {stride}");
                }
            }
        }
    }

    #[test]
    fn sums_are_divided_by_counts() {
        for count in [0, 3, 4, 9] {
            let (mut fast, mut plain) = (values(count), values(count));
            let counts: Vec<f32> = (1..=count).map(|count| count as f32).collect();
            (SUM_F32.divide)(&mut fast, &counts, 3.0);
            divide(&mut plain, &counts, 3.0);
            assert_eq!(fast, plain);
        }
    }

    #[test]
    fn the_maximum_keeps_nan() {
        for place in 0..20 {
            let mut from = values(20);
            from[place] = f32::NAN;
            assert!((MAX_F32.all)(&from).is_nan());
            let mut into = values(20);
            (MAX_F32.rows)(&mut into, &from);
            assert!(into[place].is_nan());
            (MAX_F32.rows)(&mut into, &values(20));
            assert!(into[place].is_nan());
        }
    }
}
