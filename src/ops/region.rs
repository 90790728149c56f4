//! Regions of images.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
