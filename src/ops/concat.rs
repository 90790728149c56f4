//! Tensors put together and taken apart.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
