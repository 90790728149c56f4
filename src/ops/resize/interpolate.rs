//! Resizing by blending neighbours.

use super::axis::{Axis, Filter, Transform};
use crate::error::{Error, Result};
use crate::kernels::real::Real;
use crate::kernels::resize::{Rows, Taps, blend};
use crate::ops::cast::lower;
use crate::tensor::{Dims, ElementType, Tensor, count_elements, reserve};

/// The one of the weights by which onnxruntime filters bytes.
const FIXED_POINT: f32 = (1 << 22) as f32;

/// How the axes are resampled.
pub struct Interpolation {
    pub transform: Transform,
    pub filter: Filter,
    /// What a crop shows outside the input.
    pub outside: f32,
}

impl Interpolation {
    /// Resizes a tensor.
    pub fn resize(&self, tensor: &Tensor, axes: &[Axis]) -> Result<Tensor> {
        let dims: Dims = axes.iter().map(|axis| axis.output).collect();
        match tensor.element_type() {
            ElementType::Float32 => Tensor::new(&dims, self.blend_axes(tensor.slice::<f32>()?, axes, None)?),
            ElementType::Float64 => Tensor::new(&dims, self.blend_axes(tensor.slice::<f64>()?, axes, None)?),
            ElementType::Bool | ElementType::String => Err(Error::execution(format!("expected numbers, got {tensor}"))),
            element_type @ (ElementType::Int8 | ElementType::Uint8) if self.is_wide() => {
                let limits = if element_type == ElementType::Int8 { (-128.0, 127.0) } else { (0.0, 255.0) };
                let values = self.blend_axes(&tensor.to_f64s()?, axes, Some(limits))?;
                lower(element_type, &dims, values)
            }
            element_type if self.is_wide() => {
                let limits = (f64::NEG_INFINITY, f64::INFINITY);
                let values = self.blend_axes(&tensor.to_f32s()?, axes, Some(limits))?;
                lower(element_type, &dims, values)
            }
            element_type @ (ElementType::Int8 | ElementType::Uint8) if has_channels_last(axes) => {
                let values = self.blend_at_once(&tensor.to_f64s()?, axes, true)?;
                lower(element_type, &dims, values)
            }
            element_type => {
                let values = self.blend_at_once(&tensor.to_f32s()?, axes, false)?;
                lower(element_type, &dims, values)
            }
        }
    }

    /// Whether more than two neighbours are blended.
    fn is_wide(&self) -> bool {
        self.filter.antialiases || self.filter.cubic.is_some()
    }

    /// Blends along one axis after another. Integers are rounded after each and kept within limits, and the last axis comes
    /// first, as in onnxruntime; other values begin with what shrinks most.
    fn blend_axes<T: Rows>(&self, values: &[T], axes: &[Axis], limits: Option<(f64, f64)>) -> Result<Vec<T>> {
        let batch = axes.iter().take_while(|axis| axis.is_kept()).count();
        let (outer, axes) = axes.split_at_checked(batch).unwrap_or((axes, &[]));
        let dims: Dims = outer.iter().chain(axes).map(|axis| axis.output).collect();
        let mut output = reserve::<T>(&dims)?;
        let mut order: Vec<usize> =
            (0..axes.len()).rev().filter(|&index| axes.get(index).is_some_and(|axis| !axis.is_kept())).collect();
        let growth = |index: &usize| axes.get(*index).map_or(1.0, |axis| axis.output as f32 / axis.input.max(1) as f32);
        if limits.is_none() {
            order.sort_by(|a, b| growth(a).total_cmp(&growth(b)));
        }
        let mut steps = Vec::new();
        let mut current: Dims = axes.iter().map(|axis| axis.input).collect();
        for &index in &order {
            let Some(axis) = axes.get(index) else { continue };
            let mut taps = axis.find_taps(self.transform, self.filter);
            if limits.is_some_and(|(_, most)| most.is_finite()) {
                // onnxruntime computes bytes in fixed point.
                taps.adjust_weights(|weights| {
                    weights.iter_mut().for_each(|weight| *weight = (*weight * FIXED_POINT).round() / FIXED_POINT);
                });
            }
            if let Some(dim) = current.get_mut(index) {
                *dim = axis.output;
            }
            let inner: usize = current.iter().skip(index + 1).product();
            steps.push((taps, inner, count_elements::<T>(&current)?));
        }
        let size: usize = axes.iter().map(|axis| axis.input).product();
        let (mut from, mut into) = (Vec::new(), Vec::new());
        let Some(((taps, inner, last_size), steps)) = steps.split_last() else { return Ok(values.to_vec()) };
        for plane in values.chunks_exact(size.max(1)) {
            for (index, (taps, inner, size)) in steps.iter().enumerate() {
                into.resize(*size, T::default());
                blend(if index == 0 { plane } else { &from }, &mut into, *inner, taps);
                round(&mut into, limits);
                std::mem::swap(&mut from, &mut into);
            }
            let start = output.len();
            output.resize(start + last_size, T::default());
            let into = output.get_mut(start..).unwrap_or_default();
            blend(if steps.is_empty() { plane } else { &from }, into, *inner, taps);
            round(into, limits);
        }
        self.fill_outside(&mut output, &dims, outer.len(), axes);
        Ok(output)
    }

    /// Blends along all axes at once, in the order of onnxruntime, since integers show every rounding.
    fn blend_at_once<T: Real>(&self, values: &[T], axes: &[Axis], in_fixed_point: bool) -> Result<Vec<T>> {
        let dims: Dims = axes.iter().map(|axis| axis.output).collect();
        let mut output = reserve::<T>(&dims)?;
        let (batch, inner) = count_kept(axes);
        let (outer, rest) = axes.split_at_checked(batch).unwrap_or((axes, &[]));
        let (blended, inner) = rest.split_at_checked(rest.len().saturating_sub(inner)).unwrap_or((rest, &[]));
        let Some((last, others)) = blended.split_last() else { return Ok(values.to_vec()) };
        let inner: usize = inner.iter().map(|axis| axis.input).product();
        let find = |axis: &Axis| {
            let mut taps = axis.find_taps(self.transform, self.filter);
            if in_fixed_point {
                taps.adjust_weights(|weights| {
                    if let [first, second] = weights {
                        *second = (*second * 1024.0).trunc() / 1024.0;
                        *first = 1.0 - *second;
                    }
                });
            }
            taps
        };
        let mut bands: Vec<Vec<(usize, T)>> = vec![vec![(0, T::from(1.0))]];
        for axis in others {
            bands = extend_bands(&bands, axis, &find(axis));
        }
        let taps = find(last);
        let size: usize = rest.iter().map(|axis| axis.input).product();
        for plane in values.chunks_exact(size.max(1)) {
            for band in &bands {
                for position in taps.positions() {
                    for channel in 0..inner {
                        let at = |row: usize, column: usize| plane.get((row * last.input + column) * inner + channel);
                        let parts = band.iter().flat_map(|&(row, outer)| {
                            position.clone().map(move |(column, weight)| {
                                T::from(weight) * outer * at(row, column).copied().unwrap_or_default()
                            })
                        });
                        output.push(parts.fold(T::from(0.0), |sum, part| sum + part));
                    }
                }
            }
        }
        self.fill_outside(&mut output, &dims, outer.len(), rest);
        Ok(output)
    }

    fn fill_outside<T: Real>(&self, output: &mut [T], dims: &[usize], skipped: usize, axes: &[Axis]) {
        for (index, axis) in axes.iter().enumerate() {
            let outside = axis.find_outside(self.transform);
            let inner: usize = dims.iter().skip(skipped + index + 1).product();
            for block in output.chunks_exact_mut((axis.output * inner).max(1)) {
                for &position in &outside {
                    let row = block.get_mut(position * inner..(position + 1) * inner);
                    row.unwrap_or_default().fill(T::from(self.outside));
                }
            }
        }
    }
}

/// Rounds integers, and keeps bytes within their limits.
fn round<T: Real>(values: &mut [T], limits: Option<(f64, f64)>) {
    let Some((least, most)) = limits else { return };
    for value in values {
        let number = value.to_f64();
        let rounded = if most.is_finite() { (number + 0.5).floor() } else { number.round() };
        *value = T::from_f64(rounded.clamp(least, most));
    }
}

/// onnxruntime computes images of bytes with their channels last in fixed point.
fn has_channels_last(axes: &[Axis]) -> bool {
    matches!(axes, [_, height, _, channels] if height.scale != 1.0 && channels.scale == 1.0)
}

/// How many axes at the start and at the end take no part in sums: those of the batch and of the channels, as onnxruntime
/// knows them, which blends the others even where they keep their size.
fn count_kept(axes: &[Axis]) -> (usize, usize) {
    let kept = axes.iter().take_while(|axis| axis.is_kept()).count();
    match axes.len() {
        2 | 3 => (0, 0),
        4 if has_channels_last(axes) => (kept.min(1), 1),
        4 | 5 => (kept.min(2), 0),
        _ => (kept, axes.iter().rev().take_while(|axis| axis.is_kept()).count()),
    }
}

fn extend_bands<T: Real>(bands: &[Vec<(usize, T)>], axis: &Axis, taps: &Taps) -> Vec<Vec<(usize, T)>> {
    let positions: Vec<Vec<(usize, f32)>> = taps.positions().map(Iterator::collect).collect();
    let extend = |band: &Vec<(usize, T)>, position: &Vec<(usize, f32)>| {
        let places = band.iter().flat_map(|&(row, outer)| {
            position.iter().map(move |&(index, weight)| (row * axis.input + index, outer * T::from(weight)))
        });
        places.collect()
    };
    bands.iter().flat_map(|band| positions.iter().map(move |position| extend(band, position))).collect()
}
