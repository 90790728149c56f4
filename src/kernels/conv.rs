//! Convolutions of float32 images in one, two or three dimensions, channels first.
//!
//! A convolution is a product of the weights, a row for each output channel, and a matrix that has a column for each output
//! pixel and a row for each weight. That matrix is never stored: its panels are copied from the image, a block at a time
//! (Chetlur et al., "cuDNN: efficient primitives for deep learning", 2014). Where each group has one channel, pixels are
//! summed side by side instead.

mod depthwise;
mod fold;
mod padded;
mod transposed;
mod unfold;
mod winograd;

use std::sync::OnceLock;

use super::gemm::{Finish, Left, Matrix, PackedLeft, Right, Shape, multiply};
use super::parallel::{self, Shared};
use crate::error::{Error, Result};
use depthwise::{convolve_channels, is_depthwise};
use unfold::Unfolded;
use winograd::{Transformed, is_suited, is_worthwhile, take_room};

pub use fold::add_columns;
pub use transposed::{TransposedWeights, convolve_transposed};
pub use winograd::allow_transforms;

/// The sizes of a convolution along depth, height and width; axes that an image lacks come first and have the size 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometry {
    /// Of the image.
    pub input: [usize; 3],
    /// Of the result.
    pub output: [usize; 3],
    /// Of the kernel.
    pub kernel: [usize; 3],
    /// Pixels of the image from one pixel of the result to the next.
    pub stride: [usize; 3],
    /// Pixels of the image from one weight to the next.
    pub dilation: [usize; 3],
    /// Zeros before the image. Those behind follow from the result's size.
    pub before: [usize; 3],
}

impl Geometry {
    /// The pixels of the image.
    pub fn input_pixels(&self) -> usize {
        self.input.iter().product()
    }

    /// The pixels of the result.
    pub fn output_pixels(&self) -> usize {
        self.output.iter().product()
    }

    /// The weights from one channel to another.
    pub fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Pixels of the padded image that `count` pixels of the result read along an axis.
    fn extent(&self, axis: usize, count: usize) -> usize {
        let [stride, kernel, dilation] = [self.stride, self.kernel, self.dilation].map(|sizes| at(&sizes, axis));
        count.saturating_sub(1) * stride + kernel.saturating_sub(1) * dilation + 1
    }

    /// Whether the result reads nothing but the image.
    fn is_inside(&self) -> bool {
        (0..3).all(|axis| {
            at(&self.before, axis) == 0 && self.extent(axis, at(&self.output, axis)) <= at(&self.input, axis)
        })
    }

    /// Whether the pixels of the result are those of the image.
    fn is_pointwise(&self) -> bool {
        self.taps() == 1 && self.is_inside() && self.stride == [1; 3] && self.input == self.output
    }
}

fn at(sizes: &[usize; 3], axis: usize) -> usize {
    sizes.get(axis).copied().unwrap_or(1)
}

/// All numbers.
const ALL: (f32, f32) = (f32::NEG_INFINITY, f32::INFINITY);

fn misfit(geometry: &Geometry) -> Error {
    Error::execution(format!("sizes do not fit a convolution of {geometry:?}"))
}

/// The channels of a convolution.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Channels {
    /// Of the image.
    pub input: usize,
    /// Of the result.
    pub output: usize,
    /// Parts that both are cut into, each of which is convolved by itself.
    pub groups: usize,
}

/// Weights as a convolution reads them.
#[derive(Debug, Clone)]
pub struct Weights {
    channels: Channels,
    taps: usize,
    form: Form,
    /// Where transforms are worth it, those of three by three weights, made for the first image that they suit.
    transformed: Option<OnceLock<Transformed>>,
}

#[derive(Debug, Clone)]
enum Form {
    /// For groups of one channel: as they come.
    Plain(Vec<f32>),
    /// A matrix for each group.
    Packed(Vec<PackedLeft>),
}

impl Weights {
    /// Packs weights: for each output channel, those of each input channel of its group, `taps` each.
    pub fn new(channels: Channels, taps: usize, weights: &[f32]) -> Result<Weights> {
        let Channels { input, output, groups } = channels;
        let is_divided = groups > 0 && input.is_multiple_of(groups) && output.is_multiple_of(groups);
        let (m, k) = (output / groups.max(1), input / groups.max(1) * taps);
        if !is_divided || weights.len() != output * k {
            return Err(Error::execution(format!(
                "{} weights do not fit {input} and {output} channels in {groups} groups, {taps} each",
                weights.len()
            )));
        }
        let form = if is_depthwise(&channels) {
            Form::Plain(weights.to_vec())
        } else {
            let groups = (0..groups).map(|group| {
                let data = weights.get(group * m * k..).unwrap_or_default();
                PackedLeft::new(m, k, Matrix::rows(data, k))
            });
            Form::Packed(groups.collect::<Result<_>>()?)
        };
        Ok(Weights { channels, taps, form, transformed: None })
    }

    /// The same of weights that are used many times, for a kernel of three by three, not dilated, at every pixel: what is worth
    /// more effort is done in the first run that can use it.
    pub fn transform(channels: Channels, weights: &[f32]) -> Result<Weights> {
        let packed = Weights::new(channels, 9, weights)?;
        let transformed = (is_worthwhile(&channels) && take_room(&channels)).then(OnceLock::new);
        Ok(Weights { transformed, ..packed })
    }

    /// The transforms, where they are worth it and suit the image.
    fn find_transforms(&self, geometry: &Geometry) -> Option<&Transformed> {
        let (Some(cell), Form::Packed(packed)) = (&self.transformed, &self.form) else { return None };
        let [packed] = packed.as_slice() else { return None };
        if !is_suited(geometry) {
            return None;
        }
        if cell.get().is_none() {
            // Without memory for them the convolution goes without.
            let transformed = Transformed::new(packed).ok()?;
            cell.get_or_init(|| transformed);
        }
        cell.get()
    }

    /// The channels that the weights are for.
    pub fn channels(&self) -> Channels {
        self.channels
    }
}

/// Convolves one image. `finish` may hold a bias for each output channel (`row_bias`), a residual of the result's size and an
/// activation.
pub fn convolve(
    geometry: &Geometry,
    weights: &Weights,
    image: &[f32],
    finish: &Finish,
    result: &mut [f32],
) -> Result<()> {
    let Channels { input, output, groups } = weights.channels;
    let (pixels, taps) = (geometry.output_pixels(), geometry.taps());
    let fits =
        image.len() == input * geometry.input_pixels() && result.len() == output * pixels && taps == weights.taps;
    let bias_fits = finish.row_bias.is_none_or(|bias| bias.len() == output);
    if !fits || !bias_fits || finish.residual.is_some_and(|residual| residual.len() != result.len()) {
        return Err(misfit(geometry));
    }
    if result.is_empty() {
        return Ok(());
    }
    if let Some(transformed) = weights.find_transforms(geometry) {
        return transformed.convolve(geometry, image, finish, result);
    }
    let packed = match &weights.form {
        Form::Plain(plain) => {
            convolve_channels(geometry, &weights.channels, plain, image, finish, result);
            return Ok(());
        }
        Form::Packed(packed) => packed,
    };
    let shape = Shape { m: output / groups, k: input / groups * taps, n: pixels };
    let image_size = input / groups * geometry.input_pixels();
    let result_size = shape.m * pixels;
    // A single group is left for the product to cut.
    let parts = parallel::count_parts(groups.saturating_mul(result_size).saturating_mul(shape.k), groups);
    let result = Shared::new(result);
    parallel::try_run(parts, |part| {
        for group in parallel::part_of(groups, 1, part, parts) {
            let Some(packed) = packed.get(group) else { continue };
            let image = image.get(group * image_size..(group + 1) * image_size).unwrap_or_default();
            let (start, end) = (group * result_size, (group + 1) * result_size);
            // SAFETY: each group has a part of its own.
            let result = unsafe { result.part(start..end) };
            let finish = Finish {
                row_bias: finish.row_bias.and_then(|bias| bias.get(group * shape.m..(group + 1) * shape.m)),
                residual: finish.residual.and_then(|residual| residual.get(start..end)),
                ..*finish
            };
            let left = Left::Packed(packed);
            if geometry.is_pointwise() {
                multiply(shape, left, Right::Matrix(Matrix::rows(image, pixels)), &finish, result, pixels)?;
                continue;
            }
            let unfolded = Unfolded::new(geometry, input / groups, image);
            if unfolded.is_direct(packed) {
                unfolded.multiply(packed, &finish, result)?;
            } else {
                multiply(shape, left, Right::Source(&unfolded), &finish, result, pixels)?;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)]
mod tests;
