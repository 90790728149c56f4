//! Random numbers.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
