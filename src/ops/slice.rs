//! Parts of a tensor.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
