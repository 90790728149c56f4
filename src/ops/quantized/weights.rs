//! The weights of a convolution of bytes.

use super::product::read_sign;
use crate::error::{Error, Result};
use crate::kernels::int8::{Source, pack_row, pad_depth};
use crate::tensor::{Dims, Tensor, fill};

/// Weights as rows, the elements of a window outermost.
pub struct Weights {
    /// One row for each output channel, less its zero point.
    pub rows: Vec<i16>,
    /// The sums of the rows.
    pub sums: Vec<i32>,
    /// Output channels.
    pub count: usize,
    /// Input channels of a group.
    pub channels: usize,
    /// The dims of a window.
    pub kernel: Dims,
    /// The length of a row.
    pub depth: usize,
}

impl Weights {
    /// Packs weights, with a zero point for all output channels or one each.
    pub fn pack(tensor: &Tensor, zeros: &[i32]) -> Result<Weights> {
        let is_signed = read_sign(tensor)?;
        let [count, channels, kernel @ ..] = tensor.dims() else {
            return Err(Error::execution(format!("expected weights of 3 axes or more, got {tensor}")));
        };
        if zeros.len() > 1 && zeros.len() != *count {
            return Err(Error::execution(format!("{} zero points do not fit {count} output channels", zeros.len())));
        }
        let taps: usize = kernel.iter().product();
        let depth = pad_depth(taps * channels);
        let mut rows = fill(&[*count, depth], 0i16)?;
        let mut sums = vec![0; *count];
        let size = taps * channels;
        let values = tensor.as_bytes();
        for (index, ((row, values), sum)) in
            rows.chunks_mut(depth.max(1)).zip(values.chunks(size.max(1))).zip(&mut sums).enumerate()
        {
            let zero = zeros.get(index).or(zeros.first()).copied().unwrap_or_default();
            let source = Source { values, is_signed, along: taps, across: 1 };
            for (tap, part) in row.chunks_mut((*channels).max(1)).take(taps).enumerate() {
                *sum += pack_row(source, tap, *channels, zero, part);
            }
        }
        Ok(Weights { rows, sums, count: *count, channels: *channels, kernel: Dims::from_slice(kernel), depth })
    }
}
