//! The attribute `auto_pad`: how the axes are padded that a window moves along.

use super::Spec;
use crate::error::Result;

/// Where padding comes from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum AutoPad {
    /// The attribute `pads`.
    Explicit,
    /// There is none.
    Valid,
    /// As many windows as the axis has strides, the odd element of padding after the axis.
    SameUpper,
    /// The same, the odd element before the axis.
    SameLower,
}

impl AutoPad {
    /// Reads a node's attribute.
    pub fn read(spec: &Spec) -> Result<AutoPad> {
        match spec.text_or("auto_pad", "NOTSET") {
            "NOTSET" => Ok(AutoPad::Explicit),
            "VALID" => Ok(AutoPad::Valid),
            "SAME_UPPER" => Ok(AutoPad::SameUpper),
            "SAME_LOWER" => Ok(AutoPad::SameLower),
            other => Err(spec.invalid(&format!("auto_pad={other}"))),
        }
    }

    /// Whether an axis has as many windows as strides.
    pub fn is_same(self) -> bool {
        matches!(self, AutoPad::SameUpper | AutoPad::SameLower)
    }

    /// The padding before and after an axis of `size` elements, along which windows over `extent` elements stand `stride`
    /// apart. `explicit` is what `pads` says.
    pub fn pad(self, size: usize, extent: usize, stride: usize, explicit: (usize, usize)) -> (usize, usize) {
        match self {
            AutoPad::Explicit => explicit,
            AutoPad::Valid => (0, 0),
            AutoPad::SameUpper | AutoPad::SameLower => {
                let needed = match size.div_ceil(stride) {
                    0 => extent.saturating_sub(stride),
                    windows => (windows - 1).saturating_mul(stride).saturating_add(extent).saturating_sub(size),
                };
                self.split(needed)
            }
        }
    }

    /// Padding divided in that before and that after an axis.
    pub fn split(self, total: usize) -> (usize, usize) {
        let before = if self == AutoPad::SameUpper { total / 2 } else { total.div_ceil(2) };
        (before, total - before)
    }
}
