//! Images and grids in other sizes.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
