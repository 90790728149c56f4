//! Operators on quantised tensors.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
