//! Tests of the core without WebAssembly: bytes in, tensors and errors out.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod conformance;
mod control;
mod elementwise;
mod images;
mod ml;
mod onnx;
mod passes;
mod products;
mod quantised;
mod random;
mod recurrent;
mod reference;
mod signal;
mod sums;
mod text;
