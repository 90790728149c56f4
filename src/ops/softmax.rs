//! Softmax and its kin.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
