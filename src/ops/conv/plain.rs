//! Convolutions of float64, which no kernel is made for.

use crate::error::{Error, Result};
use crate::kernels::conv::{Channels, Geometry};

/// Refuses channels that the groups do not divide, or that are not those of `what`: input channels of a group, and output
/// channels.
pub fn check_channels(channels: &Channels, (each, output): (usize, usize), what: &str) -> Result<()> {
    let Channels { groups, .. } = *channels;
    let fits = channels.input.is_multiple_of(groups)
        && channels.output.is_multiple_of(groups)
        && channels.input / groups == each
        && channels.output == output;
    let found = (channels.input, channels.output);
    let error = || Error::execution(format!("{found:?} channels in {groups} groups are not those of {what}"));
    fits.then_some(()).ok_or_else(error)
}

/// The pixels that meet: for each pixel of the result of a convolution and each weight, the pixel of the image under it.
fn for_each_meeting(geometry: &Geometry, mut meet: impl FnMut(usize, usize, usize)) {
    let Geometry { input: [_, input_rows, input_columns], output: [_, rows, columns], .. } = *geometry;
    let [_, kernel_rows, kernel_columns] = geometry.kernel;
    for pixel in 0..geometry.output_pixels() {
        let place = [pixel / columns / rows, pixel / columns % rows, pixel % columns];
        for tap in 0..geometry.taps() {
            let step = [tap / kernel_columns / kernel_rows, tap / kernel_columns % kernel_rows, tap % kernel_columns];
            let mut at = [0; 3];
            let sizes = geometry.input.into_iter().zip(geometry.before);
            let steps = place.into_iter().zip(geometry.stride).zip(step.into_iter().zip(geometry.dilation));
            let is_inside = at.iter_mut().zip(sizes.zip(steps)).all(|(at, ((size, before), steps))| {
                let ((place, stride), (step, dilation)) = steps;
                let found = (place * stride + step * dilation).checked_sub(before).filter(|&found| found < size);
                *at = found.unwrap_or(0);
                found.is_some()
            });
            if is_inside {
                let [depth, row, column] = at;
                meet(pixel, tap, (depth * input_rows + row) * input_columns + column);
            }
        }
    }
}

/// Convolves images, with weights and a bias.
pub fn convolve(
    geometry: &Geometry,
    channels: &Channels,
    (images, weights, bias): (&[f64], &[f64], Option<&[f64]>),
    results: &mut [f64],
) {
    let Channels { input, output, groups } = *channels;
    let (each, made) = (input / groups, (output / groups).max(1));
    let (pixels, image_size, taps) = (geometry.output_pixels(), geometry.input_pixels(), geometry.taps());
    for (index, result) in results.chunks_exact_mut(pixels.max(1)).enumerate() {
        let (batch, channel) = (index / output.max(1), index % output.max(1));
        result.fill(bias.and_then(|bias| bias.get(channel)).copied().unwrap_or(0.0));
        for source in 0..each {
            let start = (batch * input + channel / made * each + source) * image_size;
            let image = images.get(start..start + image_size).unwrap_or_default();
            let weights = weights.get((channel * each + source) * taps..).unwrap_or_default();
            for_each_meeting(geometry, |pixel, tap, under| {
                if let (Some(to), Some(weight), Some(from)) =
                    (result.get_mut(pixel), weights.get(tap), image.get(under))
                {
                    *to += weight * from;
                }
            });
        }
    }
}

/// The reverse: the output of the geometry is an image, its input a result.
pub fn convolve_transposed(
    geometry: &Geometry,
    channels: &Channels,
    (images, weights, bias): (&[f64], &[f64], Option<&[f64]>),
    results: &mut [f64],
) {
    let Channels { input, output, groups } = *channels;
    let (each, made) = (input / groups, (output / groups).max(1));
    let (pixels, result_size, taps) = (geometry.output_pixels(), geometry.input_pixels(), geometry.taps());
    for (index, result) in results.chunks_exact_mut(result_size.max(1)).enumerate() {
        let (batch, channel) = (index / output.max(1), index % output.max(1));
        result.fill(bias.and_then(|bias| bias.get(channel)).copied().unwrap_or(0.0));
        for source in (0..each).map(|source| channel / made * each + source) {
            let start = (batch * input + source) * pixels;
            let image = images.get(start..start + pixels).unwrap_or_default();
            let weights = weights.get((source * made + channel % made) * taps..).unwrap_or_default();
            for_each_meeting(geometry, |pixel, tap, under| {
                if let (Some(to), Some(weight), Some(from)) =
                    (result.get_mut(under), weights.get(tap), image.get(pixel))
                {
                    *to += weight * from;
                }
            });
        }
    }
}
