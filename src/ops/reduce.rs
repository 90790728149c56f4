//! Axes reduced to one element.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
