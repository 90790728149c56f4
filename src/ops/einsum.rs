//! Sums over named axes.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
