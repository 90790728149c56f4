//! Operators on quantised tensors.

mod conv;
mod geometry;
mod matmul;
mod product;

use super::{Entry, contrib, onnx};

pub const ENTRIES: &[Entry] = &[
    onnx("ConvInteger", conv::conv_integer),
    onnx("MatMulInteger", matmul::matmul_integer),
    onnx("QLinearConv", conv::qlinear_conv),
    onnx("QLinearMatMul", matmul::qlinear_matmul),
    contrib("DynamicQuantizeMatMul", matmul::dynamic_quantize_matmul),
    contrib("MatMulIntegerToFloat", matmul::matmul_integer_to_float),
    contrib("QLinearConv", conv::qlinear_conv),
    contrib("QGemm", matmul::qgemm),
];
