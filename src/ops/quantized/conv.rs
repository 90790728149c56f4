//! Convolutions of bytes: the input is laid out so that each output is a product of a row of weights and a column.

use super::geometry::{Axes, Axis, Placement, find_place};
use super::product::read_sign;
use crate::error::{Error, Result};
use crate::kernels::int8::{
    Levels, PANEL, Scales, Source, count_panels, multiply, pack_pair, pack_row, pad_depth, requantise, take_off_zeros,
};
use crate::ops::quantize::{read_levels, read_zeros};
use crate::ops::{Call, Operator, Spec, single};
use crate::tensor::{Dims, Tensor, fill};

/// Bytes of the columns that are laid out at once, and of the rows that they are multiplied with before the next ones are.
const BLOCK: usize = 64 << 10;

/// Weights as rows, the elements of a window outermost.
struct Weights {
    rows: Vec<i16>,
    sums: Vec<i32>,
    /// Output channels.
    count: usize,
    /// Input channels of a group.
    channels: usize,
    kernel: Dims,
    depth: usize,
}

impl Weights {
    fn pack(tensor: &Tensor, zeros: &[i32]) -> Result<Weights> {
        let is_signed = read_sign(tensor)?;
        let [count, channels, kernel @ ..] = tensor.dims() else {
            return Err(Error::execution(format!("expected weights of 3 axes or more, got {tensor}")));
        };
        if zeros.len() > 1 && zeros.len() != *count {
            return Err(Error::execution(format!("{} zero points do not fit {count} output channels", zeros.len())));
        }
        let taps: usize = kernel.iter().product();
        let depth = pad_depth(taps * channels);
        let mut rows = fill(&[*count, depth], 0i16)?;
        let mut sums = vec![0; *count];
        let size = taps * channels;
        let values = tensor.as_bytes();
        for (index, ((row, values), sum)) in
            rows.chunks_mut(depth.max(1)).zip(values.chunks(size.max(1))).zip(&mut sums).enumerate()
        {
            let zero = zeros.get(index).or(zeros.first()).copied().unwrap_or_default();
            let source = Source { values, is_signed, along: taps, across: 1 };
            for (tap, part) in row.chunks_mut((*channels).max(1)).take(taps).enumerate() {
                *sum += pack_row(source, tap, *channels, zero, part);
            }
        }
        Ok(Weights { rows, sums, count: *count, channels: *channels, kernel: Dims::from_slice(kernel), depth })
    }
}

/// A convolution as its attributes and the weights known at load give it.
struct Convolution {
    placement: Placement,
    groups: usize,
    is_channels_last: bool,
    /// The weights and their zero points among the inputs.
    inputs: [usize; 2],
    packed: Option<Weights>,
}

impl Convolution {
    fn new(spec: &mut Spec, inputs: [usize; 2]) -> Result<Convolution> {
        let placement = Placement::read(spec)?;
        let groups = spec.int_or("group", 1);
        let groups = usize::try_from(groups).ok().filter(|&groups| groups > 0);
        let groups = groups.ok_or_else(|| spec.invalid("a group that is not a positive number"))?;
        let [weights, zeros] = inputs;
        let known = !spec.has_input(zeros) || spec.constant(zeros).is_some();
        let zeros = read_zeros(spec.constant(zeros))?;
        let packed = if known { spec.consume(weights) } else { None };
        let packed = packed.map(|weights| Weights::pack(&weights, &zeros)).transpose()?;
        Ok(Convolution { placement, groups, is_channels_last: spec.flag("channels_last", false), inputs, packed })
    }

    /// Runs on `x`. `finish` is given the number of an output channel, products and what they become.
    fn run<T: Copy + crate::tensor::Element>(
        &self,
        call: &Call,
        x_zero: Option<&Tensor>,
        finish: impl Fn(usize, &[i32], &mut [T]),
    ) -> Result<(Dims, Vec<T>)> {
        let x = call.tensor(0)?;
        match &self.packed {
            Some(weights) => self.run_packed(x, x_zero, weights, finish),
            None => {
                let [weights, zeros] = self.inputs;
                let weights = Weights::pack(call.tensor(weights)?, &read_zeros(call.optional(zeros)?)?)?;
                self.run_packed(x, x_zero, &weights, finish)
            }
        }
    }

    fn run_packed<T: Copy + crate::tensor::Element>(
        &self,
        x: &Tensor,
        x_zero: Option<&Tensor>,
        weights: &Weights,
        finish: impl Fn(usize, &[i32], &mut [T]),
    ) -> Result<(Dims, Vec<T>)> {
        let is_signed = read_sign(x)?;
        let zero = match read_zeros(x_zero)?.as_slice() {
            [] => 0,
            [zero] => *zero,
            zeros => return Err(Error::execution(format!("expected one zero point of x, got {}", zeros.len()))),
        };
        let moved;
        let (x_dims, values) = match self.is_channels_last {
            true => {
                let (dims, values) = move_channels(x.dims(), x.as_bytes(), true)?;
                moved = values;
                (dims, moved.as_slice())
            }
            false => (Dims::from_slice(x.dims()), x.as_bytes()),
        };
        let [batch, channels, spatial @ ..] = x_dims.as_slice() else {
            return Err(Error::execution(format!("expected an input of 3 axes or more, got {x}")));
        };
        let groups = self.groups;
        if *channels != weights.channels * groups || !weights.count.is_multiple_of(groups) {
            let (count, own) = (weights.count, weights.channels);
            return Err(Error::execution(format!(
                "{channels} channels in {groups} groups do not fit weights of {count} and {own} channels"
            )));
        }
        let axes = self.placement.place(spatial, &weights.kernel)?;
        if axes.iter().zip(&weights.kernel).any(|(axis, &kernel)| axis.kernel != kernel) {
            return Err(Error::execution(format!("kernel_shape is not the weights' {:?}", weights.kernel)));
        }
        let mut dims = Dims::from_slice(&[*batch, weights.count]);
        dims.extend(axes.iter().map(|axis| axis.output));
        let mut out = fill(&dims, T::default())?;
        let pixels: usize = axes.iter().map(|axis| axis.output).product();
        let size: usize = spatial.iter().product();
        let rows_of_group = weights.count / groups;
        let depth = weights.depth;
        let fitting = BLOCK / depth.max(rows_of_group * 2).max(1);
        let block =
            fitting.next_multiple_of(PANEL).clamp(4 * PANEL, 1024).min(pixels.next_multiple_of(PANEL)).max(PANEL);
        let mut layout = Layout::new(&axes, size, zero as u8, if is_signed { 0 } else { 0x80 });
        let mut panels = fill(&[count_panels(block) * PANEL, depth], 0i8)?;
        let mut products = fill(&[rows_of_group, block], 0i32)?;
        let left = [if is_signed { zero } else { zero - 128 }];
        let rows_at_once = (BLOCK / depth.max(1) & !3).max(4);
        for start in (0..pixels).step_by(block) {
            let width = block.min(pixels - start);
            layout.place(start, width);
            for part in 0..batch * groups {
                let (image, group) = (part / groups, part % groups);
                let input = values.get(part * weights.channels * size..).unwrap_or_default();
                layout.fill(input, weights.channels, &mut panels, depth * PANEL);
                let rows = weights.rows.get(group * rows_of_group * depth..).unwrap_or_default();
                let sums = weights.sums.get(group * rows_of_group..).unwrap_or_default();
                let products = products.get_mut(..rows_of_group * width).unwrap_or_default();
                let rows = rows.chunks((rows_at_once * depth).max(1));
                for (products, rows) in products.chunks_mut(rows_at_once * width).zip(rows) {
                    multiply(rows, depth, &panels, width, products);
                }
                take_off_zeros(products, width, sums, &left);
                for (row, products) in products.chunks(width).enumerate() {
                    let channel = group * rows_of_group + row;
                    let at = (image * weights.count + channel) * pixels + start;
                    finish(channel, products, out.get_mut(at..at + width).unwrap_or_default());
                }
            }
        }
        Ok((dims, out))
    }
}

/// Lays the input out as columns of panels.
struct Layout<'a> {
    axes: &'a Axes,
    /// Elements of a channel.
    size: usize,
    padding: u8,
    flip: u8,
    /// The outputs whose columns are laid out.
    start: usize,
    width: usize,
    /// For each element of a window, where it lies for these outputs; none where the columns are the input as it is.
    runs: Vec<Vec<Run>>,
    lines: [Vec<u8>; 2],
}

impl Layout<'_> {
    fn new(axes: &Axes, size: usize, padding: u8, flip: u8) -> Layout<'_> {
        Layout { axes, size, padding, flip, start: 0, width: 0, runs: Vec::new(), lines: Default::default() }
    }

    /// Goes on to the columns of `width` outputs from `start` on.
    fn place(&mut self, start: usize, width: usize) {
        (self.start, self.width) = (start, width);
        let is_plain =
            |axis: &Axis| axis.kernel == 1 && axis.stride == 1 && axis.before == 0 && axis.output == axis.input;
        self.runs.clear();
        if !self.axes.iter().all(is_plain) {
            let taps: usize = self.axes.iter().map(|axis| axis.kernel).product();
            self.runs = (0..taps).map(|tap| self.find_runs(tap)).collect();
        }
    }

    /// Lays out the channels of a group.
    fn fill(&mut self, input: &[u8], channels: usize, panels: &mut [i8], panel: usize) {
        let (size, flip, start, width) = (self.size, self.flip, self.start, self.width);
        let panels = panels.get_mut(..count_panels(width) * panel).unwrap_or_default();
        if self.runs.is_empty() {
            let line = |channel: usize| {
                let at = channel * size + start;
                input.get(at..at + width).filter(|_| channel < channels).unwrap_or_default()
            };
            for (pair, channel) in (0..channels).step_by(2).enumerate() {
                pack_pair(line(channel), line(channel + 1), flip, panels, pair, panel);
            }
            return;
        }
        let [first, second] = &mut self.lines;
        let mut count = 0;
        for runs in &self.runs {
            for channel in 0..channels {
                let line = if count % 2 == 0 { &mut *first } else { &mut *second };
                copy_runs(input.get(channel * size..).unwrap_or_default(), runs, self.padding, line);
                count += 1;
                if count % 2 == 0 {
                    pack_pair(first, second, flip, panels, count / 2 - 1, panel);
                }
            }
        }
        if count % 2 == 1 {
            pack_pair(first, &[], flip, panels, count / 2, panel);
        }
    }

    /// The runs of the outputs' inputs at one element of the window.
    fn find_runs(&self, tap: usize) -> Vec<Run> {
        let mut runs = Vec::new();
        let Some((last, outer)) = self.axes.split_last() else { return runs };
        let (outer_tap, last_tap) = (tap / last.kernel, tap % last.kernel);
        let inside = last.windows_inside(last_tap);
        let (mut pixel, after) = (self.start, self.start + self.width);
        while pixel < after {
            let (row, x) = (pixel / last.output, pixel % last.output);
            let end = last.output.min(x + after - pixel);
            let (from, to) = (inside.start.clamp(x, end), inside.end.clamp(x, end));
            let base = find_place(outer, row, outer_tap).map(|base| base * last.input);
            match (base, last.position(from, last_tap)) {
                (Some(base), Some(position)) if from < to => {
                    add_padding(&mut runs, from - x);
                    runs.push(Run::Input { at: base + position, count: to - from, stride: last.stride });
                    add_padding(&mut runs, end - to);
                }
                _ => add_padding(&mut runs, end - x),
            }
            pixel += end - x;
        }
        runs
    }
}

fn add_padding(runs: &mut Vec<Run>, more: usize) {
    match runs.last_mut() {
        Some(Run::Padding(count)) => *count += more,
        _ if more > 0 => runs.push(Run::Padding(more)),
        _ => {}
    }
}

/// The elements of a channel that runs name, as a line.
fn copy_runs(input: &[u8], runs: &[Run], padding: u8, line: &mut Vec<u8>) {
    line.clear();
    for run in runs {
        match *run {
            Run::Padding(count) => line.resize(line.len() + count, padding),
            Run::Input { at, count, stride: 1 } => {
                line.extend_from_slice(input.get(at..at + count).unwrap_or_default());
            }
            Run::Input { at, count, stride } => {
                line.extend(input.get(at..).unwrap_or_default().iter().step_by(stride).take(count));
            }
        }
    }
}

/// Elements of a line.
enum Run {
    Padding(usize),
    Input { at: usize, count: usize, stride: usize },
}

/// Elements with their channels moved from the last axis to the second, or back.
pub fn move_channels(dims: &[usize], values: &[u8], to_second: bool) -> Result<(Dims, Vec<u8>)> {
    let mut moved = Dims::from_slice(dims);
    if to_second {
        moved.get_mut(1..).unwrap_or_default().rotate_right(1);
    } else {
        moved.get_mut(1..).unwrap_or_default().rotate_left(1);
    }
    let mut out = fill(dims, 0u8)?;
    let image: usize = dims.iter().skip(1).product();
    // The matrix to transpose has the rows of the axis that comes last.
    let columns = if to_second { dims.last().copied() } else { Some(dims.iter().skip(2).product()) };
    let columns = columns.unwrap_or(1).max(1);
    let rows = image / columns;
    for (from, to) in values.chunks(image.max(1)).zip(out.chunks_mut(image.max(1))) {
        for (column, to) in to.chunks_mut(rows.max(1)).enumerate() {
            to.iter_mut().zip(from.iter().skip(column).step_by(columns)).for_each(|(to, from)| *to = *from);
        }
    }
    Ok((moved, out))
}

/// <https://onnx.ai/onnx/operators/onnx__ConvInteger.html>
pub fn conv_integer(spec: &mut Spec) -> Result<Operator> {
    let convolution = Convolution::new(spec, [1, 3])?;
    single(move |call| {
        let copy = |_, products: &[i32], out: &mut [i32]| out.copy_from_slice(products);
        let (dims, out) = convolution.run(call, call.optional(2)?, copy)?;
        Tensor::new(&dims, out)
    })
}

/// Channels come last where `channels_last` says so, in com.microsoft. <https://onnx.ai/onnx/operators/onnx__QLinearConv.html>
pub fn qlinear_conv(spec: &mut Spec) -> Result<Operator> {
    let convolution = Convolution::new(spec, [3, 5])?;
    single(move |call| {
        let x_scale = call.tensor(1)?.only::<f32>()?;
        let (w_scales, y_scale) = (call.tensor(4)?.to_f32s()?, call.tensor(6)?.only::<f32>()?);
        let y_zero = call.tensor(7)?;
        let levels: Levels = read_levels(y_zero)?;
        let bias = call.optional(8)?.map(Tensor::slice::<i32>).transpose()?.unwrap_or_default();
        let finish = |channel: usize, products: &[i32], out: &mut [u8]| {
            let scale = w_scales.get(channel).or(w_scales.first()).copied().unwrap_or(1.0);
            let scale = Scales::One(x_scale * scale / y_scale);
            let bias = bias.get(channel).copied().unwrap_or_default();
            requantise(products, bias, scale, levels, out);
        };
        let (dims, out) = convolution.run(call, call.optional(2)?, finish)?;
        let (count, type_) = (w_scales.len(), y_zero.element_type());
        let channels = dims.get(1).copied().unwrap_or_default();
        if (count != 1 && count != channels) || (!bias.is_empty() && bias.len() != channels) {
            return Err(Error::execution(format!("{count} scales or a bias do not fit {channels} output channels")));
        }
        let (dims, out) = if convolution.is_channels_last { move_channels(&dims, &out, false)? } else { (dims, out) };
        Tensor::from_bits(type_, &dims, out)
    })
}
