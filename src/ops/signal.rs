//! Signals and their spectra.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
