//! Operators on quantised tensors.

mod affine;
mod attention;
mod codebook;
mod conv;
mod depthwise;
mod elementwise;
mod embed;
mod gather;
mod geometry;
mod layout;
mod matmul;
mod nbits;
mod pool;
mod product;
mod weights;

pub use affine::Affine;

use super::{Entry, contrib, onnx};

pub const ENTRIES: &[Entry] = &[
    onnx("ConvInteger", conv::conv_integer),
    onnx("MatMulInteger", matmul::matmul_integer),
    onnx("QLinearConv", conv::qlinear_conv),
    onnx("QLinearMatMul", matmul::qlinear_matmul),
    contrib("DynamicQuantizeMatMul", matmul::dynamic_quantize_matmul),
    contrib("GatherBlockQuantized", gather::gather_block_quantized),
    contrib("MatMulBnb4", codebook::matmul_bnb4),
    contrib("MatMulIntegerToFloat", matmul::matmul_integer_to_float),
    contrib("MatMulNBits", nbits::matmul_nbits),
    contrib("QEmbedLayerNormalization", embed::embed_quantized),
    contrib("QLinearAdd", elementwise::qlinear_add),
    contrib("QLinearAveragePool", pool::qlinear_average_pool),
    contrib("QLinearConcat", elementwise::qlinear_concat),
    contrib("QLinearConv", conv::qlinear_conv),
    contrib("QLinearGlobalAveragePool", pool::qlinear_global_average_pool),
    contrib("QLinearLeakyRelu", elementwise::qlinear_leaky_relu),
    contrib("QLinearMatMul", matmul::qlinear_matmul),
    contrib("QLinearMul", elementwise::qlinear_mul),
    contrib("QLinearReduceMean", pool::qlinear_reduce_mean),
    contrib("QLinearSigmoid", elementwise::qlinear_sigmoid),
    contrib("QLinearSoftmax", elementwise::qlinear_softmax),
    contrib("QLinearWhere", elementwise::qlinear_where),
    contrib("QAttention", attention::qattention),
    contrib("QGemm", matmul::qgemm),
    Entry { domain: "edgewise", name: "MatMulIntegerToFloat", make: matmul::matmul_integer_to_float, is_random: false },
];
