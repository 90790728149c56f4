//! Sequences and optionals.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
