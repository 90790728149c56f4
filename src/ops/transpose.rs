//! Axes in another order.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
