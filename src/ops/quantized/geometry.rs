//! Where a window of a convolution or a pool lies on its input.

use smallvec::SmallVec;

use crate::error::{Error, Result};
use crate::ops::Spec;
use crate::ops::padding::AutoPad;

/// The window along one axis.
#[derive(Debug, Clone, Copy)]
pub struct Axis {
    /// Elements of the input.
    pub input: usize,
    /// Elements of the window.
    pub kernel: usize,
    /// From a window to the next.
    pub stride: usize,
    /// From an element of the window to the next.
    pub dilation: usize,
    /// Padding before the input.
    pub before: usize,
    /// Windows.
    pub output: usize,
}

/// The windows along all spatial axes.
pub type Axes = SmallVec<[Axis; 2]>;

/// How windows are placed, by a node's attributes.
pub struct Placement {
    kernel: Option<Vec<usize>>,
    strides: Option<Vec<usize>>,
    dilations: Option<Vec<usize>>,
    pads: Option<Vec<usize>>,
    padding: AutoPad,
    rounds_up: bool,
}

impl Placement {
    pub fn read(spec: &Spec) -> Result<Placement> {
        let strides = spec.sizes("strides")?;
        if strides.iter().flatten().any(|&stride| stride == 0) {
            return Err(spec.invalid("a stride of 0"));
        }
        Ok(Placement {
            kernel: spec.sizes("kernel_shape")?,
            strides,
            dilations: spec.sizes("dilations")?,
            pads: spec.sizes("pads")?,
            padding: AutoPad::read(spec)?,
            rounds_up: spec.flag("ceil_mode", false),
        })
    }

    /// The windows on an input of these spatial dims; `kernel` where the attributes do not say.
    pub fn place(&self, input: &[usize], kernel: &[usize]) -> Result<Axes> {
        let kernel = self.kernel.as_deref().unwrap_or(kernel);
        let rank = input.len();
        let sizes = [Some(kernel), self.strides.as_deref(), self.dilations.as_deref()];
        if sizes.iter().flatten().any(|sizes| sizes.len() != rank)
            || self.pads.as_ref().is_some_and(|pads| pads.len() != 2 * rank)
        {
            return Err(Error::execution(format!("the windows are not those of {rank} spatial axes")));
        }
        input
            .iter()
            .zip(kernel)
            .enumerate()
            .map(|(axis, (&input, &kernel))| self.place_axis(axis, input, kernel))
            .collect()
    }

    fn place_axis(&self, axis: usize, input: usize, kernel: usize) -> Result<Axis> {
        let rank = self.pads.as_ref().map_or(0, |pads| pads.len() / 2);
        let at = |sizes: &Option<Vec<usize>>, index: usize| sizes.as_ref().and_then(|sizes| sizes.get(index)).copied();
        let stride = at(&self.strides, axis).unwrap_or(1);
        let dilation = at(&self.dilations, axis).unwrap_or(1);
        let too_large = || Error::execution(format!("a window of {kernel} is too large for {input} elements"));
        let extent = match kernel.checked_sub(1) {
            Some(steps) => {
                steps.checked_mul(dilation).and_then(|extent| extent.checked_add(1)).ok_or_else(too_large)?
            }
            None => return Err(Error::execution("a window is empty")),
        };
        let pad = |index: usize| at(&self.pads, index).unwrap_or(0);
        let (before, after) = self.padding.pad(input, extent, stride, (pad(axis), pad(axis + rank)));
        if self.padding.is_same() {
            return Ok(Axis { input, kernel, stride, dilation, before, output: input.div_ceil(stride) });
        }
        let padded = input.checked_add(before).and_then(|size| size.checked_add(after));
        let room = padded.and_then(|padded| padded.checked_sub(extent)).ok_or_else(too_large)?;
        let mut output = if self.rounds_up { room.div_ceil(stride) } else { room / stride } + 1;
        // A window that begins behind the input and its first padding is none.
        if self.rounds_up && (output - 1) * stride >= input + before {
            output -= 1;
        }
        Ok(Axis { input, kernel, stride, dilation, before, output })
    }
}

impl Axis {
    /// An axis of one element.
    pub fn single() -> Axis {
        Axis { input: 1, kernel: 1, stride: 1, dilation: 1, before: 0, output: 1 }
    }

    /// Where the element `tap` of the window `index` lies on the input.
    pub fn position(&self, index: usize, tap: usize) -> Option<usize> {
        (index * self.stride + tap * self.dilation).checked_sub(self.before).filter(|&position| position < self.input)
    }

    /// The windows whose element `tap` lies on the input.
    pub fn windows_inside(&self, tap: usize) -> std::ops::Range<usize> {
        let shift = tap * self.dilation;
        let start = self.before.saturating_sub(shift).div_ceil(self.stride);
        let end = (self.input + self.before).saturating_sub(shift).div_ceil(self.stride).min(self.output);
        start.min(end)..end
    }
}

/// The place on the input that an element of a window lies on: windows and elements are counted with the last axis fastest.
pub fn find_place(axes: &[Axis], mut window: usize, mut tap: usize) -> Option<usize> {
    let (mut place, mut stride) = (0, 1);
    for axis in axes.iter().rev() {
        place += axis.position(window % axis.output, tap % axis.kernel)? * stride;
        stride *= axis.input;
        (window, tap) = (window / axis.output, tap / axis.kernel);
    }
    Some(place)
}
