//! Floating-point types of a byte and less. Formats: <https://onnx.ai/onnx/technical/float8.html>,
//! <https://onnx.ai/onnx/technical/float4.html>.

use crate::error::Result;
use crate::tensor::{ElementType, Tensor};

/// A format.
#[derive(Clone, Copy)]
pub struct Minifloat {
    /// Bits of the fraction.
    fraction: u32,
    bias: i32,
    sign: u8,
    /// The code of the greatest finite number.
    greatest: u8,
    /// The code of what is over it.
    over: u8,
    /// The code of NaN, where there is one.
    nan: Option<u8>,
}

const fn format(fraction: u32, bias: i32, sign: u8, greatest: u8, over: u8, nan: Option<u8>) -> Minifloat {
    Minifloat { fraction, bias, sign, greatest, over, nan }
}

/// 2 to the power of `exponent`, from -149.
fn power(exponent: i32) -> f32 {
    if exponent > -127 {
        f32::from_bits(((exponent + 127) << 23) as u32)
    } else {
        f32::from_bits(1 << (exponent + 149))
    }
}

impl Minifloat {
    /// The format of a type.
    pub fn of(element_type: ElementType) -> Option<Minifloat> {
        Some(match element_type {
            ElementType::Float8E4M3Fn => format(3, 7, 0x80, 0x7e, 0x7f, Some(0x7f)),
            ElementType::Float8E4M3Fnuz => format(3, 8, 0x80, 0x7f, 0x80, Some(0x80)),
            ElementType::Float8E5M2 => format(2, 15, 0x80, 0x7b, 0x7c, Some(0x7f)),
            ElementType::Float8E5M2Fnuz => format(2, 16, 0x80, 0x7f, 0x80, Some(0x80)),
            ElementType::Float4E2M1 => format(1, 1, 0x8, 0x7, 0x7, None),
            ElementType::Float8E8M0 => format(0, 127, 0, 0xfe, 0xff, Some(0xff)),
            _ => return None,
        })
    }

    /// The number of a code.
    pub fn decode(self, code: u8) -> f32 {
        if self.sign == 0 {
            return if code == 0xff { f32::NAN } else { power(i32::from(code) - 127) };
        }
        let (is_negative, code) = (code & self.sign != 0, code & (self.sign - 1));
        let has_one_zero = self.nan == Some(self.sign);
        let magnitude = if is_negative && code == 0 && has_one_zero {
            f32::NAN
        } else if code > self.greatest {
            if code == self.over && self.nan != Some(self.over) { f32::INFINITY } else { f32::NAN }
        } else {
            let (exponent, fraction) = (i32::from(code) >> self.fraction, i32::from(code) & ((1 << self.fraction) - 1));
            let whole = if exponent == 0 { fraction } else { fraction + (1 << self.fraction) };
            whole as f32 * power(exponent.max(1) - self.bias - self.fraction as i32)
        };
        if is_negative { -magnitude } else { magnitude }
    }

    /// The code of the nearest number, the even one of two. What is over the greatest becomes that where `saturates`.
    pub fn encode(self, value: f32, saturates: bool) -> u8 {
        let sign = if value.is_sign_negative() { self.sign } else { 0 };
        let has_one_zero = self.nan == Some(self.sign);
        if value.is_nan() {
            return self.nan.map_or(self.greatest, |nan| if has_one_zero { nan } else { nan | sign });
        }
        let magnitude = value.abs();
        let exponent = ((magnitude.to_bits() >> 23) as i32 - 127).max(1 - self.bias);
        let steps = (magnitude / power(exponent - self.fraction as i32)).round_ties_even();
        // The leading bit of the steps of a normal number counts one in the exponent.
        let code = ((exponent + self.bias - 1) * (1 << self.fraction)).saturating_add(steps as i32);
        match u8::try_from(code) {
            Ok(0) if has_one_zero => 0,
            Ok(code) if code <= self.greatest => code | sign,
            _ if saturates => self.greatest | sign,
            _ if has_one_zero => self.over,
            _ => self.over | sign,
        }
    }

    /// The numbers of a tensor.
    pub fn decode_all(self, tensor: &Tensor) -> Result<Vec<f32>> {
        Ok(tensor.bits::<u8>()?.iter().map(|&code| self.decode(code)).collect())
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_its_code() {
        let formats = [
            (ElementType::Float8E4M3Fn, 448.0, 256),
            (ElementType::Float8E4M3Fnuz, 240.0, 256),
            (ElementType::Float8E5M2, 57344.0, 256),
            (ElementType::Float8E5M2Fnuz, 57344.0, 256),
            (ElementType::Float4E2M1, 6.0, 16),
        ];
        for (element_type, greatest, codes) in formats {
            let format = Minifloat::of(element_type).unwrap();
            assert_eq!(format.decode(format.greatest), greatest);
            for code in 0..codes {
                let number = format.decode(code as u8);
                if !number.is_nan() {
                    assert_eq!(format.encode(number, number.is_finite()), code as u8, "{element_type:?} {number}");
                }
            }
            assert_eq!(format.encode(1e9, true), format.greatest);
            assert_eq!(format.encode(f32::NEG_INFINITY, true), format.greatest | format.sign);
            assert_eq!(format.encode(1e-30, true), 0);
        }
        let format = Minifloat::of(ElementType::Float8E4M3Fn).unwrap();
        assert_eq!([464.0, 464.1, 1.0625, 1.1875].map(|value| format.encode(value, false)), [0x7e, 0x7f, 0x38, 0x3a]);
        assert_eq!(Minifloat::of(ElementType::Float8E8M0).unwrap().decode(0), power(-127));
    }
}
