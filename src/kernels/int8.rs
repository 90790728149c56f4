//! Products and conversions of 8-bit integers.
//!
//! A product of rows and columns is exact in int32. Rows are widened to int16 with their zero point taken off, just before they
//! are used; columns stay a byte each, as `value - 128` where they are unsigned, and what is left of their zero point is taken
//! off the results by the sums of the rows.

mod convert;
mod depthwise;
mod lanes;
mod nibbles;
mod pack;
mod product;
mod scale;

pub use convert::{Levels, dequantise, find_range, quantise, round_within};
pub use depthwise::{Window, convolve};
pub use nibbles::{Coarse, Packed, UNIT, multiply_packed};
pub use pack::{PANEL, Source, count_panels, pack_columns, pack_pair, pack_row, pad_depth};
pub use product::{multiply, take_off_zeros};
pub use scale::{Scales, requantise};
