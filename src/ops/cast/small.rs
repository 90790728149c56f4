//! Floating-point types of a byte and less, by their bits.

use crate::ops::quantize::minifloat::Minifloat;
use crate::tensor::ElementType;

/// How float8e8m0, which has powers of two alone, rounds.
#[derive(Clone, Copy, PartialEq)]
pub enum Rounding {
    Up,
    Down,
    Nearest,
}

/// Whether this is a floating-point type of a byte or less.
pub fn is_small(element_type: ElementType) -> bool {
    Minifloat::of(element_type).is_some()
}

/// The number that the bits of a small type stand for.
pub fn decode_small(element_type: ElementType, bits: u8) -> f32 {
    Minifloat::of(element_type).map_or(f32::NAN, |format| format.decode(bits))
}

/// The bits of a small type that are nearest to a number, even ones of two. What is too large becomes the largest number, or
/// infinity or NaN.
pub fn encode_small(element_type: ElementType, value: f32, saturates: bool) -> u8 {
    match (element_type, Minifloat::of(element_type)) {
        // There is no NaN: the reference implementation has -0.
        (ElementType::Float4E2M1, _) if value.is_nan() => 8,
        (ElementType::Float8E8M0, _) | (_, None) => encode_exponent(value, saturates, Rounding::Up),
        (_, Some(format)) => format.encode(value, saturates),
    }
}

/// The bits of float8e8m0, an exponent alone, for a number.
pub fn encode_exponent(value: f32, saturates: bool, rounding: Rounding) -> u8 {
    let bits = value.to_bits();
    let exponent = (bits >> 23) as u8;
    let fraction = bits & 0x7f_ffff;
    if exponent == 0xff {
        return exponent;
    }
    let rounds_up = match rounding {
        Rounding::Up => fraction > 0,
        Rounding::Down => false,
        // Without a power of two of its own, a number in the middle goes up only where there is a normal one below.
        Rounding::Nearest => fraction > 0x40_0000 || (fraction == 0x40_0000 && exponent > 0),
    };
    if rounds_up && !(saturates && exponent == 0xfe) { exponent + 1 } else { exponent }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_those_of_the_formats() {
        let rows = [
            (ElementType::Float8E4M3Fn, 448.0, 0x7f),
            (ElementType::Float8E4M3Fnuz, 240.0, 0x80),
            (ElementType::Float8E5M2, 57344.0, 0x7c),
            (ElementType::Float8E5M2Fnuz, 57344.0, 0x80),
            (ElementType::Float4E2M1, 6.0, 7),
        ];
        for (element_type, largest, over) in rows {
            let saturated = encode_small(element_type, f32::INFINITY, true);
            assert_eq!(decode_small(element_type, saturated), largest, "{element_type:?}");
            assert_eq!(encode_small(element_type, 1e9, false), over, "{element_type:?}");
            assert_eq!(decode_small(element_type, encode_small(element_type, -1e-30, true)), 0.0);
        }
    }
}
