//! Running sums and products.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
