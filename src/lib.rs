//! Edgewise runs ONNX models in browsers and on edge workers. This crate is its core: bytes to a checked
//! [`Model`](model::Model), a model's [`Graph`](graph::Graph) to a [`Plan`](plan::Plan), values through a
//! [`Session`](session::Session). Only `bindings` knows JavaScript.

// A build without some family of operators leaves what only that needs without a caller; the linker drops it.
#![cfg_attr(not(feature = "operators"), allow(dead_code, unused_imports))]
#![cfg_attr(target_feature = "atomics", feature(stdarch_wasm_atomic_wait))]

#[cfg(target_arch = "wasm32")]
mod bindings;
pub mod error;
pub mod graph;
mod kernels;
pub mod model;
pub mod ops;
mod passes;
mod plan;
pub mod session;
pub mod tensor;
pub mod value;
