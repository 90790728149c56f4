//! Convolutions whose outputs depend on one channel of the input each.

use super::geometry::Axis;
use crate::error::Result;
use crate::kernels::int8::{Source, Window, convolve, pack_row, pad_depth};
use crate::tensor::fill;

/// A channel with its padding, as int16 less their zero point. A row is split into as many parts as its stride, so that the
/// elements that meet the same element of a window lie side by side.
pub struct Padded {
    axes: [Axis; 2],
    window: Window,
    /// Elements of a part of a row.
    part: usize,
    values: Vec<i16>,
}

impl Padded {
    pub fn new(axes: [Axis; 2]) -> Result<Padded> {
        let [outer, last] = axes;
        let reach = |axis: Axis| (axis.kernel - 1) * axis.dilation;
        let part = last.output.next_multiple_of(8) + reach(last) / last.stride + 1;
        let row = part * last.stride;
        let mut offsets = Vec::with_capacity(pad_depth(outer.kernel * last.kernel));
        for y in 0..outer.kernel {
            for x in 0..last.kernel {
                let shift = x * last.dilation;
                offsets.push(y * outer.dilation * row + shift % last.stride * part + shift / last.stride);
            }
        }
        // The weight that makes their number even is 0.
        offsets.resize(pad_depth(offsets.len()), 0);
        let rows = (outer.output.max(1) - 1) * outer.stride + reach(outer) + 1;
        let window = Window { offsets, step: outer.stride * row, height: outer.output, width: last.output };
        let values = fill(&[rows, row], 0i16)?;
        Ok(Padded { axes, window, part, values })
    }

    /// Takes a channel.
    pub fn load(&mut self, channel: &[u8], is_signed: bool, zero: i32) {
        let [outer, last] = self.axes;
        let parts = self.values.chunks_exact_mut(self.part);
        for (index, to) in parts.enumerate() {
            let (row, phase) = (index / last.stride, index % last.stride);
            let row = row.checked_sub(outer.before).filter(|&row| row < outer.input);
            let values = row.and_then(|row| channel.get(row * last.input..(row + 1) * last.input));
            // The first element of the part that lies on the input.
            let skipped = last.before.saturating_sub(phase).div_ceil(last.stride).min(to.len());
            let first = skipped * last.stride + phase - last.before.min(skipped * last.stride + phase);
            let values = values.and_then(|values| values.get(first..)).unwrap_or_default();
            let (padding, to) = to.split_at_mut(skipped);
            padding.fill(0);
            let count = values.len().div_ceil(last.stride).min(to.len());
            pack_row(Source { values, is_signed, along: last.stride, across: 0 }, 0, count, zero, to);
        }
    }

    /// The outputs of the channel for a row of weights.
    pub fn convolve(&self, weights: &[i16], out: &mut [i32]) {
        convolve(&self.values, &self.window, weights, out);
    }
}
