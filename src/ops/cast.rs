//! Conversions between element types.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
