//! Branches and loops.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
