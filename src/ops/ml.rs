//! Classical models: the domain ai.onnx.ml.

use super::Entry;

pub const ENTRIES: &[Entry] = &[];
