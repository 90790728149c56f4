//! Floating-point types of a byte and less, by their bits.

use crate::tensor::ElementType;

/// How float8e8m0, which has powers of two alone, rounds.
#[derive(Clone, Copy, PartialEq)]
pub enum Rounding {
    Up,
    Down,
    Nearest,
}

/// What a type makes of its bits.
struct Format {
    mantissa: u32,
    bias: i32,
    sign: u8,
    /// The largest number.
    last: u8,
    nan: Option<u8>,
    /// What is over the largest number: infinity or NaN.
    over: u8,
    /// Whether there is a -0.
    has_negative_zero: bool,
}

/// The sizes and the special values are those of <https://onnx.ai/onnx/technical/float8.html>.
fn format_of(element_type: ElementType) -> Option<Format> {
    let format = |mantissa, bias, last, over| Format {
        mantissa,
        bias,
        sign: 0x80,
        last,
        nan: Some(0x7f),
        over,
        has_negative_zero: true,
    };
    let unsigned_zero = |format: Format| Format { nan: Some(0x80), over: 0x80, has_negative_zero: false, ..format };
    Some(match element_type {
        ElementType::Float8E4M3Fn => format(3, 7, 0x7e, 0x7f),
        ElementType::Float8E4M3Fnuz => unsigned_zero(format(3, 8, 0x7f, 0x80)),
        ElementType::Float8E5M2 => format(2, 15, 0x7b, 0x7c),
        ElementType::Float8E5M2Fnuz => unsigned_zero(format(2, 16, 0x7f, 0x80)),
        ElementType::Float4E2M1 => Format { sign: 8, nan: None, ..format(1, 1, 7, 7) },
        _ => return None,
    })
}

/// Whether this is a floating-point type of a byte or less.
pub fn is_small(element_type: ElementType) -> bool {
    element_type == ElementType::Float8E8M0 || format_of(element_type).is_some()
}

/// The number that the bits of a small type stand for.
pub fn decode_small(element_type: ElementType, bits: u8) -> f32 {
    let Some(format) = format_of(element_type) else {
        // A power of two and no sign.
        return if bits == 0xff { f32::NAN } else { 2f64.powi(i32::from(bits) - 127) as f32 };
    };
    if format.nan == Some(bits) {
        return f32::NAN;
    }
    let code = bits & (format.sign - 1);
    let (field, fraction) = (i32::from(code >> format.mantissa), i32::from(code) & ((1 << format.mantissa) - 1));
    let size = if code > format.last {
        if code == format.over && format.nan != Some(code) { f32::INFINITY } else { f32::NAN }
    } else {
        let whole = if field == 0 { fraction } else { fraction + (1 << format.mantissa) };
        whole as f32 * 2f32.powi(field.max(1) - format.bias - format.mantissa as i32)
    };
    if bits & format.sign == 0 { size } else { -size }
}

/// The bits of a small type that are nearest to a number, even ones of two. What is too large becomes the largest number, or
/// infinity or NaN.
pub fn encode_small(element_type: ElementType, value: f32, saturates: bool) -> u8 {
    let Some(format) = format_of(element_type) else {
        return encode_exponent(value, saturates, Rounding::Up);
    };
    let sign = if value.is_sign_negative() { format.sign } else { 0 };
    if value.is_nan() {
        // Where there is no NaN, the reference implementation has -0.
        return format.nan.map_or(format.sign, |nan| nan | sign);
    }
    let size = f64::from(value.abs());
    let lowest = 1 - format.bias;
    let exponent = ((size.to_bits() >> 52) as i32 - 1023).max(lowest);
    let over = exponent > 127 || {
        let steps = (size / 2f64.powi(exponent - format.mantissa as i32)).round_ties_even();
        let code = f64::from((exponent - lowest) << format.mantissa) + steps;
        if code <= f64::from(format.last) {
            let code = code as u8;
            return if code == 0 && !format.has_negative_zero { 0 } else { code | sign };
        }
        true
    };
    if over && saturates { format.last | sign } else { format.over | sign }
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
    fn every_number_has_its_own_bits() {
        for element_type in [
            ElementType::Float8E4M3Fn,
            ElementType::Float8E4M3Fnuz,
            ElementType::Float8E5M2,
            ElementType::Float8E5M2Fnuz,
            ElementType::Float4E2M1,
        ] {
            for bits in 0..(if element_type == ElementType::Float4E2M1 { 16 } else { 255 }) {
                let value = decode_small(element_type, bits);
                let again = encode_small(element_type, value, false);
                assert!(value.is_nan() || again == bits, "{element_type:?} {bits:#x} {value} {again:#x}");
            }
        }
    }

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
