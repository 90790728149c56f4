//! Which scale and zero point an element has: one for the tensor, one for each place along an axis, or one for each block.

use std::ops::Range;

use super::misfit;
use crate::error::Result;
use crate::ops::shape::resolve_axis;

/// The tensor as runs of elements, `[outer, axis, inner]`.
pub struct Granularity {
    outer: usize,
    axis: usize,
    inner: usize,
    kind: Kind,
}

#[derive(PartialEq)]
enum Kind {
    Tensor,
    Axis,
    Block(usize),
}

/// The parameters of a run.
pub enum Parameters {
    /// One for all elements, by its number.
    One(usize),
    /// One each, from this number on.
    From(usize),
}

impl Granularity {
    /// What the dims of the scale mean.
    pub fn find(dims: &[usize], scale: &[usize], axis: i64, block: usize) -> Result<Granularity> {
        let total: usize = dims.iter().product();
        if scale.iter().product::<usize>() == 1 && scale.len() < 2 {
            return Ok(Granularity { outer: 1, axis: 1, inner: total, kind: Kind::Tensor });
        }
        // The default axis, 1, is not one of a vector's.
        let axis = if dims.len() == 1 { 0 } else { resolve_axis(axis, dims.len())? };
        let (outer, inner) = (dims.iter().take(axis).product(), dims.iter().skip(axis + 1).product());
        let size = dims.get(axis).copied().unwrap_or_default();
        let fits = match block {
            0 => scale == [size],
            _ => {
                let expected = dims.iter().enumerate();
                scale.len() == dims.len()
                    && expected
                        .zip(scale)
                        .all(|((index, &dim), &scale)| scale == if index == axis { dim.div_ceil(block) } else { dim })
            }
        };
        if !fits {
            return Err(misfit("scales", dims, scale));
        }
        let kind = if block == 0 { Kind::Axis } else { Kind::Block(block) };
        Ok(Granularity { outer, axis: size, inner, kind })
    }

    /// Whether every run has one parameter and most are long enough to be worth a call.
    pub fn has_long_runs(&self) -> bool {
        match self.kind {
            Kind::Tensor => true,
            Kind::Axis => self.inner >= 16,
            Kind::Block(block) => self.inner == 1 && block >= 16,
        }
    }

    /// Calls `f` for all runs, in order; `None` from it means that parameters are missing.
    pub fn each_run(&self, f: &mut dyn FnMut(Range<usize>, Parameters) -> Option<()>) -> Result<()> {
        self.try_each_run(f).ok_or_else(|| misfit("zero points", &[self.outer, self.axis, self.inner], &[]))
    }

    fn try_each_run(&self, f: &mut dyn FnMut(Range<usize>, Parameters) -> Option<()>) -> Option<()> {
        let (axis, inner) = (self.axis, self.inner);
        match self.kind {
            Kind::Tensor => f(0..inner, Parameters::One(0)),
            Kind::Axis if inner == 1 => {
                (0..self.outer).try_for_each(|row| f(row * axis..(row + 1) * axis, Parameters::From(0)))
            }
            Kind::Axis => (0..self.outer * axis)
                .try_for_each(|row| f(row * inner..(row + 1) * inner, Parameters::One(row % axis))),
            Kind::Block(block) if inner == 1 => {
                let blocks = axis.div_ceil(block);
                (0..self.outer * blocks).try_for_each(|index| {
                    let (row, start) = (index / blocks * axis, index % blocks * block);
                    f(row + start..row + axis.min(start + block), Parameters::One(index))
                })
            }
            Kind::Block(block) => {
                let blocks = axis.div_ceil(block);
                (0..self.outer * axis).try_for_each(|row| {
                    let parameters = row / axis * blocks + row % axis / block;
                    f(row * inner..(row + 1) * inner, Parameters::From(parameters * inner))
                })
            }
        }
    }

    /// Computes every element from its value, its scale and its zero point; of no zero points all are 0.
    pub fn zip<T: Copy, Z: Copy + Default, U>(
        &self,
        values: &[T],
        scales: &[f32],
        zeros: &[Z],
        out: &mut [U],
        f: impl Fn(T, f32, Z) -> U,
    ) -> Result<()> {
        let is_one = zeros.len() < 2;
        let only = zeros.first().copied().unwrap_or_default();
        self.each_run(&mut |range, parameters| {
            let elements = values.get(range.clone())?.iter().zip(out.get_mut(range)?);
            match parameters {
                Parameters::One(index) => {
                    let (scale, zero) = (*scales.get(index)?, if is_one { only } else { *zeros.get(index)? });
                    elements.for_each(|(&value, out)| *out = f(value, scale, zero));
                }
                Parameters::From(start) if is_one => {
                    elements.zip(scales.get(start..)?).for_each(|((&value, out), &scale)| *out = f(value, scale, only));
                }
                Parameters::From(start) => {
                    let parameters = scales.get(start..)?.iter().zip(zeros.get(start..)?);
                    elements.zip(parameters).for_each(|((&value, out), (&scale, &zero))| *out = f(value, scale, zero));
                }
            }
            Some(())
        })
    }
}
