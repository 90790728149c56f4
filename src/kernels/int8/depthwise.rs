//! Convolution of one channel.

use super::lanes::{I16x8, I32x4};

/// Outputs that are computed at once.
const WIDTH: usize = 8;

/// Where a window lies on a padded channel whose elements go from one output of a row to the next by one.
pub struct Window {
    /// Where each element of the window lies for the first output, an even number of them.
    pub offsets: Vec<usize>,
    /// From a row of outputs to the next.
    pub step: usize,
    /// Rows of outputs.
    pub height: usize,
    /// Outputs of a row.
    pub width: usize,
}

impl Window {
    /// The elements that the padded channel must have.
    pub fn reach(&self) -> usize {
        let last = self.offsets.iter().max().copied().unwrap_or_default();
        last + self.height.saturating_sub(1) * self.step + self.width.next_multiple_of(WIDTH)
    }
}

/// The sums of a padded channel's elements in a window times `weights`.
pub fn convolve(channel: &[i16], window: &Window, weights: &[i16], out: &mut [i32]) {
    let (offsets, width) = (window.offsets.as_slice(), window.width);
    if channel.len() < window.reach() || weights.len() < offsets.len() || width == 0 {
        return;
    }
    let (channel, weights) = (channel.as_ptr(), weights.as_ptr());
    for (row, out) in out.chunks_mut(width).take(window.height).enumerate() {
        for (part, out) in out.chunks_mut(WIDTH).enumerate() {
            let at = row * window.step + part * WIDTH;
            let mut sums = [I32x4::zero(); 2];
            for (pair, &[first, second]) in offsets.as_chunks::<2>().0.iter().enumerate() {
                // SAFETY: the channel reaches as far as the last eight outputs of the last row need at the last offset, and
                // there is a weight for each offset.
                unsafe {
                    let weights = I16x8::splat_pair(weights.add(2 * pair));
                    let (low, high) = I16x8::load(channel.add(at + first)).zip(I16x8::load(channel.add(at + second)));
                    let [left, right] = sums;
                    sums = [left.add(low.dot(weights)), right.add(high.dot(weights))];
                }
            }
            let [left, right] = sums;
            match <&mut [i32; WIDTH]>::try_from(&mut *out) {
                Ok(out) => {
                    let out = out.as_mut_ptr();
                    // SAFETY: there is room for eight.
                    unsafe {
                        left.store(out);
                        right.store(out.add(WIDTH / 2));
                    }
                }
                Err(_) => {
                    let values = left.to_array().into_iter().chain(right.to_array());
                    out.iter_mut().zip(values).for_each(|(out, value)| *out = value);
                }
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_summed() {
        for (height, width, step) in [(1, 1, 3), (2, 8, 20), (3, 13, 31), (0, 5, 9), (2, 16, 17)] {
            let window = Window { offsets: vec![0, 3, 1, 7], step, height, width };
            let channel: Vec<i16> = (0..window.reach()).map(|index| (index * 37 % 511) as i16 - 255).collect();
            let weights = [255, -255, 3, -128];
            let mut out = vec![0; height * width];
            convolve(&channel, &window, &weights, &mut out);
            for (index, out) in out.into_iter().enumerate() {
                let at = index / width * step + index % width;
                let products = window.offsets.iter().zip(weights);
                let sum: i32 =
                    products.map(|(offset, weight)| i32::from(channel[at + offset]) * i32::from(weight)).sum();
                assert_eq!(out, sum, "{height} {width} {step} {index}");
            }
        }
    }
}
