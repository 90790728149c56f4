//! Images sampled at the points of a grid, and grids of such points.

use super::axis::weigh_cubic;
use crate::error::{Error, Result};
use crate::kernels::real::Real;
use crate::kernels::resize::blend_scattered;
use crate::ops::cast::lower;
use crate::ops::{Call, Operator, Spec, single};
use crate::tensor::{Dims, ElementType, Tensor, reserve};

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Nearest,
    Linear,
    Cubic,
}

#[derive(Clone, Copy, PartialEq)]
enum Padding {
    Zeros,
    Border,
    Reflection,
}

#[derive(Clone, Copy)]
struct Sampling {
    mode: Mode,
    padding: Padding,
    aligns_corners: bool,
}

/// Stands for a position outside the image, whose value is 0.
const OUTSIDE: usize = usize::MAX;

/// As many points are looked up for all channels at a time.
const POINTS: usize = 256;

/// <https://onnx.ai/onnx/operators/onnx__GridSample.html>
pub fn grid_sample(spec: &mut Spec) -> Result<Operator> {
    let sampling = Sampling {
        mode: match spec.text_or("mode", "linear") {
            "nearest" => Mode::Nearest,
            "linear" | "bilinear" => Mode::Linear,
            "cubic" | "bicubic" => Mode::Cubic,
            other => return Err(spec.invalid(&format!("mode={other}"))),
        },
        padding: match spec.text_or("padding_mode", "zeros") {
            "zeros" => Padding::Zeros,
            "border" => Padding::Border,
            "reflection" => Padding::Reflection,
            other => return Err(spec.invalid(&format!("padding_mode={other}"))),
        },
        aligns_corners: spec.flag("align_corners", false),
    };
    single(move |call| {
        let (image, grid) = (call.tensor(0)?, call.tensor(1)?);
        let dims = find_dims(image, grid)?;
        match image.element_type() {
            ElementType::Float64 => {
                Tensor::new(&dims, sampling.sample(image.slice()?, image.dims(), &grid.to_f64s()?, &dims)?)
            }
            element_type => {
                let values = sampling.sample(&image.to_f32s()?, image.dims(), &grid.to_f32s()?, &dims)?;
                match element_type {
                    ElementType::Float32 => Tensor::new(&dims, values),
                    _ => lower(element_type, &dims, values),
                }
            }
        }
    })
}

fn find_dims(image: &Tensor, grid: &Tensor) -> Result<Dims> {
    let rank = image.rank().saturating_sub(2);
    match (image.dims(), grid.dims()) {
        ([batch, channels, ..], [grid_batch, points @ .., axes])
            if batch == grid_batch && *axes == rank && points.len() == rank && rank > 0 =>
        {
            Ok([*batch, *channels].iter().chain(points).copied().collect())
        }
        _ => Err(Error::execution("expected an image and a grid of one batch with points of as many numbers as axes")),
    }
}

impl Sampling {
    fn sample<T: Real>(&self, values: &[T], dims: &[usize], grid: &[T], output: &[usize]) -> Result<Vec<T>> {
        let mut into = reserve::<T>(output)?;
        let (&[batch, channels, ..], sizes) = (dims, dims.get(2..).unwrap_or_default()) else {
            return Ok(into);
        };
        into.resize(output.iter().product(), T::default());
        let size: usize = sizes.iter().product();
        let points: usize = output.iter().skip(2).product();
        if points == 0 || channels == 0 {
            return Ok(into);
        }
        let grids = grid.chunks_exact((points * sizes.len()).max(1));
        let mut taps: Vec<(usize, T)> = Vec::new();
        for (image, (grid, into)) in (0..batch).zip(grids.zip(into.chunks_exact_mut(points * channels))) {
            for (chunk, grid) in grid.chunks(POINTS * sizes.len()).enumerate() {
                taps.clear();
                for point in grid.chunks_exact(sizes.len()) {
                    self.find_taps(point, sizes, &mut taps);
                }
                let width = taps.len() / (grid.len() / sizes.len()).max(1);
                for (channel, into) in into.chunks_exact_mut(points).enumerate() {
                    let start = (image * channels + channel) * size;
                    let plane = values.get(start..start + size).unwrap_or_default();
                    let into = into.get_mut(chunk * POINTS..).unwrap_or_default();
                    blend_scattered(plane, into, &taps, width);
                }
            }
        }
        Ok(into)
    }

    /// Adds the positions and weights that a point is a blend of.
    fn find_taps<T: Real>(&self, point: &[T], sizes: &[usize], taps: &mut Vec<(usize, T)>) {
        let start = taps.len();
        taps.push((0, T::from(1.0)));
        // Points name the last axis first.
        for (&at, &size) in point.iter().rev().zip(sizes) {
            let known = taps.split_off(start);
            let at = self.denormalize(at, size);
            let floor = at.to_f64().floor();
            let share = at - T::from_f64(floor);
            let (first, weights) = match self.mode {
                Mode::Nearest => (at.to_f64().round_ties_even() as i64, vec![T::from(1.0)]),
                Mode::Linear => (floor as i64, vec![T::from(1.0) - share, share]),
                Mode::Cubic => {
                    let weights = weigh_cubic(share.to_f64() as f32, -0.75);
                    ((floor as i64).saturating_sub(1), weights.map(T::from).to_vec())
                }
            };
            for (index, weight) in known {
                taps.extend(weights.iter().enumerate().map(|(offset, &other)| {
                    let position = self.pad(first.saturating_add(offset as i64), size);
                    (position.filter(|_| index != OUTSIDE).map_or(OUTSIDE, |at| index * size + at), weight * other)
                }));
            }
        }
    }

    fn denormalize<T: Real>(&self, at: T, size: usize) -> T {
        let (one, size) = (T::from(1.0), T::from(size as f32));
        if self.aligns_corners {
            (at + one) / T::from(2.0) * (size - one)
        } else {
            ((at + one) * size - one) / T::from(2.0)
        }
    }

    fn pad(&self, position: i64, size: usize) -> Option<usize> {
        let last = size as i64 - 1;
        let inside = match self.padding {
            _ if (0..=last).contains(&position) => position,
            Padding::Zeros => return None,
            Padding::Border => position,
            Padding::Reflection if self.aligns_corners => reflect(position, 0, last * 2),
            Padding::Reflection => reflect(position, 1, size as i64 * 2),
        };
        usize::try_from(inside.min(last).max(0)).ok()
    }
}

/// The mirror image of a position to and fro; an image of which half a pixel, or none, is repeated at the borders.
fn reflect(position: i64, repeated: i64, period: i64) -> i64 {
    let within = position.checked_rem_euclid(period).unwrap_or(0);
    within.min(period - repeated - within)
}

/// <https://onnx.ai/onnx/operators/onnx__AffineGrid.html>
pub fn affine_grid(spec: &mut Spec) -> Result<Operator> {
    let aligns_corners = spec.flag("align_corners", false);
    single(move |call| make_grid(call, aligns_corners))
}

fn make_grid(call: &Call, aligns_corners: bool) -> Result<Tensor> {
    let (theta, wanted) = (call.tensor(0)?, call.tensor(1)?.to_i64s()?);
    let sizes = wanted.iter().map(|&size| usize::try_from(size)).collect::<std::result::Result<Dims, _>>();
    let sizes = sizes.map_err(|_| Error::execution(format!("the size {wanted:?}")))?;
    let rank = sizes.len().saturating_sub(2);
    let Some((&batch, sizes)) = sizes.split_first().filter(|(batch, _)| theta.dims() == [**batch, rank, rank + 1])
    else {
        return Err(Error::execution(format!("expected matrices of {rank} by {} for the size {wanted:?}", rank + 1)));
    };
    let sizes = sizes.get(1..).unwrap_or_default();
    let dims: Dims = std::iter::once(batch).chain(sizes.iter().copied()).chain([rank]).collect();
    let mut values = reserve::<f64>(&dims)?;
    if dims.contains(&0) {
        return Tensor::zeros(theta.element_type(), &dims);
    }
    let spread = |position: usize, size: usize| match size {
        _ if !aligns_corners => (2 * position + 1) as f64 / size as f64 - 1.0,
        // As in onnxruntime, where PyTorch says 0.
        1 => 1.0,
        _ => 2.0 * position as f64 / (size - 1) as f64 - 1.0,
    };
    let points: usize = sizes.iter().product();
    for matrix in theta.to_f64s()?.chunks_exact((rank * (rank + 1)).max(1)) {
        for point in 0..points {
            let mut rest = point;
            let mut place = vec![1.0];
            for &size in sizes.iter().rev() {
                place.insert(place.len() - 1, spread(rest % size, size));
                rest /= size;
            }
            for row in matrix.chunks_exact(rank + 1) {
                values.push(row.iter().zip(&place).map(|(factor, at)| factor * at).sum());
            }
        }
    }
    lower(theta.element_type(), &dims, values)
}
