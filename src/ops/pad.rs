//! Edges added, elements repeated.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
