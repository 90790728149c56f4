//! One axis of a resize: where each position of the output lies in the input.

use crate::error::Result;
use crate::kernels::resize::Taps;
use crate::ops::Spec;

/// How positions of the output map to the input.
#[derive(Clone, Copy, PartialEq)]
pub enum Transform {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    TfHalfPixelForNearest,
    TfCropAndResize,
}

/// Which of the two neighbours is the nearest.
#[derive(Clone, Copy, PartialEq)]
pub enum Rounding {
    PreferFloor,
    PreferCeil,
    Floor,
    Ceil,
    /// Before opset 11: the one before, and after it where the axis shrinks.
    Simple,
}

/// How an axis is resampled.
#[derive(Clone, Copy)]
pub struct Filter {
    /// The coefficient of cubic interpolation; linear without one.
    pub cubic: Option<f32>,
    pub excludes_outside: bool,
    pub antialiases: bool,
}

/// An axis to resize.
#[derive(Debug, Clone, Copy)]
pub struct Axis {
    pub input: usize,
    pub output: usize,
    pub scale: f32,
    /// The part of the input that the output shows, of a crop.
    pub region: (f32, f32),
}

impl Transform {
    pub fn read(spec: &Spec) -> Result<Transform> {
        if spec.opset() < 11 {
            return Ok(Transform::Asymmetric);
        }
        Ok(match spec.text_or("coordinate_transformation_mode", "half_pixel") {
            "half_pixel" => Transform::HalfPixel,
            "half_pixel_symmetric" => Transform::HalfPixelSymmetric,
            "pytorch_half_pixel" => Transform::PytorchHalfPixel,
            "align_corners" => Transform::AlignCorners,
            "asymmetric" => Transform::Asymmetric,
            "tf_half_pixel_for_nn" => Transform::TfHalfPixelForNearest,
            "tf_crop_and_resize" => Transform::TfCropAndResize,
            other => return Err(spec.invalid(&format!("coordinate_transformation_mode={other}"))),
        })
    }
}

impl Rounding {
    pub fn read(spec: &Spec) -> Result<Rounding> {
        if spec.opset() < 11 {
            return Ok(Rounding::Simple);
        }
        Ok(match spec.text_or("nearest_mode", "round_prefer_floor") {
            "round_prefer_floor" => Rounding::PreferFloor,
            "round_prefer_ceil" => Rounding::PreferCeil,
            "floor" => Rounding::Floor,
            "ceil" => Rounding::Ceil,
            other => return Err(spec.invalid(&format!("nearest_mode={other}"))),
        })
    }

    fn round(self, at: f32, shrinks: bool) -> f32 {
        match self {
            // What is hardly off the middle is in the middle, as in onnxruntime: scales are not exact.
            Rounding::PreferFloor if (at - at.floor() - 0.5).abs() < 1e-6 => at.floor(),
            Rounding::PreferCeil if (at - at.floor() - 0.5).abs() < 1e-6 => at.ceil(),
            Rounding::PreferFloor | Rounding::PreferCeil => at.round(),
            Rounding::Ceil => at.ceil(),
            Rounding::Simple if shrinks => at.ceil(),
            Rounding::Simple => at.trunc(),
            Rounding::Floor => at.floor(),
        }
    }
}

impl Axis {
    /// Whether the axis stays as it is. onnxruntime leaves it alone then, whatever the transformation.
    pub fn is_kept(&self) -> bool {
        self.scale == 1.0 && self.input == self.output
    }

    /// Where a position of the output lies in the input. <https://onnx.ai/onnx/operators/onnx__Resize.html>
    fn locate(&self, position: usize, transform: Transform) -> f32 {
        let (at, input, output) = (position as f32, self.input as f32, self.output as f32);
        let (start, end) = self.region;
        let located = match transform {
            _ if self.is_kept() => at,
            Transform::HalfPixel => (at + 0.5) / self.scale - 0.5,
            Transform::PytorchHalfPixel if self.output <= 1 => 0.0,
            Transform::PytorchHalfPixel => (at + 0.5) / self.scale - 0.5,
            Transform::HalfPixelSymmetric => {
                let offset = input / 2.0 * (1.0 - output / (self.scale * input));
                (f64::from(offset) + (f64::from(at) + 0.5) / f64::from(self.scale) - 0.5) as f32
            }
            Transform::AlignCorners if self.output == 1 => 0.0,
            Transform::AlignCorners => at * (input - 1.0) / (output - 1.0),
            Transform::Asymmetric => at / self.scale,
            Transform::TfHalfPixelForNearest => (at + 0.5) / self.scale,
            Transform::TfCropAndResize if self.output > 1 => {
                start * (input - 1.0) + at * (end - start) * (input - 1.0) / (output - 1.0)
            }
            Transform::TfCropAndResize => (0.5 * f64::from(start + end) * f64::from(input - 1.0)) as f32,
        };
        // Far outside all positions are alike, and whole numbers around them do not overflow.
        located.clamp(-1e9, 1e9)
    }

    fn is_outside(&self, at: f32, transform: Transform) -> bool {
        transform == Transform::TfCropAndResize && (at < 0.0 || at > self.input as f32 - 1.0)
    }

    /// The positions of the output that a crop takes from outside the input.
    pub fn find_outside(&self, transform: Transform) -> Vec<usize> {
        if transform != Transform::TfCropAndResize {
            return Vec::new();
        }
        (0..self.output).filter(|&position| self.is_outside(self.locate(position, transform), transform)).collect()
    }

    /// For each position of the output the nearest one of the input; none where a crop leaves the input.
    pub fn find_nearest(&self, transform: Transform, rounding: Rounding) -> Vec<Option<usize>> {
        let last = self.input.saturating_sub(1);
        let find = |position: usize| {
            let at = self.locate(position, transform);
            let nearest = rounding.round(at, self.scale < 1.0).max(0.0) as usize;
            (!self.is_outside(at, transform)).then_some(nearest.min(last))
        };
        (0..self.output).map(find).collect()
    }

    /// For each position of the output the positions of the input that it is a blend of.
    pub fn find_taps(&self, transform: Transform, filter: Filter) -> Taps {
        if filter.antialiases {
            return self.find_antialiased_taps(transform, filter);
        }
        let mut taps = Taps::new(self.input, if filter.cubic.is_some() { 4 } else { 2 });
        for position in 0..self.output {
            let at = self.locate(position, transform);
            match filter.cubic {
                None => {
                    let last = self.input as f32 - 1.0;
                    let at = at.min(last).max(0.0);
                    let first = at.trunc();
                    // Halves where both neighbours are the last position, as in onnxruntime, whose sums round alike.
                    let weights =
                        if first == last { [0.5, 0.5] } else { [(at - (first + 1.0)).abs(), (at - first).abs()] };
                    taps.push(first as i64, weights);
                }
                Some(a) => {
                    let first = at.floor();
                    let mut weights = weigh_cubic(at - first, a);
                    let first = first as i64 - 1;
                    if filter.excludes_outside {
                        for (index, weight) in (first..).zip(&mut weights) {
                            if !(0..self.input as i64).contains(&index) {
                                *weight = 0.0;
                            }
                        }
                        let sum: f32 = weights.iter().sum();
                        weights = weights.map(|weight| weight / sum);
                    }
                    taps.push(first, weights);
                }
            }
        }
        taps
    }

    /// The filter is stretched where the axis shrinks, so that every position of the input has its part.
    fn find_antialiased_taps(&self, transform: Transform, filter: Filter) -> Taps {
        let stretch = (1.0 / self.scale).max(1.0);
        let support = if filter.cubic.is_some() { 2.0 } else { 1.0 } * stretch;
        let width = (support.ceil() as usize).saturating_mul(2).saturating_add(1);
        let mut taps = Taps::new(self.input, width.min(self.input.saturating_mul(2).saturating_add(9)));
        for position in 0..self.output {
            let center = self.locate(position, transform) + 0.5;
            let first = (center - support + 0.5).floor() as i64;
            let end = ((center + support + 0.5).floor() as i64).min(first + width as i64);
            let weigh = |index: i64| {
                let distance = ((index as f32 - center + 0.5) / stretch).abs();
                filter.cubic.map_or((1.0 - distance).max(0.0), |a| weigh_cubic_at(distance, a))
            };
            let sum: f32 = if filter.excludes_outside {
                (first.max(0)..end.min(self.input as i64)).map(weigh).sum()
            } else {
                (first..end).map(weigh).sum()
            };
            let sum = if sum == 0.0 { 1.0 } else { sum };
            // What lies outside counts for the edge.
            let (low, high) = (first.clamp(0, self.input as i64 - 1), end.clamp(1, self.input as i64));
            let low = low.min(high - 1);
            let mut weights: Vec<f32> =
                (low..high).map(|index| if (first..end).contains(&index) { weigh(index) } else { 0.0 }).collect();
            if !filter.excludes_outside {
                let before: f32 = (first..low.min(end)).map(weigh).sum();
                let after: f32 = (high.max(first)..end).map(weigh).sum();
                if let Some(weight) = weights.first_mut() {
                    *weight += before;
                }
                if let Some(weight) = weights.last_mut() {
                    *weight += after;
                }
            }
            taps.push(low, weights.iter().map(|weight| weight / sum));
        }
        taps
    }
}

/// The weights of the four neighbours at a distance from the second.
/// Keys, Cubic Convolution Interpolation for Digital Image Processing, <https://ieeexplore.ieee.org/document/1163711>
pub fn weigh_cubic(distance: f32, a: f32) -> [f32; 4] {
    [distance + 1.0, distance, 1.0 - distance, 2.0 - distance].map(|distance| weigh_cubic_at(distance, a))
}

fn weigh_cubic_at(distance: f32, a: f32) -> f32 {
    if distance < 1.0 {
        ((a + 2.0) * distance - (a + 3.0)) * distance * distance + 1.0
    } else if distance < 2.0 {
        ((a * distance - 5.0 * a) * distance + 8.0 * a) * distance - 4.0 * a
    } else {
        0.0
    }
}
