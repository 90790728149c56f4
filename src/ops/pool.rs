//! Pooling.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
