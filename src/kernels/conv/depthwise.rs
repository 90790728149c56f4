//! Convolutions whose groups have one input channel each: every channel of the result is a sum of shifted copies of one
//! channel of the image.

use super::padded::{Layout, SLACK};
use super::{Channels, Geometry, at};
use crate::kernels::gemm::Finish;
use crate::kernels::parallel::{self, Shared};
use crate::kernels::simd::F32x4;

/// About as many pixels of the image are worked on at a time, to stay in the first-level cache.
const BAND: usize = 6144;
/// Results narrower than this are computed row after row as if they were one, with what is between the rows left out later.
const NARROW: usize = 24;

/// Whether each group has one input channel.
pub fn is_depthwise(channels: &Channels) -> bool {
    channels.groups > 1 && channels.groups == channels.input
}

/// Convolves each channel by itself; sizes were checked.
pub fn convolve_channels(
    geometry: &Geometry,
    channels: &Channels,
    weights: &[f32],
    image: &[f32],
    finish: &Finish,
    result: &mut [f32],
) {
    let [depths, rows, columns] = geometry.output;
    let each = channels.output / channels.groups.max(1);
    let (pixels, taps_each) = (geometry.output_pixels(), geometry.taps());
    let row_pixels = geometry.extent(2, columns) * at(&geometry.stride, 1) * geometry.extent(0, 1);
    let band = (BAND / row_pixels.max(1)).saturating_sub(at(&geometry.kernel, 1)).clamp(1, rows.max(1));
    let bands = rows.div_ceil(band);
    let band = rows.div_ceil(bands.max(1)).max(1);
    let layout = Layout::new(geometry, [1, band, columns]);
    let taps = layout.taps();
    let is_range = finish.activation.is_range() && finish.residual.is_none();
    let (low, high) = if is_range { finish.activation.range() } else { (f32::NEG_INFINITY, f32::INFINITY) };
    let input_pixels = geometry.input_pixels();
    // What a multiplication costs here is more than in a product of matrices.
    let cost = channels.output.saturating_mul(pixels).saturating_mul(4 * taps_each);
    let parts = parallel::count_parts(cost, channels.groups);
    let shared = Shared::new(result);
    parallel::run(parts, |part| {
        let part = parallel::part_of(channels.groups, 1, part, parts);
        let mut copy = vec![0.0; layout.channel() + 2 * SLACK];
        let mut flat = vec![0.0; band * layout.pitch() + SLACK];
        let windows = (0..depths).flat_map(|depth| (0..rows).step_by(band).map(move |start| (depth, start)));
        for (depth, start) in windows {
            let end = rows.min(start + band);
            let runs = layout.list_runs(&[depth..depth + 1, start..end, 0..columns]);
            copy.fill(0.0);
            for channel in part.clone() {
                let image = image.get(channel * input_pixels..(channel + 1) * input_pixels).unwrap_or_default();
                runs.copy(image, &mut copy);
                for filter in channel * each..(channel + 1) * each {
                    let weights = weights.get(filter * taps_each..(filter + 1) * taps_each).unwrap_or_default();
                    let bias = finish.row_bias.and_then(|bias| bias.get(filter)).copied().unwrap_or(0.0);
                    let sum = Sum { taps: &taps, weights, bias, low, high };
                    let first = filter * pixels + (depth * rows + start) * columns;
                    // SAFETY: each filter has a part of its own.
                    let to = unsafe { shared.part(first..first + (end - start) * columns) };
                    sum.run_band(&layout, columns, &copy, &mut flat, to);
                }
            }
        }
    });
    if !is_range {
        if let Some(residual) = finish.residual {
            result.iter_mut().zip(residual).for_each(|(to, from)| *to += from);
        }
        finish.activation.apply(result);
    }
}

/// One channel of the result: the bias and, for each weight, the pixel at its tap.
struct Sum<'a> {
    taps: &'a [usize],
    weights: &'a [f32],
    bias: f32,
    low: f32,
    high: f32,
}

impl Sum<'_> {
    fn run_band(&self, layout: &Layout, columns: usize, copy: &[f32], flat: &mut [f32], to: &mut [f32]) {
        let pitch = layout.pitch();
        if columns >= NARROW || pitch == 0 {
            for (row, to) in to.chunks_exact_mut(columns).enumerate() {
                self.run(copy.get(row * pitch..).unwrap_or_default(), to);
            }
            return;
        }
        let count = (to.len() / columns.max(1)).saturating_sub(1) * pitch + columns;
        let Some(flat) = flat.get_mut(..count) else { return };
        self.run(copy, flat);
        for (to, from) in to.chunks_exact_mut(columns).zip(flat.chunks(pitch)) {
            to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
        }
    }

    /// Sums for pixels that follow one another.
    fn run(&self, from: &[f32], to: &mut [f32]) {
        let furthest = self.taps.iter().copied().max().unwrap_or(0);
        // The last four are read whole.
        if furthest + to.len().next_multiple_of(4) > from.len() {
            return;
        }
        let (mut done, count) = (0, to.len());
        // SAFETY: from every tap, `to.len()` pixels and up to three more can be read.
        unsafe {
            while count - done >= 16 {
                self.run_fours::<4>(from.as_ptr().add(done), to.as_mut_ptr().add(done));
                done += 16;
            }
            if count - done >= 8 {
                self.run_fours::<2>(from.as_ptr().add(done), to.as_mut_ptr().add(done));
                done += 8;
            }
            if count - done >= 4 {
                self.run_fours::<1>(from.as_ptr().add(done), to.as_mut_ptr().add(done));
                done += 4;
            }
            if done < count {
                let mut last = [0.0; 4];
                self.run_fours::<1>(from.as_ptr().add(done), last.as_mut_ptr());
                to.iter_mut().skip(done).zip(last).for_each(|(to, from)| *to = from);
            }
        }
    }

    /// # Safety
    /// `4 * N` pixels can be read at every tap from `from` and written to `to`.
    #[inline(always)]
    unsafe fn run_fours<const N: usize>(&self, from: *const f32, to: *mut f32) {
        let mut sums = [F32x4::splat(self.bias); N];
        let (low, high) = (F32x4::splat(self.low), F32x4::splat(self.high));
        // SAFETY: the caller's promise.
        unsafe {
            for (tap, weight) in self.taps.iter().zip(self.weights) {
                let (from, weight) = (from.add(*tap), F32x4::splat(*weight));
                for (four, sum) in sums.iter_mut().enumerate() {
                    *sum = F32x4::load(from.add(four * 4)).mul_add(weight, *sum);
                }
            }
            for (four, sum) in sums.into_iter().enumerate() {
                sum.max(low).min(high).store(to.add(four * 4));
            }
        }
    }
}
