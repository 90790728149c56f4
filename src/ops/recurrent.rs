//! Recurrent layers.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
