//! Products of matrices of any numbers: those of float32 are [`gemm`]'s.

use super::gemm::{self, Finish, Left, Matrix, PackedRight, Right, Shape};
use crate::error::Result;
use crate::tensor::Element;

/// Numbers whose matrices are multiplied.
pub trait Factor: Element + Copy {
    /// A right matrix made ready for many products.
    type Packed;
    /// Makes `k` rows of `n` columns ready.
    fn pack(k: usize, n: usize, right: Matrix<Self>) -> Result<Self::Packed>;
    /// Writes a product as rows of `n` numbers, `stride` apart. An error where a slice is too short.
    fn multiply(shape: Shape, left: Matrix<Self>, right: Matrix<Self>, out: &mut [Self], stride: usize) -> Result<()>;
    /// [`Factor::multiply`] by a matrix of the same sizes that was made ready.
    fn multiply_packed(
        shape: Shape,
        left: Matrix<Self>,
        right: &Self::Packed,
        out: &mut [Self],
        stride: usize,
    ) -> Result<()>;
}

impl Factor for f32 {
    type Packed = PackedRight;

    fn pack(k: usize, n: usize, right: Matrix) -> Result<PackedRight> {
        PackedRight::new(k, n, right)
    }

    fn multiply(shape: Shape, left: Matrix, right: Matrix, out: &mut [f32], stride: usize) -> Result<()> {
        gemm::multiply(shape, Left::Matrix(left), Right::Matrix(right), &Finish::default(), out, stride)
    }

    fn multiply_packed(shape: Shape, left: Matrix, right: &PackedRight, out: &mut [f32], stride: usize) -> Result<()> {
        gemm::multiply(shape, Left::Matrix(left), Right::Packed(right), &Finish::default(), out, stride)
    }
}

macro_rules! plain {
    ($type:ty, $step:expr) => {
        impl Factor for $type {
            /// The rows one after another.
            type Packed = Vec<$type>;

            fn pack(k: usize, n: usize, right: Matrix<$type>) -> Result<Vec<$type>> {
                right.check(k, n)?;
                Ok((0..k).flat_map(|row| right.row(row).take(n)).copied().collect())
            }

            fn multiply(
                Shape { m, k, n }: Shape,
                left: Matrix<$type>,
                right: Matrix<$type>,
                out: &mut [$type],
                stride: usize,
            ) -> Result<()> {
                left.check(m, k)?;
                right.check(k, n)?;
                for (row, out) in out.chunks_mut(stride.max(1)).take(m).enumerate() {
                    let out = out.get_mut(..n).unwrap_or_default();
                    out.fill(<$type>::default());
                    for (inner, &factor) in left.row(row).take(k).enumerate() {
                        out.iter_mut().zip(right.row(inner)).for_each(|(sum, &b)| *sum = $step(*sum, factor, b));
                    }
                }
                Ok(())
            }

            fn multiply_packed(
                shape: Shape,
                left: Matrix<$type>,
                right: &Vec<$type>,
                out: &mut [$type],
                stride: usize,
            ) -> Result<()> {
                Self::multiply(shape, left, Matrix::rows(right, shape.n), out, stride)
            }
        }
    };
}

plain!(f64, |sum: f64, a: f64, b: f64| sum + a * b);
plain!(i64, |sum: i64, a: i64, b: i64| sum.wrapping_add(a.wrapping_mul(b)));

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn products_agree_with_the_definition() {
        for (m, k, n) in [(1, 1, 1), (4, 3, 8), (5, 7, 9), (9, 64, 17), (3, 0, 2), (0, 2, 2), (4, 2, 0), (8, 5, 16)] {
            let shape = Shape { m, k, n };
            let a: Vec<i64> = (0..m * k).map(|i| i as i64 * 7 % 11 - 5).collect();
            let b: Vec<i64> = (0..k * n).map(|i| i as i64 * 5 % 13 - 6).collect();
            let transposed: Vec<i64> = (0..n * k).map(|i| b[i % k * n + i / k]).collect();
            let stride = n + 1;
            let mut expected = vec![7; m * stride];
            for (row, column) in (0..m * n).map(|at| (at / n, at % n)) {
                expected[row * stride + column] = (0..k).map(|p| a[row * k + p] * b[p * n + column]).sum();
            }
            fn check<T: Factor + std::fmt::Debug + PartialEq>(
                shape: Shape,
                [a, b, transposed, expected]: [&[i64]; 4],
                cast: fn(i64) -> T,
            ) {
                let wide = |values: &[i64]| values.iter().map(|&value| cast(value)).collect::<Vec<T>>();
                let (a, b, transposed, expected) = (wide(a), wide(b), wide(transposed), wide(expected));
                let left = Matrix::rows(&a, shape.k);
                for right in [Matrix::rows(&b, shape.n), Matrix::rows(&transposed, shape.k).transpose()] {
                    let mut out = vec![cast(7); expected.len()];
                    T::multiply(shape, left, right, &mut out, shape.n + 1).unwrap();
                    assert_eq!(out, expected, "{shape:?}");
                    out.fill(cast(7));
                    let packed = T::pack(shape.k, shape.n, right).unwrap();
                    T::multiply_packed(shape, left, &packed, &mut out, shape.n + 1).unwrap();
                    assert_eq!(out, expected, "{shape:?} packed");
                }
            }
            let all = [a.as_slice(), &b, &transposed, &expected];
            check(shape, all, |value| value as f32);
            check(shape, all, |value| value as f64);
            check(shape, all, |value| value);
        }
    }
}
