//! The results of integer products as smaller integers.

use super::convert::{Levels, round_within};

/// One factor for all elements of a row, or one each.
#[derive(Clone, Copy)]
pub enum Scales<'a> {
    /// For all.
    One(f32),
    /// For each.
    Each(&'a [f32]),
}

/// Multiplies and rounds a row of products after `bias` is added; signed types come as their bits.
pub fn requantise(products: &[i32], bias: i32, scales: Scales, levels: Levels, out: &mut [u8]) {
    match scales {
        Scales::One(scale) => {
            let (whole, rest) = products.as_chunks::<16>();
            let (outs, out_rest) = out.as_chunks_mut::<16>();
            for (products, out) in whole.iter().zip(outs) {
                *out = products.map(|product| round_within(product.wrapping_add(bias) as f32 * scale, levels) as u8);
            }
            for (&product, out) in rest.iter().zip(out_rest) {
                *out = round_within(product.wrapping_add(bias) as f32 * scale, levels) as u8;
            }
        }
        Scales::Each(scales) => {
            for ((&product, &scale), out) in products.iter().zip(scales).zip(out) {
                *out = round_within(product.wrapping_add(bias) as f32 * scale, levels) as u8;
            }
        }
    }
}
