//! Numbers as strings, and back.

use crate::error::{Error, Result};
use crate::tensor::{Element, ElementType, Tensor};

/// The numbers that strings stand for.
pub fn parse_all<T: Element>(tensor: &Tensor, parse: fn(&str) -> Option<T>) -> Result<Vec<T>> {
    let parse = |text: &String| parse(text).ok_or_else(|| Error::execution(format!("\"{text}\" is not a number")));
    tensor.slice::<String>()?.iter().map(parse).collect()
}

/// A number, or a name of infinity or NaN in any case.
pub fn parse_float<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.trim().parse().ok()
}

/// The sign and the digits at the start.
fn whole_part(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.bytes().skip(1).position(|byte| !byte.is_ascii_digit()).map_or(text.len(), |end| end + 1);
    text.get(..end).unwrap_or("")
}

/// The whole number at the start.
pub fn parse_signed(text: &str) -> Option<i64> {
    whole_part(text).parse().ok()
}

/// The whole number at the start, as the bits of a uint64.
pub fn parse_unsigned(text: &str) -> Option<i64> {
    let text = whole_part(text);
    text.parse::<u64>().map(|value| value as i64).ok().or_else(|| text.parse().ok())
}

/// Numbers as onnxruntime writes them.
pub fn format_all(tensor: &Tensor) -> Result<Vec<String>> {
    Ok(match tensor.element_type() {
        ElementType::Float32 => tensor.slice::<f32>()?.iter().map(|&value| format_float(value.into())).collect(),
        ElementType::Float64 => tensor.slice::<f64>()?.iter().map(|&value| format_float(value)).collect(),
        ElementType::Uint64 => tensor.slice::<u64>()?.iter().map(u64::to_string).collect(),
        _ => tensor.to_i64s()?.iter().map(i64::to_string).collect(),
    })
}

/// The digits of a number, of float64 too.
const DIGITS: usize = 8;

/// A number as C's `%.8g` writes it.
fn format_float(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_string();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-INF" } else { "INF" }.to_string();
    }
    let scientific = format!("{value:.*e}", DIGITS - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= DIGITS as i32 {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", without_zeros(mantissa), exponent.abs());
    }
    let places = DIGITS as i32 - 1 - exponent;
    without_zeros(&format!("{value:.*}", usize::try_from(places).unwrap_or(0))).to_string()
}

/// A number without zeros at the end of its fraction.
fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_onnxruntime_writes_them() {
        let rows = [
            (0.1, "0.1"),
            (-0.0, "-0"),
            (1e10, "1e+10"),
            (1e7, "10000000"),
            (1e8, "1e+08"),
            (1e-5, "9.9999997e-06"),
            (123456789.0, "1.2345679e+08"),
            (300.7, "300.70001"),
            (f32::NAN, "NaN"),
            (f32::NEG_INFINITY, "-INF"),
        ];
        for (value, text) in rows {
            assert_eq!(format_float(value.into()), text);
        }
        assert_eq!(format_float(1.0 / 3.0), "0.33333333");
    }

    #[test]
    fn whole_numbers_end_at_the_first_other_character() {
        let rows = [(" 5 ", Some(5)), ("3.7", Some(3)), ("-3", Some(-3)), ("+7", Some(7)), ("abc", None), ("", None)];
        for (text, value) in rows {
            assert_eq!((parse_signed(text), parse_unsigned(text)), (value, value), "{text:?}");
        }
        assert_eq!(parse_unsigned("18446744073709551615"), Some(-1));
        assert_eq!(parse_signed("9223372036854775808"), None);
    }
}
