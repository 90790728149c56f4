//! Where the time goes: loops over plain slices that know nothing of nodes and models.

pub mod nearest;
pub mod pool;
pub mod real;
pub mod resize;
pub mod simd;
