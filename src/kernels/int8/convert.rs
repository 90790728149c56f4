//! float32 to small integers and back.

/// The integers that a quantised type has, and the one that stands for 0.
#[derive(Debug, Clone, Copy)]
pub struct Levels {
    /// The least.
    pub low: i32,
    /// The greatest.
    pub high: i32,
    /// The one for 0.
    pub zero: i32,
}

/// 1.5 * 2^23: added to a float32 below 2^22 it leaves no bits for a fraction, so that the sum is rounded half to even and its
/// lower bits are the integer.
const SHIFT: f32 = 12_582_912.0;

/// The level of a value that has been divided by its scale. NaN becomes the lowest, as in onnxruntime.
#[inline(always)]
pub fn round_within(value: f32, levels: Levels) -> i32 {
    let (low, high) = ((levels.low - levels.zero) as f32, (levels.high - levels.zero) as f32);
    let value = if value > low { value } else { low };
    let value = if value < high { value } else { high };
    ((value + SHIFT).to_bits() as i32).wrapping_sub(SHIFT.to_bits() as i32 - levels.zero)
}

/// Quantises to types of a byte, signed ones as their bits.
pub fn quantise(values: &[f32], scale: f32, levels: Levels, out: &mut [u8]) {
    let (whole, rest) = values.as_chunks::<16>();
    let (outs, out_rest) = out.as_chunks_mut::<16>();
    for (values, out) in whole.iter().zip(outs) {
        *out = values.map(|value| round_within(value / scale, levels) as u8);
    }
    for (value, out) in rest.iter().zip(out_rest) {
        *out = round_within(value / scale, levels) as u8;
    }
}

/// The real values of integers of a byte.
pub fn dequantise(values: &[u8], is_signed: bool, scale: f32, zero: i32, out: &mut [f32]) {
    // A flip of the sign bit makes either type the other, 128 away.
    let (flip, zero) = if is_signed { (0x80, zero + 128) } else { (0, zero) };
    let (whole, rest) = values.as_chunks::<16>();
    let (outs, out_rest) = out.as_chunks_mut::<16>();
    for (values, out) in whole.iter().zip(outs) {
        *out = values.map(|value| (i32::from(value ^ flip) - zero) as f32 * scale);
    }
    for (value, out) in rest.iter().zip(out_rest) {
        *out = (i32::from(value ^ flip) - zero) as f32 * scale;
    }
}

/// The least and the greatest of the values and 0; NaN is passed over.
pub fn find_range(values: &[f32]) -> (f32, f32) {
    let (whole, rest) = values.as_chunks::<16>();
    let (mut low, mut high) = ([0f32; 16], [0f32; 16]);
    for values in whole {
        for ((low, high), &value) in low.iter_mut().zip(&mut high).zip(values) {
            *low = if value < *low { value } else { *low };
            *high = if value > *high { value } else { *high };
        }
    }
    let least = low.iter().chain(rest).fold(0f32, |least, &value| least.min(value));
    let greatest = high.iter().chain(rest).fold(0f32, |greatest, &value| greatest.max(value));
    (least, greatest)
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_half_to_even_within_the_levels() {
        let bytes = Levels { low: 0, high: 255, zero: 3 };
        let values =
            [0.5, 1.5, 2.5, -0.5, -1.5, -3.0, -4.0, 252.4, 252.5, 1e30, f32::INFINITY, f32::NEG_INFINITY, f32::NAN];
        let expected = [3, 5, 5, 3, 1, 0, 0, 255, 255, 255, 255, 0, 0];
        assert_eq!(values.map(|value| round_within(value, bytes)), expected);
        let words = Levels { low: 0, high: 65535, zero: 65535 };
        assert_eq!([-65535.5f32, -65534.5, -0.5].map(|value| round_within(value, words)), [0, 1, 65535]);
    }

    #[test]
    fn there_and_back() {
        let values: Vec<u8> = (0..=255).chain(0..7).collect();
        for is_signed in [false, true] {
            let levels = if is_signed {
                Levels { low: -128, high: 127, zero: -5 }
            } else {
                Levels { low: 0, high: 255, zero: 7 }
            };
            let mut real = vec![0.0; values.len()];
            dequantise(&values, is_signed, 0.25, levels.zero, &mut real);
            let first = if is_signed { 1.25 } else { -1.75 };
            assert_eq!(real[0], first);
            let mut back = vec![0; values.len()];
            quantise(&real, 0.25, levels, &mut back);
            assert_eq!(back, values);
        }
    }

    #[test]
    fn the_range_holds_zero() {
        assert_eq!(find_range(&[]), (0.0, 0.0));
        let mut values = vec![1.0; 40];
        (values[3], values[37], values[39]) = (f32::NAN, -2.0, 5.0);
        assert_eq!(find_range(&values), (-2.0, 5.0));
    }
}
