//! Where the time goes: loops over plain slices that know nothing of nodes and models.

pub mod broadcast;
pub mod math;
pub mod runs;
pub mod activation;
pub mod conv;
pub mod gemm;
pub mod pool;
pub mod real;
pub mod resize;
pub mod fft;
pub mod recurrent;
pub mod int8;
pub mod simd;
pub mod strided;
mod tile;
pub mod gathered;
pub mod lanes;
pub mod normalize;
pub mod product;
pub mod reduce;
pub mod softmax;
pub mod dot;
pub mod trees;
