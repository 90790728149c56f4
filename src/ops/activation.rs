//! Activation functions.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
