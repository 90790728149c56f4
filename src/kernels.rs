//! Where the time goes: loops over plain slices that know nothing of nodes and models.

pub mod lanes;
pub mod normalize;
pub mod product;
pub mod reduce;
pub mod simd;
pub mod softmax;
pub mod strided;
