//! Arithmetic on two tensors or more.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
