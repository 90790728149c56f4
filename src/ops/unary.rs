//! Functions of one number.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
