//! Comparisons, logic and choices.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
