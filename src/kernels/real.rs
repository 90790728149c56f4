//! The two types that are computed with as they are: float32 and float64.

use std::ops::{Add, Div, Mul, Sub};

use crate::tensor::Element;

/// `f32` or `f64`.
pub trait Real:
    Element
    + Copy
    + PartialOrd
    + From<f32>
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
{
    /// The nearest value to a `f64`.
    fn from_f64(value: f64) -> Self;
    /// The value, which fits.
    fn to_f64(self) -> f64;
}

impl Real for f32 {
    fn from_f64(value: f64) -> f32 {
        value as f32
    }

    fn to_f64(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    fn from_f64(value: f64) -> f64 {
        value
    }

    fn to_f64(self) -> f64 {
        self
    }
}
