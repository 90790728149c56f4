//! Where the time goes: loops over plain slices that know nothing of nodes and models.

pub mod dot;
pub mod simd;
pub mod trees;
