//! Elements put in places.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
