//! Elements chosen by their values.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
