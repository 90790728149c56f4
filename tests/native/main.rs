//! Tests of the core without WebAssembly: bytes in, tensors and errors out.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod conformance;
mod constants;
mod contrib;
mod control;
#[cfg(feature = "image-decoder")]
mod decoding;
mod elementwise;
mod fidelity;
mod graph;
mod images;
mod legacy;
mod ml;
mod movement;
mod onnx;
mod passes;
mod patterns;
mod products;
mod quantised;
mod random;
mod reader;
mod recurrent;
mod reference;
mod session;
mod signal;
mod sums;
mod text;
mod types;
