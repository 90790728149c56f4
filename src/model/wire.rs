//! The headers of protobuf's wire format: <https://protobuf.dev/programming-guides/encoding/>.

use crate::error::{Error, Result};

/// What stands at the start of a field.
pub(super) struct Header {
    pub number: u64,
    pub prefix: Prefix,
    /// The bytes that it takes itself.
    pub length: usize,
}

/// How the end of a field is told.
pub(super) enum Prefix {
    /// A varint: its header is the field.
    Whole,
    Fixed(usize),
    Length(usize),
}

impl Prefix {
    /// The bytes that follow the header.
    pub fn left(&self) -> usize {
        match *self {
            Prefix::Whole => 0,
            Prefix::Fixed(size) | Prefix::Length(size) => size,
        }
    }
}

/// A field's tag and, where it has one, its length; `None` while bytes are missing.
pub(super) fn parse_header(header: &[u8]) -> Result<Option<Header>> {
    let Some((tag, mut rest)) = parse_varint(header)? else { return Ok(None) };
    let (number, wire_type) = (tag >> 3, tag & 7);
    if number == 0 {
        return Err(Error::invalid("the model is corrupt: a field has the number 0"));
    }
    let prefix = match wire_type {
        0 | 2 => match parse_varint(rest)? {
            None => return Ok(None),
            Some((value, behind)) => {
                rest = behind;
                let length = || Prefix::Length(usize::try_from(value).unwrap_or(usize::MAX));
                if wire_type == 0 { Prefix::Whole } else { length() }
            }
        },
        1 => Prefix::Fixed(8),
        5 => Prefix::Fixed(4),
        other => return Err(Error::invalid(format!("the model is corrupt: a field has the wire type {other}"))),
    };
    Ok(Some(Header { number, prefix, length: header.len() - rest.len() }))
}

fn parse_varint(bytes: &[u8]) -> Result<Option<(u64, &[u8])>> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().enumerate() {
        if index == 10 {
            return Err(Error::invalid("the model is corrupt: a number has more than ten bytes"));
        }
        value |= u64::from(byte & 0x7f) << (7 * index).min(63);
        if byte & 0x80 == 0 {
            return Ok(Some((value, bytes.get(index + 1..).unwrap_or_default())));
        }
    }
    Ok(None)
}
