//! Operators on quantised tensors.

mod matmul;
mod product;

use super::{Entry, contrib, onnx};

pub const ENTRIES: &[Entry] = &[
    onnx("MatMulInteger", matmul::matmul_integer),
    onnx("QLinearMatMul", matmul::qlinear_matmul),
    contrib("DynamicQuantizeMatMul", matmul::dynamic_quantize_matmul),
    contrib("MatMulIntegerToFloat", matmul::matmul_integer_to_float),
    contrib("QGemm", matmul::qgemm),
];
