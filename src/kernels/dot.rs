//! Products of rows by rows.

use super::simd::F32x4;

/// The sum of the products of two slices of one length.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a4, a_rest) = a.as_chunks::<4>();
    let (b4, b_rest) = b.as_chunks::<4>();
    let mut sums = F32x4::splat(0.0);
    for (&a, &b) in a4.iter().zip(b4) {
        sums = F32x4::new(a).mul_add(F32x4::new(b), sums);
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.to_array().iter().sum::<f32>() + rest
}

/// The sum of the squares of the differences of two slices of one length.
pub fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let (a4, a_rest) = a.as_chunks::<4>();
    let (b4, b_rest) = b.as_chunks::<4>();
    let mut sums = F32x4::splat(0.0);
    for (&a, &b) in a4.iter().zip(b4) {
        let difference = F32x4::new(a).sub(F32x4::new(b));
        sums = difference.mul_add(difference, sums);
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| (a - b) * (a - b)).sum();
    sums.to_array().iter().sum::<f32>() + rest
}

/// The products of each row of `a` with each row of `b`, rows of `width` both.
pub fn dot_rows(a: &[f32], b: &[f32], width: usize, products: &mut [f32]) {
    if width == 0 {
        return;
    }
    let count = b.len() / width;
    for (row, products) in a.chunks_exact(width).zip(products.chunks_exact_mut(count.max(1))) {
        for (other, product) in b.chunks_exact(width).zip(products) {
            *product = dot(row, other);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_plain_sums() {
        for width in [0, 1, 3, 4, 7, 9] {
            let a: Vec<f32> = (0..width).map(|index| index as f32 - 4.0).collect();
            let b: Vec<f32> = (0..width).map(|index| (index % 3) as f32).collect();
            let expected: f32 = a.iter().zip(&b).map(|(a, b)| (a - b) * (a - b)).sum();
            assert_eq!(squared_distance(&a, &b), expected);
        }
    }

    #[test]
    fn products_are_those_of_plain_sums() {
        for width in [0, 1, 3, 4, 5, 8, 13] {
            let a: Vec<f32> = (0..width * 3).map(|index| index as f32 - 4.0).collect();
            let b: Vec<f32> = (0..width * 2).map(|index| (index % 5) as f32).collect();
            let mut products = [0.0; 6];
            dot_rows(&a, &b, width, &mut products);
            for (index, product) in products.iter().enumerate() {
                let (row, column) = (index / 2 * width, index % 2 * width);
                let expected: f32 = (0..width).map(|place| a[row + place] * b[column + place]).sum();
                assert_eq!(*product, expected);
            }
        }
    }
}
