//! Tests of the core without WebAssembly: bytes in, tensors and errors out.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod conformance;
mod movement;
mod onnx;
mod reference;
