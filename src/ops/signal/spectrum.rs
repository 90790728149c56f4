//! Spectra of signals: transforms of lines through a tensor.

use std::sync::OnceLock;

use super::window::read_size;
use crate::error::{Error, Result};
use crate::kernels::fft::{Complex, Fourier, Lanes, RealFourier};
use crate::kernels::simd::F32x4;
use crate::ops::shape::resolve_axis;
use crate::ops::{Call, Operator, Spec, single};
use crate::tensor::{Dims, Element, ElementType, Tensor, count_elements, fill};

/// A transform of one length.
enum Plan<L: Lanes> {
    Complex(Fourier<L>),
    /// Of real signals of an even length.
    Real(RealFourier<L>),
}

/// What makes a plan: the length, and whether signals are real.
type Key = (usize, bool);

/// The plan that the first run needs, for the runs after it.
struct Plans<L: Lanes>(OnceLock<(Key, Plan<L>)>);

impl<L: Lanes> Plans<L> {
    fn with<R>(&self, key: Key, use_plan: impl FnOnce(&Plan<L>) -> R) -> R {
        let make = || match key {
            (length, true) if length % 2 == 0 => Plan::Real(RealFourier::new(length / 2)),
            (length, _) => Plan::Complex(Fourier::new(length)),
        };
        let (first, plan) = self.0.get_or_init(|| (key, make()));
        if *first == key { use_plan(plan) } else { use_plan(&make()) }
    }
}

/// How lines lie in a tensor: numbers of one part or two, real and imaginary, `step` elements from one to the next.
struct Lines<'a> {
    /// The element that a line starts at.
    start: &'a (dyn Fn(usize) -> usize + 'a),
    step: usize,
    parts: usize,
    /// The numbers of a line.
    count: usize,
}

/// A transform of lines to lines.
struct Job<'a, T> {
    /// The transform's length.
    length: usize,
    is_inverse: bool,
    /// What the input's numbers are multiplied with.
    window: Option<&'a [T]>,
    from: Lines<'a>,
    /// The input is the first half of a spectrum, the rest of which mirrors it.
    is_mirrored: bool,
    to: Lines<'a>,
}

impl<T: Element + Copy> Job<'_, T> {
    /// Transforms `lines` lines.
    fn run<L: Lanes<Sample = T>>(&self, plans: &Plans<L>, lines: usize, input: &[T], output: &mut [T]) -> Result<()> {
        if lines == 0 {
            return Ok(());
        }
        count_elements::<T>(&[self.length, 2, L::COUNT])?;
        let is_real = self.from.parts == 1 && !self.is_inverse;
        plans.with((self.length, is_real), |plan| {
            let (mut samples, mut room) = (Vec::new(), Vec::new());
            for first in (0..lines).step_by(L::COUNT) {
                // Beyond the last line is nothing to read or write.
                let place = |lines_of: &Lines, lane: usize| {
                    if first + lane < lines { (lines_of.start)(first + lane) } else { usize::MAX }
                };
                let from: [usize; 4] = std::array::from_fn(|lane| place(&self.from, lane));
                let to: [usize; 4] = std::array::from_fn(|lane| place(&self.to, lane));
                self.load(plan, input, from, &mut samples);
                match plan {
                    Plan::Complex(plan) => plan.run(&mut samples, &mut room),
                    Plan::Real(plan) => plan.run(&mut samples, &mut room),
                }
                self.store(&samples, to, output);
            }
        });
        Ok(())
    }

    fn load<L: Lanes<Sample = T>>(
        &self,
        plan: &Plan<L>,
        input: &[T],
        starts: [usize; 4],
        samples: &mut Vec<Complex<L>>,
    ) {
        let Lines { step, parts, count, .. } = self.from;
        let read = |index: usize, part: usize| {
            if index >= count || part >= parts {
                return L::splat(0.0);
            }
            let offset = index * step + part;
            let value = L::gather(|lane| {
                let start = starts.get(lane).copied().unwrap_or(usize::MAX);
                input.get(start.saturating_add(offset)).copied().unwrap_or_default()
            });
            match self.window.map(|window| window.get(index)) {
                Some(Some(&weight)) => value.mul(L::spread(weight)),
                _ => value,
            }
        };
        samples.clear();
        if let Plan::Real(_) = plan {
            samples.extend((0..self.length / 2).map(|index| [read(2 * index, 0), read(2 * index + 1, 0)]));
            return;
        }
        samples.extend((0..self.length).map(|index| {
            let is_mirror = self.is_mirrored && index > self.length / 2;
            let index = if is_mirror { self.length - index } else { index };
            let (re, im) = (read(index, 0), read(index, 1));
            let im = if is_mirror { L::splat(0.0).sub(im) } else { im };
            // The inverse is the transform with the parts swapped before and after.
            if self.is_inverse { [im, re] } else { [re, im] }
        }));
    }

    fn store<L: Lanes<Sample = T>>(&self, samples: &[Complex<L>], starts: [usize; 4], output: &mut [T]) {
        let Lines { step, parts, count, .. } = self.to;
        let scale = L::splat(1.0 / self.length as f64);
        for index in 0..count {
            // Of a real signal there may be half a spectrum only.
            let number = match samples.get(index) {
                Some(&number) => number,
                None => match samples.get(self.length - index) {
                    Some(&[re, im]) => [re, L::splat(0.0).sub(im)],
                    None => continue,
                },
            };
            let [re, im] = number;
            let numbers = if self.is_inverse { [im.mul(scale), re.mul(scale)] } else { number };
            for (part, value) in numbers.into_iter().take(parts).enumerate() {
                value.scatter(|lane, sample| {
                    let start = starts.get(lane).copied().unwrap_or(usize::MAX);
                    let place = output.get_mut(start.saturating_add(index * step + part));
                    place.into_iter().for_each(|place| *place = sample);
                });
            }
        }
    }
}

/// Plans for both types that spectra are computed in.
struct BothPlans {
    single: Plans<F32x4>,
    double: Plans<f64>,
}

impl BothPlans {
    fn new() -> BothPlans {
        BothPlans { single: Plans(OnceLock::new()), double: Plans(OnceLock::new()) }
    }
}

/// The axis is an attribute before opset 20 and an input from then on.
/// <https://onnx.ai/onnx/operators/onnx__DFT.html>
pub fn dft(spec: &mut Spec) -> Result<Operator> {
    let axis = if spec.opset() < 20 { Some(spec.int_or("axis", 1)) } else { None };
    let (is_inverse, is_onesided) = (spec.flag("inverse", false), spec.flag("onesided", false));
    let plans = BothPlans::new();
    single(move |call| match call.tensor(0)?.element_type() {
        ElementType::Float64 => run_dft(&plans.double, call, axis, is_inverse, is_onesided),
        _ => run_dft(&plans.single, call, axis, is_inverse, is_onesided),
    })
}

fn run_dft<L: Lanes<Sample: Element>>(
    plans: &Plans<L>,
    call: &Call,
    axis: Option<i64>,
    is_inverse: bool,
    is_onesided: bool,
) -> Result<Tensor> {
    let input = call.tensor(0)?;
    let axis = match (axis, call.optional(2)?) {
        (Some(axis), _) => axis,
        (None, None) => -2,
        (None, Some(axis)) => match axis.to_i64s()?.as_ref() {
            [axis] => *axis,
            _ => return Err(Error::execution("expected one axis")),
        },
    };
    let axis = resolve_axis(axis, input.rank())?;
    let (Some((&parts @ (1 | 2), dims)), true) = (input.dims().split_last(), axis + 1 < input.rank()) else {
        return Err(Error::execution(format!(
            "expected numbers of 1 or 2 parts in the last axis and another axis, got axis {axis} of {input}"
        )));
    };
    let size = dims.get(axis).copied().unwrap_or_default();
    let is_mirrored = is_inverse && is_onesided;
    if is_mirrored && parts == 1 {
        return Err(Error::execution("expected complex numbers, the first half of a spectrum"));
    }
    let length = match call.optional(1)? {
        Some(_) => Some(read_size(call, 1)?).filter(|&length| length > 0),
        None if is_mirrored => Some(size.saturating_sub(1).saturating_mul(2)),
        None => Some(size),
    };
    let length = length.ok_or_else(|| Error::execution("expected a dft_length above 0"))?;
    let bins = if is_onesided && !is_inverse { length / 2 + 1 } else { length };
    let (before, after) = dims.split_at_checked(axis).unwrap_or_default();
    // Dims of a tensor without elements may have any product.
    let count = |dims: &[usize]| dims.iter().fold(1, |count: usize, &dim| count.saturating_mul(dim));
    let (outer, inner) = (count(before), count(after.get(1..).unwrap_or_default()));
    let to_parts = if is_mirrored { 1 } else { 2 };
    let mut out_dims = Dims::from_slice(input.dims());
    out_dims.get_mut(axis).into_iter().for_each(|dim| *dim = bins);
    out_dims.last_mut().into_iter().for_each(|dim| *dim = to_parts);
    let mut output = fill(&out_dims, L::Sample::default())?;
    let job = Job {
        length,
        is_inverse,
        window: None,
        from: Lines {
            start: &|line| ((line / inner) * size * inner + line % inner) * parts,
            step: inner.saturating_mul(parts),
            parts,
            count: size,
        },
        is_mirrored,
        to: Lines {
            start: &|line| ((line / inner) * bins * inner + line % inner) * to_parts,
            step: inner.saturating_mul(to_parts),
            parts: to_parts,
            count: bins,
        },
    };
    let lines = if length == 0 || input.is_empty() { 0 } else { outer * inner };
    job.run(plans, lines, input.slice()?, &mut output)?;
    Tensor::new(&out_dims, output)
}

/// Signals of two axes, batch and samples, are real, as in onnxruntime. <https://onnx.ai/onnx/operators/onnx__STFT.html>
pub fn stft(spec: &mut Spec) -> Result<Operator> {
    let is_onesided = spec.flag("onesided", true);
    let plans = BothPlans::new();
    single(move |call| match call.tensor(0)?.element_type() {
        ElementType::Float64 => run_stft(&plans.double, call, is_onesided),
        _ => run_stft(&plans.single, call, is_onesided),
    })
}

fn run_stft<L: Lanes<Sample: Element>>(plans: &Plans<L>, call: &Call, is_onesided: bool) -> Result<Tensor> {
    let signal = call.tensor(0)?;
    let (batch, size, parts) = match *signal.dims() {
        [batch, size] => (batch, size, 1),
        [batch, size, parts @ (1 | 2)] => (batch, size, parts),
        _ => return Err(Error::execution("expected a signal of axes batch, samples and 1 or 2 parts")),
    };
    let step = read_size(call, 1)?;
    let window = call.optional(2)?.map(Tensor::slice::<L::Sample>).transpose()?;
    let length = match (call.optional(3)?, window) {
        (Some(_), Some(window)) if window.len() != read_size(call, 3)? => {
            return Err(Error::execution("expected a window as long as a frame"));
        }
        (Some(_), _) => read_size(call, 3)?,
        (None, Some(window)) => window.len(),
        (None, None) => return Err(Error::execution("expected a window or a frame_length")),
    };
    if step == 0 || length == 0 || length > size {
        return Err(Error::execution(format!(
            "expected frames of up to {size} samples, a step or more apart, got {length} and {step}"
        )));
    }
    let frames = (size - length) / step + 1;
    let bins = if is_onesided { length / 2 + 1 } else { length };
    let dims = [batch, frames, bins, 2];
    let mut output = fill(&dims, L::Sample::default())?;
    let job = Job {
        length,
        is_inverse: false,
        window,
        from: Lines {
            start: &|line| (line / frames * size + line % frames * step) * parts,
            step: parts,
            parts,
            count: length,
        },
        is_mirrored: false,
        to: Lines { start: &|line| line * bins * 2, step: 2, parts: 2, count: bins },
    };
    job.run(plans, batch * frames, signal.slice()?, &mut output)?;
    Tensor::new(&dims, output)
}
