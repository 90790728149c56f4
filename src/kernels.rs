//! Where the time goes: loops over plain slices that know nothing of nodes and models.

pub mod activation;
pub mod broadcast;
pub mod conv;
pub mod dot;
pub mod fft;
pub mod gathered;
pub mod gemm;
pub mod int8;
pub mod lanes;
pub mod math;
pub mod nearest;
pub mod normalize;
pub mod parallel;
pub mod pool;
pub mod product;
pub mod real;
pub mod recurrent;
pub mod reduce;
pub mod resize;
pub mod runs;
pub mod simd;
pub mod softmax;
pub mod strided;
mod tile;
pub mod trees;
