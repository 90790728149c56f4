//! The input of a convolution as columns, each holding what a window lies on, the elements of the window outermost.

use super::geometry::{Axes, Axis, find_place};
use crate::kernels::int8::{count_panels, pack_pair};

/// Lays the input out as columns of panels.
pub struct Layout<'a> {
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
    pub fn new(axes: &Axes, size: usize, padding: u8, flip: u8) -> Layout<'_> {
        Layout { axes, size, padding, flip, start: 0, width: 0, runs: Vec::new(), lines: Default::default() }
    }

    /// Goes on to the columns of `width` outputs from `start` on.
    pub fn place(&mut self, start: usize, width: usize) {
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
    pub fn fill(&mut self, input: &[u8], channels: usize, panels: &mut [i8], panel: usize) {
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
