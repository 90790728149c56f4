//! Where the time goes: loops over plain slices that know nothing of nodes and models.

pub mod int8;
pub mod simd;
