//! Convolutions whose weights are applied at places that an input moves.

use super::geometry::{Attributes, spatial};
use super::split_dims;
use crate::error::{Error, Result};
use crate::kernels::conv::Geometry;
use crate::kernels::gemm::{Finish, Left, Matrix, Right, Shape, multiply};
use crate::ops::{Call, Operator, Spec, single};
use crate::tensor::{Dims, ElementType, Tensor, zeroed};

struct Deform {
    attributes: Attributes,
    offset_groups: usize,
}

/// A convolution of images whose pixels are read between places, by linear interpolation.
/// <https://onnx.ai/onnx/operators/onnx__DeformConv.html>
pub fn deform_conv(spec: &mut Spec) -> Result<Operator> {
    let offset_groups = usize::try_from(spec.int_or("offset_group", 1)).unwrap_or(0);
    if offset_groups == 0 {
        return Err(spec.invalid("offset_group below 1"));
    }
    let deform = Deform { attributes: Attributes::read(spec)?, offset_groups };
    single(move |call| deform.run(call))
}

impl Deform {
    fn run(&self, call: &Call) -> Result<Tensor> {
        let (image, weights) = (call.tensor(0)?, call.tensor(1)?);
        let is_double = image.element_type() == ElementType::Float64;
        let (batch, channels, size) = split_dims(image.dims())?;
        let (output, each, kernel) = split_dims(weights.dims())?;
        let geometry = self.attributes.resolve(size, kernel)?;
        let groups = self.attributes.groups;
        let (rank, taps, pixels) = (size.len(), geometry.taps(), geometry.output_pixels());
        let places = spatial(&geometry.output, rank);
        let expect = |tensor: &Tensor, rows: usize, what: &str| {
            let mut dims = Dims::from_slice(&[batch, rows]);
            dims.extend_from_slice(places);
            let error = || Error::execution(format!("expected {what} of dims {dims:?}, got {tensor}"));
            if tensor.dims() == dims.as_slice() { Ok(()) } else { Err(error()) }
        };
        expect(call.tensor(2)?, self.offset_groups * taps * rank, "offsets")?;
        if let Some(mask) = call.optional(4)? {
            expect(mask, self.offset_groups * taps, "a mask")?;
        }
        let is_divided =
            channels == each * groups && output.is_multiple_of(groups) && channels.is_multiple_of(self.offset_groups);
        if !is_divided {
            return Err(Error::execution(format!("{channels} and {output} channels do not fit {groups} groups")));
        }
        let mut dims = Dims::from_slice(&[batch, output]);
        dims.extend_from_slice(places);
        let (images, weights) = (image.to_f32s()?, weights.to_f32s()?);
        let offsets = call.tensor(2)?.to_f64s()?;
        let mask = call.optional(4)?.map(Tensor::to_f32s).transpose()?;
        let bias = call.optional(3)?.map(Tensor::to_f32s).transpose()?;
        if let Some(bias) = &bias
            && bias.len() != output
        {
            return Err(Error::execution(format!("expected a bias of {output} elements, got {}", bias.len())));
        }
        let mut values = zeroed::<f32>(&dims)?;
        let mut columns = zeroed::<f32>(&[channels, taps, pixels])?;
        let sampler = Sampler { geometry: &geometry, rank, offset_groups: self.offset_groups, channels };
        for (index, result) in values.chunks_exact_mut((output * pixels).max(1)).enumerate() {
            let image_size = channels * geometry.input_pixels();
            let image = images.get(index * image_size..(index + 1) * image_size).unwrap_or_default();
            let rows = self.offset_groups * taps * pixels;
            let offsets = offsets.get(index * rows * rank..).unwrap_or_default();
            let mask = mask.as_deref().map(|mask| mask.get(index * rows..).unwrap_or_default());
            sampler.sample(image, offsets, mask, &mut columns);
            let shape = Shape { m: output / groups, k: each * taps, n: pixels };
            for (group, result) in result.chunks_exact_mut((shape.m * pixels).max(1)).enumerate() {
                let weights = weights.get(group * shape.m * shape.k..).unwrap_or_default();
                let columns = columns.get(group * shape.k * pixels..).unwrap_or_default();
                let bias = bias.as_deref().and_then(|bias| bias.get(group * shape.m..));
                let finish = Finish { row_bias: bias, ..Finish::default() };
                let right = Right::Matrix(Matrix::rows(columns, pixels));
                multiply(shape, Left::Matrix(Matrix::rows(weights, shape.k)), right, &finish, result, pixels)?;
            }
        }
        if is_double {
            return Tensor::new(&dims, values.into_iter().map(f64::from).collect());
        }
        Tensor::new(&dims, values)
    }
}

struct Sampler<'a> {
    geometry: &'a Geometry,
    rank: usize,
    offset_groups: usize,
    channels: usize,
}

impl Sampler<'_> {
    /// Fills `columns`, a row for each channel and weight, with the pixels read at the moved places.
    fn sample(&self, image: &[f32], offsets: &[f64], mask: Option<&[f32]>, columns: &mut [f32]) {
        let (pixels, taps) = (self.geometry.output_pixels(), self.geometry.taps());
        let [_, rows, width] = self.geometry.output;
        let [_, kernel_rows, kernel_width] = self.geometry.kernel;
        let shared = (self.channels / self.offset_groups).max(1);
        let size = self.geometry.input_pixels();
        for (row, columns) in columns.chunks_exact_mut(pixels.max(1)).enumerate() {
            let (channel, tap) = (row / taps, row % taps);
            let image = image.get(channel * size..(channel + 1) * size).unwrap_or_default();
            let group_tap = channel / shared * taps + tap;
            let step = [tap / kernel_width / kernel_rows, tap / kernel_width % kernel_rows, tap % kernel_width];
            for (pixel, to) in columns.iter_mut().enumerate() {
                let place = [pixel / width / rows, pixel / width % rows, pixel % width];
                let mut at = [0.0; 3];
                let first = 3 - self.rank;
                let axes =
                    place.into_iter().zip(self.geometry.stride).zip(step.into_iter().zip(self.geometry.dilation));
                let axes = axes.zip(self.geometry.before).enumerate();
                for (at, (axis, (((place, stride), (step, dilation)), before))) in at.iter_mut().zip(axes) {
                    let moved = axis
                        .checked_sub(first)
                        .and_then(|axis| offsets.get((group_tap * self.rank + axis) * pixels + pixel).copied());
                    *at = (place * stride + step * dilation) as f64 - before as f64 + moved.unwrap_or(0.0);
                }
                let factor = mask.map_or(1.0, |mask| mask.get(group_tap * pixels + pixel).copied().unwrap_or(0.0));
                *to = factor * interpolate(image, &self.geometry.input, at);
            }
        }
    }
}

/// The image at a place between pixels; outside it is zero.
fn interpolate(image: &[f32], sizes: &[usize; 3], at: [f64; 3]) -> f32 {
    let mut sum = 0.0;
    for corner in 0..8usize {
        let mut factor = 1.0;
        let mut index = Some(0usize);
        for (axis, (&size, at)) in sizes.iter().zip(at).enumerate() {
            let (low, is_upper) = (at.floor(), corner >> axis & 1 == 1);
            factor *= if is_upper { at - low } else { 1.0 - (at - low) };
            let pixel = if is_upper { low + 1.0 } else { low };
            let is_inside = pixel >= 0.0 && pixel < size as f64;
            index = index.filter(|_| is_inside).map(|index| index * size + pixel as usize);
        }
        if factor != 0.0 {
            sum += factor * f64::from(index.and_then(|index| image.get(index)).copied().unwrap_or(0.0));
        }
    }
    sum as f32
}
