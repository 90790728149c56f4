//! Regions of images.

mod align;

use super::{Call, Entry, Operator, Spec, contrib, onnx, single};
use crate::error::{Error, Result};
use crate::kernels::real::Real;
use crate::tensor::{ElementType, Tensor, reserve};

pub const ENTRIES: &[Entry] =
    &[onnx("MaxRoiPool", max_roi_pool), onnx("RoiAlign", align::roi_align), contrib("CropAndResize", crop_and_resize)];

/// Images, and the one that each region is of.
struct Images {
    batch: usize,
    channels: usize,
    height: usize,
    width: usize,
}

impl Images {
    fn read(tensor: &Tensor) -> Result<Images> {
        let &[batch, channels, height, width] = tensor.dims() else {
            return Err(Error::execution("expected images of 4 axes"));
        };
        Ok(Images { batch, channels, height, width })
    }

    /// The planes of an image.
    fn planes<'a, T>(&self, values: &'a [T], image: i64) -> Result<impl Iterator<Item = &'a [T]> + use<'a, T>> {
        let image = usize::try_from(image).ok().filter(|&image| image < self.batch);
        let image =
            image.ok_or_else(|| Error::execution(format!("a region is of none of the {} images", self.batch)))?;
        let size = self.height * self.width;
        let start = image * self.channels * size;
        let planes = values.get(start..start + self.channels * size).unwrap_or_default();
        Ok(planes.chunks_exact(size.max(1)))
    }
}

/// Two sizes in an attribute.
fn read_pair(spec: &Spec, name: &str) -> Result<[usize; 2]> {
    match spec.sizes(name)?.as_deref() {
        Some(&[height, width]) => Ok([height, width]),
        other => Err(spec.invalid(&format!("{name}={other:?}"))),
    }
}

/// The numbers of the regions, `columns` for each.
fn read_regions(tensor: &Tensor, columns: usize) -> Result<()> {
    match tensor.dims() {
        [_, count] if *count == columns => Ok(()),
        _ => Err(Error::execution(format!("expected regions of dims [regions, {columns}], got {tensor}"))),
    }
}

/// <https://onnx.ai/onnx/operators/onnx__MaxRoiPool.html>
fn max_roi_pool(spec: &mut Spec) -> Result<Operator> {
    let pooled = read_pair(spec, "pooled_shape")?;
    let scale = spec.float_or("spatial_scale", 1.0);
    single(move |call| match call.tensor(0)?.element_type() {
        ElementType::Float64 => pool_regions::<f64>(call, pooled, scale),
        _ => pool_regions::<f32>(call, pooled, scale),
    })
}

fn pool_regions<T: Real>(call: &Call, pooled: [usize; 2], scale: f32) -> Result<Tensor> {
    let (images, regions) = (Images::read(call.tensor(0)?)?, call.tensor(1)?);
    read_regions(regions, 5)?;
    let values = call.slice::<T>(0)?;
    let [height, width] = pooled;
    let regions = regions.slice::<T>()?.as_chunks::<5>().0;
    let dims = [regions.len(), images.channels, height, width];
    let mut output = reserve::<T>(&dims)?;
    if dims.contains(&0) {
        return Tensor::new(&dims, output);
    }
    for region in regions {
        let [image, left, top, right, bottom] = region.map(Real::to_f64);
        let rows = split_range(top, bottom, scale, height, images.height);
        let columns = split_range(left, right, scale, width, images.width);
        for plane in images.planes(values, image as i64)? {
            for rows in &rows {
                let first = plane.get(rows.start * images.width..rows.end * images.width).unwrap_or_default();
                for columns in &columns {
                    let values = first.chunks_exact(images.width.max(1)).flat_map(|row| row.get(columns.clone()));
                    let largest = values.flatten().copied().reduce(|a, b| if b > a { b } else { a });
                    output.push(largest.unwrap_or_default());
                }
            }
        }
    }
    Tensor::new(&dims, output)
}

/// Divides a range of whole positions into parts that may overlap by one.
fn split_range(start: f64, end: f64, scale: f32, parts: usize, size: usize) -> Vec<std::ops::Range<usize>> {
    let round = |at: f64| (at as f32 * scale).round();
    let start = round(start);
    let part = (round(end) - start + 1.0).max(1.0) / parts as f32;
    let clamp = |at: f32| (at + start).clamp(0.0, size as f32) as usize;
    let split = |index: usize| clamp((index as f32 * part).floor())..clamp(((index + 1) as f32 * part).ceil());
    (0..parts).map(split).map(|range| range.start..range.end.max(range.start)).collect()
}

/// Crops of images, resized, as in TensorFlow.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.CropAndResize>
fn crop_and_resize(spec: &mut Spec) -> Result<Operator> {
    let outside = spec.float_or("extrapolation_value", 0.0);
    let is_nearest = match spec.text_or("mode", "bilinear") {
        "bilinear" => false,
        "nearest" => true,
        other => return Err(spec.invalid(&format!("mode={other}"))),
    };
    single(move |call| {
        let (images, regions, indices) = (Images::read(call.tensor(0)?)?, call.tensor(1)?, call.tensor(2)?);
        read_regions(regions, 4)?;
        let sizes = call.tensor(3)?.to_i64s()?;
        let sizes: Vec<usize> = sizes.iter().map(|&size| usize::try_from(size).unwrap_or(0)).collect();
        let &[height, width] = sizes.as_slice() else { return Err(Error::execution("expected two sizes")) };
        let values = call.slice::<f32>(0)?;
        let dims = [indices.len(), images.channels, height, width];
        let mut output = reserve::<f32>(&dims)?;
        if dims.contains(&0) {
            return Tensor::new(&dims, output);
        }
        let regions = regions.slice::<f32>()?.as_chunks::<4>().0;
        for (&[top, left, bottom, right], &image) in regions.iter().zip(indices.to_i64s()?.iter()) {
            let rows = locate_crop(top, bottom, height, images.height);
            let columns = locate_crop(left, right, width, images.width);
            for plane in images.planes(values, image)? {
                let at =
                    |y: f32, x: f32| plane.get(y as usize * images.width + x as usize).copied().unwrap_or_default();
                for y in &rows {
                    output.extend(columns.iter().map(|x| match (y, x) {
                        (&Some(y), &Some(x)) if is_nearest => at(y.round(), x.round()),
                        (&Some(y), &Some(x)) => {
                            let blend = |y: f32| {
                                let (left, right) = (at(y, x.floor()), at(y, x.ceil()));
                                left + (right - left) * (x - x.floor())
                            };
                            let (top, bottom) = (blend(y.floor()), blend(y.ceil()));
                            top + (bottom - top) * (y - y.floor())
                        }
                        _ => outside,
                    }));
                }
            }
        }
        Tensor::new(&dims, output)
    })
}

/// Where the positions of a crop lie; none outside the image.
fn locate_crop(start: f32, end: f32, count: usize, size: usize) -> Vec<Option<f32>> {
    let last = size as f32 - 1.0;
    let locate = |index: usize| match index {
        _ if count <= 1 => 0.5 * (start + end) * last,
        _ if index + 1 == count => end * last,
        _ => start * last + index as f32 * ((end - start) * last / (count - 1) as f32),
    };
    (0..count).map(locate).map(|at| Some(at).filter(|at| (0.0..=last).contains(at))).collect()
}
