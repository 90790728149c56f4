//! Where the time goes: loops over plain slices that know nothing of nodes and models.

pub mod activation;
pub mod conv;
pub mod gemm;
pub mod simd;
