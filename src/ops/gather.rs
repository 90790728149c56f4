//! Elements chosen by their places.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
