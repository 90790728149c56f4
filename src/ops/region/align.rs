//! Regions sampled between pixels.

use super::{Images, read_regions};
use crate::error::{Error, Result};
use crate::kernels::real::Real;
use crate::kernels::resize::blend_scattered;
use crate::ops::{Call, Operator, Spec, single};
use crate::tensor::{ElementType, Tensor, count_elements, reserve};

struct Alignment {
    height: usize,
    width: usize,
    /// Samples along each side of a bin; as many as it has pixels without a number.
    samples: Option<usize>,
    scale: f32,
    /// Whether pixels are at halves, and regions may be smaller than one.
    has_half_pixels: bool,
    takes_largest: bool,
}

/// A position along an axis as its two neighbours and their weights; none of it outside the image.
type Neighbours<T> = Option<[(usize, T); 2]>;

/// Before opset 16 without halves of pixels. <https://onnx.ai/onnx/operators/onnx__RoiAlign.html>
pub fn roi_align(spec: &mut Spec) -> Result<Operator> {
    let size = |name: &str, default: i64| {
        usize::try_from(spec.int_or(name, default)).map_err(|_| spec.invalid(&format!("a negative {name}")))
    };
    let alignment = Alignment {
        height: size("output_height", 1)?,
        width: size("output_width", 1)?,
        samples: Some(size("sampling_ratio", 0)?).filter(|&samples| samples > 0),
        scale: spec.float_or("spatial_scale", 1.0),
        has_half_pixels: match spec.text_or("coordinate_transformation_mode", "half_pixel") {
            _ if spec.opset() < 16 => false,
            "half_pixel" => true,
            "output_half_pixel" => false,
            other => return Err(spec.invalid(&format!("coordinate_transformation_mode={other}"))),
        },
        takes_largest: match spec.text_or("mode", "avg") {
            "avg" => false,
            "max" => true,
            other => return Err(spec.invalid(&format!("mode={other}"))),
        },
    };
    single(move |call| match call.tensor(0)?.element_type() {
        ElementType::Float64 => alignment.align::<f64>(call),
        _ => alignment.align::<f32>(call),
    })
}

impl Alignment {
    fn align<T: Real>(&self, call: &Call) -> Result<Tensor> {
        let (images, regions, indices) = (Images::read(call.tensor(0)?)?, call.tensor(1)?, call.tensor(2)?);
        read_regions(regions, 4)?;
        let values = call.slice::<T>(0)?;
        let regions = regions.slice::<T>()?.as_chunks::<4>().0;
        if indices.len() != regions.len() {
            return Err(Error::execution("expected as many batch_indices as regions"));
        }
        let dims = [regions.len(), images.channels, self.height, self.width];
        let mut output = reserve::<T>(&dims)?;
        if dims.contains(&0) {
            return Tensor::new(&dims, output);
        }
        for (&[left, top, right, bottom], &image) in regions.iter().zip(indices.to_i64s()?.iter()) {
            let (rows, row_samples) = self.sample(top, bottom, self.height, images.height)?;
            let (columns, column_samples) = self.sample(left, right, self.width, images.width)?;
            let divisor = T::from((row_samples * column_samples).max(1) as f32);
            // The bins one after another, each with its samples.
            count_elements::<u64>(&[rows.len(), columns.len(), 8])?;
            let mut samples: Vec<[(usize, T); 4]> = Vec::with_capacity(rows.len() * columns.len());
            for rows in rows.chunks_exact(row_samples.max(1)) {
                for columns in columns.chunks_exact(column_samples.max(1)) {
                    let pairs = rows.iter().flat_map(|row| columns.iter().map(move |column| (row, column)));
                    samples.extend(pairs.map(|(row, column)| combine(row, column, images.width)));
                }
            }
            let size = row_samples * column_samples;
            for plane in images.planes(values, image)? {
                let part = |&(index, weight): &(usize, T)| plane.get(index).copied().unwrap_or_default() * weight;
                if size == 0 {
                    output.resize(output.len() + self.height * self.width, T::default());
                } else if self.takes_largest {
                    let largest = |a: T, b: T| if b > a { b } else { a };
                    let reduce = |bin: &[[(usize, T); 4]]| bin.iter().flatten().map(part).reduce(largest);
                    output.extend(samples.chunks_exact(size).map(|bin| reduce(bin).unwrap_or_default()));
                } else {
                    let start = output.len();
                    output.resize(start + self.height * self.width, T::default());
                    let into = output.get_mut(start..).unwrap_or_default();
                    blend_scattered(plane, into, samples.as_flattened(), size * 4);
                    into.iter_mut().for_each(|sum| *sum = *sum / divisor);
                }
            }
        }
        Tensor::new(&dims, output)
    }

    /// The samples along one side of a region, bin by bin, and how many each bin has.
    fn sample<T: Real>(&self, start: T, end: T, bins: usize, size: usize) -> Result<(Vec<Neighbours<T>>, usize)> {
        let offset = T::from(if self.has_half_pixels { 0.5 } else { 0.0 });
        let (start, end) = (start * T::from(self.scale) - offset, end * T::from(self.scale) - offset);
        let mut length = end - start;
        if !self.has_half_pixels && length < T::from(1.0) {
            length = T::from(1.0);
        }
        let bin = length / T::from(bins as f32);
        let samples = self.samples.unwrap_or(bin.to_f64().ceil().max(0.0) as usize);
        let mut found = Vec::with_capacity(count_elements::<u64>(&[bins, samples, 4])? / 4);
        for index in 0..bins {
            for sample in 0..samples {
                let within = T::from(sample as f32 + 0.5) * bin / T::from(samples as f32);
                found.push(find_neighbours(start + T::from(index as f32) * bin + within, size));
            }
        }
        Ok((found, samples))
    }
}

fn find_neighbours<T: Real>(at: T, size: usize) -> Neighbours<T> {
    let last = size.checked_sub(1)?;
    if at < T::from(-1.0) || at > T::from(size as f32) {
        return None;
    }
    let at = if at > T::default() { at } else { T::default() };
    let low = at.to_f64() as usize;
    if low >= last {
        return Some([(last, T::from(1.0)), (last, T::default())]);
    }
    let share = at - T::from(low as f32);
    Some([(low, T::from(1.0) - share), (low + 1, share)])
}

fn combine<T: Real>(row: &Neighbours<T>, column: &Neighbours<T>, width: usize) -> [(usize, T); 4] {
    let (Some([top, bottom]), Some([left, right])) = (row, column) else {
        return [(0, T::default()); 4];
    };
    [(top, left), (top, right), (bottom, left), (bottom, right)]
        .map(|(row, column)| (row.0 * width + column.0, row.1 * column.1))
}
