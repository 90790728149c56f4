//! Numbers as small integers.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
