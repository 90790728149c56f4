//! Products of matrices.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
