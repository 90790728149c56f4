//! Transposed convolutions: each pixel of the image is multiplied by all weights, and the products are added up where they
//! overlap.

use super::fold::add_columns;
use super::{Channels, Geometry};
use crate::error::{Error, Result};
use crate::kernels::gemm::{Finish, Left, Matrix, PackedLeft, Right, Shape, multiply};

/// About as many products are held at a time.
const PRODUCTS: usize = 1 << 18;

/// Weights as a transposed convolution reads them: for each group, a row for each output channel and weight.
#[derive(Debug, Clone)]
pub struct TransposedWeights {
    channels: Channels,
    taps: usize,
    groups: Vec<PackedLeft>,
}

impl TransposedWeights {
    /// Packs weights: for each input channel, those of each output channel of its group, `taps` each.
    pub fn new(channels: Channels, taps: usize, weights: &[f32]) -> Result<TransposedWeights> {
        let Channels { input, output, groups } = channels;
        let is_divided = groups > 0 && input.is_multiple_of(groups) && output.is_multiple_of(groups);
        let (k, m) = (input / groups.max(1), output / groups.max(1) * taps);
        if !is_divided || weights.len() != input * m {
            return Err(Error::execution(format!(
                "{} weights do not fit {input} and {output} channels in {groups} groups, {taps} each",
                weights.len()
            )));
        }
        let pack = |group: usize| {
            let data = weights.get(group * m * k..).unwrap_or_default();
            PackedLeft::new(m, k, Matrix::rows(data, m).transpose())
        };
        Ok(TransposedWeights { channels, taps, groups: (0..groups).map(pack).collect::<Result<_>>()? })
    }
}

/// Adds the transposed convolution of one image to `result`. The geometry is that of the convolution that is reversed: its
/// output is `image`, and its input `result`.
pub fn convolve_transposed(
    geometry: &Geometry,
    weights: &TransposedWeights,
    image: &[f32],
    result: &mut [f32],
) -> Result<()> {
    let Channels { input, output, groups } = weights.channels;
    let (pixels, size) = (geometry.output_pixels(), geometry.input_pixels());
    if image.len() != input * pixels || result.len() != output * size || geometry.taps() != weights.taps {
        return Err(super::misfit(geometry));
    }
    if pixels == 0 || result.is_empty() {
        return Ok(());
    }
    let [depths, rows, width] = geometry.output;
    let (k, m) = (input / groups, output / groups * weights.taps);
    let lines = (PRODUCTS / (m * width).max(1)).clamp(1, depths * rows);
    let mut products = vec![0.0; m * lines * width];
    let images = image.chunks_exact((k * pixels).max(1));
    let results = result.chunks_exact_mut(output / groups * size);
    for ((packed, image), result) in weights.groups.iter().zip(images).zip(results) {
        for first in (0..depths * rows).step_by(lines) {
            let lines = first..(first + lines).min(depths * rows);
            let n = lines.len() * width;
            let data = image.get(first * width..).unwrap_or_default();
            let right = Right::Matrix(Matrix::rows(data, pixels));
            multiply(Shape { m, k, n }, Left::Packed(packed), right, &Finish::default(), &mut products, n)?;
            let channels = products.chunks_exact(weights.taps * n);
            for (columns, result) in channels.zip(result.chunks_exact_mut(size)) {
                add_columns(geometry, lines.clone(), columns, result);
            }
        }
    }
    Ok(())
}
