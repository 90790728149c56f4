//! Where the windows of a pooling operator lie.

use crate::error::{Error, Result};
use crate::ops::Spec;
use crate::ops::padding::AutoPad;

/// The attributes that place windows.
pub struct Windows {
    kernel: Vec<i64>,
    strides: Vec<i64>,
    dilations: Vec<i64>,
    /// Before each axis, and then after each.
    pads: Vec<i64>,
    padding: AutoPad,
    rounds_up: bool,
}

/// The windows along one axis.
#[derive(Debug, Clone)]
pub struct Axis {
    pub input: usize,
    pub output: usize,
    kernel: i64,
    pub stride: usize,
    dilation: i64,
    before: i64,
    after: i64,
}

/// A place in every window along an axis, as far as it lies inside the input.
pub struct Tap {
    /// The windows where it does.
    pub windows: std::ops::Range<usize>,
    /// Where it is in the first of them.
    pub start: usize,
}

impl Windows {
    /// Reads the attributes.
    pub fn read(spec: &Spec) -> Result<Windows> {
        let kernel = spec.ints("kernel_shape").ok_or_else(|| spec.invalid("no kernel_shape"))?;
        let read = |name: &str, count: usize, default: i64, least: i64| {
            let values = spec.ints(name).filter(|values| !values.is_empty());
            let values = values.map_or_else(|| vec![default; count], <[i64]>::to_vec);
            // Keeps products of two of them and a dim from overflowing.
            let fits = |&value: &i64| (least..=i64::from(i32::MAX)).contains(&value);
            if values.len() == count && values.iter().all(fits) {
                Ok(values)
            } else {
                Err(spec.invalid(&format!("{name}={values:?} for kernel_shape={kernel:?}")))
            }
        };
        Ok(Windows {
            kernel: read("kernel_shape", kernel.len(), 1, 1)?,
            strides: read("strides", kernel.len(), 1, 1)?,
            dilations: read("dilations", kernel.len(), 1, 1)?,
            pads: read("pads", kernel.len() * 2, 0, 0)?,
            padding: AutoPad::read(spec)?,
            rounds_up: spec.flag("ceil_mode", false),
        })
    }

    /// The windows along axes of these sizes.
    pub fn place(&self, sizes: &[usize]) -> Result<Vec<Axis>> {
        if sizes.len() != self.kernel.len() {
            let expected = self.kernel.len() + 2;
            return Err(Error::execution(format!("expected {expected} axes for kernel_shape={:?}", self.kernel)));
        }
        let (before, after) = self.pads.split_at(sizes.len());
        let steps = self.kernel.iter().zip(&self.strides).zip(&self.dilations);
        let pads = before.iter().zip(after);
        let axes = sizes.iter().zip(steps).zip(pads);
        axes.map(|((&size, ((&kernel, &stride), &dilation)), pads)| {
            self.place_axis(size as i64, kernel, stride, dilation, pads)
        })
        .collect()
    }

    fn place_axis(&self, input: i64, kernel: i64, stride: i64, dilation: i64, pads: (&i64, &i64)) -> Result<Axis> {
        let extent = dilation * (kernel - 1) + 1;
        // `SAME` is as long as the input divided by the stride, also where windows are dilated, which onnxruntime forgets.
        let explicit = (*pads.0 as usize, *pads.1 as usize);
        let (before, after) =
            self.padding.pad(input as usize, usize::try_from(extent).unwrap_or(usize::MAX), stride as usize, explicit);
        let (before, after) = (before as i64, after as i64);
        let room = input + before + after - extent;
        // As in onnxruntime, a window may be longer than the axis by less than a stride.
        let mut output = room / stride + 1;
        if self.rounds_up && room % stride > 0 && output * stride < input + before {
            // A window that starts in the padding after the input is left out.
            output += 1;
        }
        if output < 0 {
            let what = format!("a window of {extent} along an axis of {input} with pads {before} and {after}");
            return Err(Error::execution(what));
        }
        Ok(Axis {
            input: input as usize,
            output: output as usize,
            kernel,
            stride: stride as usize,
            dilation,
            before,
            after,
        })
    }
}

impl Axis {
    /// An axis that is not pooled.
    pub fn whole(size: usize) -> Axis {
        Axis { input: size, output: size, kernel: 1, stride: 1, dilation: 1, before: 0, after: 0 }
    }

    fn start(&self, window: usize) -> i64 {
        (window * self.stride) as i64 - self.before
    }

    /// The places of a window that lie between two positions.
    fn between(&self, window: usize, from: i64, to: i64) -> std::ops::Range<i64> {
        let first = divide_up(from - self.start(window), self.dilation).max(0);
        let end = divide_up(to - self.start(window), self.dilation).min(self.kernel);
        first..end.max(first)
    }

    /// The positions that a window covers.
    pub fn positions(&self, window: usize) -> impl Iterator<Item = usize> + Clone + use<> {
        let (start, dilation) = (self.start(window), self.dilation);
        self.between(window, 0, self.input as i64).map(move |place| (start + place * dilation) as usize)
    }

    /// How many positions a window covers; padding among them or not.
    pub fn count(&self, window: usize, with_padding: bool) -> usize {
        let padding = if with_padding { (self.before, self.after) } else { (0, 0) };
        self.between(window, -padding.0, self.input as i64 + padding.1).count()
    }

    /// The places of the windows.
    pub fn taps(&self) -> Vec<Tap> {
        let stride = self.stride as i64;
        // Other places lie in the padding in every window.
        let reach = (self.output as i64 - 1).max(0) * stride;
        let first = divide_up(self.before - reach, self.dilation).max(0);
        let end = divide_up(self.input as i64 + self.before, self.dilation).min(self.kernel);
        let taps = (first..end).map(|place| {
            let offset = place * self.dilation - self.before;
            let first = divide_up(-offset, stride).max(0);
            let end = divide_up(self.input as i64 - offset, stride).clamp(first, (self.output as i64).max(first));
            Tap { windows: first as usize..end as usize, start: (first * stride + offset) as usize }
        });
        taps.filter(|tap| !tap.windows.is_empty()).collect()
    }
}

fn divide_up(value: i64, by: i64) -> i64 {
    -(-value).div_euclid(by.max(1))
}
