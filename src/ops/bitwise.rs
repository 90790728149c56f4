//! Operators on the bits of integers.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
