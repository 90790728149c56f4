//! Convolutions of bytes: the input is laid out so that each output is a product of a row of weights and a column.

use super::depthwise::Padded;
use super::geometry::{Axes, Axis, Placement};
use super::layout::Layout;
use super::product::read_sign;
use super::weights::Weights;
use crate::error::{Error, Result};
use crate::kernels::int8::{Levels, PANEL, Scales, count_panels, multiply, requantise, take_off_zeros};
use crate::ops::quantize::{read_levels, read_zeros};
use crate::ops::{Call, Operator, Spec, single};
use crate::tensor::{Dims, Tensor, fill};

/// Bytes of the columns that are laid out at once, and of the rows that they are multiplied with before the next ones are.
const BLOCK: usize = 64 << 10;

/// What products become.
trait Sink {
    /// Is told the dims of all products first.
    fn start(&mut self, dims: &[usize]) -> Result<()>;
    /// Products of an output channel, from the element `at` of all of them on.
    fn take(&mut self, channel: usize, at: usize, products: &[i32]);
}

/// Products as they are.
struct Integers(Vec<i32>);

impl Sink for Integers {
    fn start(&mut self, dims: &[usize]) -> Result<()> {
        self.0 = fill(dims, 0)?;
        Ok(())
    }

    fn take(&mut self, _: usize, at: usize, products: &[i32]) {
        self.0.iter_mut().skip(at).zip(products).for_each(|(out, product)| *out = *product);
    }
}

/// Products quantised, with a scale for all output channels or one each, and a term of each or none.
struct Bytes<'a> {
    out: Vec<u8>,
    scales: Vec<f32>,
    bias: &'a [i32],
    levels: Levels,
}

impl Sink for Bytes<'_> {
    fn start(&mut self, dims: &[usize]) -> Result<()> {
        self.out = fill(dims, 0)?;
        let (scales, bias, channels) = (self.scales.len(), self.bias.len(), dims.get(1).copied().unwrap_or_default());
        if (scales == 1 || scales == channels) && (bias == 0 || bias == channels) {
            return Ok(());
        }
        Err(Error::execution(format!("{scales} scales and a bias of {bias} do not fit {channels} output channels")))
    }

    fn take(&mut self, channel: usize, at: usize, products: &[i32]) {
        let scale = self.scales.get(channel).or(self.scales.first()).copied().unwrap_or(1.0);
        let bias = self.bias.get(channel).copied().unwrap_or_default();
        let out = self.out.get_mut(at..at + products.len()).unwrap_or_default();
        requantise(products, bias, Scales::One(scale), self.levels, out);
    }
}

/// What is convolved.
#[derive(Clone, Copy)]
struct Input<'a> {
    values: &'a [u8],
    is_signed: bool,
    zero: i32,
    batch: usize,
    /// Elements of a channel.
    size: usize,
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

    /// Runs on the first two inputs and what `x_zero` gives.
    fn run(&self, call: &Call, x_zero: Option<&Tensor>, sink: &mut dyn Sink) -> Result<Dims> {
        let x = call.tensor(0)?;
        match &self.packed {
            Some(weights) => self.run_packed(x, x_zero, weights, sink),
            None => {
                let [weights, zeros] = self.inputs;
                let weights = Weights::pack(call.tensor(weights)?, &read_zeros(call.optional(zeros)?)?)?;
                self.run_packed(x, x_zero, &weights, sink)
            }
        }
    }

    fn run_packed(&self, x: &Tensor, x_zero: Option<&Tensor>, weights: &Weights, sink: &mut dyn Sink) -> Result<Dims> {
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
        if weights.channels.checked_mul(groups) != Some(*channels) || !weights.count.is_multiple_of(groups) {
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
        sink.start(&dims)?;
        if dims.contains(&0) {
            return Ok(dims);
        }
        let input = Input { values, is_signed, zero, batch: *batch, size: spatial.iter().product() };
        // One channel makes too little of a product of matrices, unless many outputs come of it.
        let planar = match *axes.as_slice() {
            [last] => Some([Axis::single(), last]),
            [outer, last] => Some([outer, last]),
            _ => None,
        };
        let is_narrow = weights.channels == 1 && weights.count / groups <= 4 && input.size > 0;
        match planar.filter(|[_, last]| is_narrow && last.stride <= 4) {
            Some(axes) => self.run_channels(input, weights, axes, sink)?,
            None => self.run_products(input, weights, &axes, sink)?,
        }
        Ok(dims)
    }

    /// Runs channel by channel.
    fn run_channels(&self, input: Input, weights: &Weights, axes: [Axis; 2], sink: &mut dyn Sink) -> Result<()> {
        let rows_of_group = weights.count / self.groups;
        let pixels = axes.iter().map(|axis| axis.output).product();
        let mut padded = Padded::new(axes)?;
        let mut products = fill(&[pixels], 0i32)?;
        for (part, channel) in input.values.chunks_exact(input.size.max(1)).enumerate() {
            padded.load(channel, input.is_signed, input.zero);
            for index in part * rows_of_group..(part + 1) * rows_of_group {
                let channel = index % weights.count;
                padded.convolve(weights.rows.get(channel * weights.depth..).unwrap_or_default(), &mut products);
                sink.take(channel, index * pixels, &products);
            }
        }
        Ok(())
    }

    /// Runs as products of the weights and a part of the outputs' windows at a time.
    fn run_products(&self, input: Input, weights: &Weights, axes: &Axes, sink: &mut dyn Sink) -> Result<()> {
        let Input { values, is_signed, zero, batch, size } = input;
        let (groups, depth) = (self.groups, weights.depth);
        let rows_of_group = weights.count / groups;
        let pixels: usize = axes.iter().map(|axis| axis.output).product();
        let fitting = BLOCK / depth.max(rows_of_group * 2).max(1);
        let block =
            fitting.next_multiple_of(PANEL).clamp(4 * PANEL, 1024).min(pixels.next_multiple_of(PANEL)).max(PANEL);
        let mut layout = Layout::new(axes, size, zero as u8, if is_signed { 0 } else { 0x80 });
        let mut panels = fill(&[count_panels(block) * PANEL, depth], 0i8)?;
        let mut products = fill(&[rows_of_group, block], 0i32)?;
        let left = [if is_signed { zero } else { zero - 128 }];
        let rows_at_once = ((BLOCK / depth.max(1)) & !3).max(4);
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
                    sink.take(channel, at, products);
                }
            }
        }
        Ok(())
    }
}

/// Elements with their channels moved from the last axis to the second, or back.
pub fn move_channels(dims: &[usize], values: &[u8], to_second: bool) -> Result<(Dims, Vec<u8>)> {
    if dims.len() < 3 {
        return Err(Error::execution(format!("expected 3 axes or more, got dims {dims:?}")));
    }
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
        let mut sink = Integers(Vec::new());
        let dims = convolution.run(call, call.optional(2)?, &mut sink)?;
        Tensor::new(&dims, sink.0)
    })
}

/// Channels come last where `channels_last` says so, in com.microsoft. <https://onnx.ai/onnx/operators/onnx__QLinearConv.html>
pub fn qlinear_conv(spec: &mut Spec) -> Result<Operator> {
    let convolution = Convolution::new(spec, [3, 5])?;
    single(move |call| {
        let x_scale = call.tensor(1)?.only::<f32>()?;
        let (w_scales, y_scale) = (call.tensor(4)?.to_f32s()?, call.tensor(6)?.only::<f32>()?);
        let y_zero = call.tensor(7)?;
        let levels = read_levels(y_zero)?;
        let bias = call.optional(8)?.map(Tensor::slice::<i32>).transpose()?.unwrap_or_default();
        let scales = w_scales.iter().map(|w_scale| x_scale * w_scale / y_scale).collect();
        let mut sink = Bytes { out: Vec::new(), scales, bias, levels };
        let dims = convolution.run(call, call.optional(2)?, &mut sink)?;
        let (dims, out) = match convolution.is_channels_last {
            true => move_channels(&dims, &sink.out, false)?,
            false => (dims, sink.out),
        };
        Tensor::from_bits(y_zero.element_type(), &dims, out)
    })
}
