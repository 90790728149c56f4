//! Nodes that run with every element type.

use edgewise::tensor::ElementType;
use tract_onnx::pb::AttributeProto;
use tract_onnx::pb::attribute_proto::AttributeType;

use crate::onnx::{float, int, ints, text};

/// Inputs, the type of the output, and the operators that share them without attributes of their own.
const ALIKE: &[(&str, &str, &str)] = &[
    (
        "T2,6",
        "T",
        "Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Cos Cosh Elu Erf Exp Flatten Floor Gelu HardSigmoid HardSwish \
        Hardmax Identity LeakyRelu Log LogSoftmax LpNormalization Mish Neg Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh \
        Softmax Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu Transpose Dropout Squeeze ReduceL1 ReduceL2 ReduceLogSum \
        ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Unique Max Min Sum Mean Split",
    ),
    ("T2,6", "int64", "ArgMax ArgMin NonZero Shape Size"),
    ("T2,6", "bool", "IsInf IsNaN Not"),
    ("T2,1,3,3", "T", "GlobalAveragePool GlobalLpPool GlobalMaxPool MeanVarianceNormalization"),
    ("T2,3,3", "T", "Det"),
    ("T2,3 P3", "T", "Add Sub Mul Div Pow PRelu Mean Sum Max Min BitwiseAnd BitwiseOr BitwiseXor StringConcat"),
    ("T2,3 T3", "bool", "Equal Greater GreaterOrEqual Less LessOrEqual And Or Xor"),
    ("T2,3 P3,2", "T", "MatMul Gemm"),
    ("T2,3,3 P3 P3", "T", "GroupNormalization InstanceNormalization"),
    ("T=5", "float32", "BlackmanWindow HammingWindow HannWindow"),
    ("T4 i=0", "T", "CumSum CumProd"),
];

fn floats(name: &str, floats: &[f32]) -> AttributeProto {
    let r#type = AttributeType::Floats as i32;
    AttributeProto { name: name.to_string(), floats: floats.to_vec(), r#type, ..AttributeProto::default() }
}

/// The operator, its attributes, its inputs and the type of its output.
pub type Row = (&'static str, Vec<AttributeProto>, &'static str, &'static str);

/// Inputs are `T` for the open type (`P` without 0), `i` for int64, `b` for bool and `f` for float32, with dims, and `:` before given
/// elements; `=` is before the element of a scalar, and `-` is an input left out.
pub fn rows() -> Vec<Row> {
    let kernel = || ints("kernel_shape", &[2, 2]);
    #[rustfmt::skip]
    let mut rows = vec![
        ("AffineGrid", vec![], "T1,2,3 i:1,1,2,2", "T"),
        ("ArrayFeatureExtractor", vec![], "T2,3 i:2", "T"),
        ("Attention", vec![], "T1,2,3,4 T1,2,3,4 T1,2,3,4", "T"),
        ("Attention", vec![], "T1,2,3,4 T1,2,3,4 f1,2,3,4", "T"),
        ("AveragePool", vec![kernel()], "T1,1,3,3", "T"),
        ("BatchNormalization", vec![], "T2,3,2 P3 P3 P3 P3", "T"),
        ("Binarizer", vec![float("threshold", 1.0)], "T2,3", "T"),
        ("BitShift", vec![text("direction", "LEFT")], "T4 P4", "T"),
        ("BitwiseNot", vec![], "T4", "T"),
        ("Cast", vec![int("to", 11)], "T2,3", "float64"),
        ("Cast", vec![int("to", 7)], "T2,3", "int64"),
        ("CastLike", vec![], "T2,3 f1", "float32"),
        ("CenterCropPad", vec![], "T3,4 i:2,2", "T"),
        ("Clip", vec![], "T2,3 P=1 P=1", "T"),
        ("Col2Im", vec![], "T1,4,4 i:3,3 i:2,2", "T"),
        ("Compress", vec![int("axis", 1)], "T2,3 b:1,0,1", "T"),
        ("Concat", vec![int("axis", 1)], "T2,3 T2,1", "T"),
        ("Conv", vec![], "T1,2,3,3 T2,2,2,2 T2", "T"),
        ("ConvInteger", vec![], "T1,2,3,3 T2,2,2,2", "int32"),
        ("ConvTranspose", vec![], "T1,2,3,3 T2,2,2,2 T2", "T"),
        ("DFT", vec![], "T1,4,1", "T"),
        ("DepthToSpace", vec![int("blocksize", 2)], "T1,4,2,1", "T"),
        ("DequantizeLinear", vec![], "T2,3 f=2", "float32"),
        ("Einsum", vec![text("equation", "ij,kj->ik")], "T2,3 T2,3", "T"),
        ("Expand", vec![], "T2,1 i:2,2,3", "T"),
        ("EyeLike", vec![], "T2,3", "T"),
        ("Gather", vec![int("axis", 1)], "T2,3 i:2,-3", "T"),
        ("GatherElements", vec![], "T3 i:1,0", "T"),
        ("GatherND", vec![], "T2,3 i1,2:1,2", "T"),
        ("GRU", vec![int("hidden_size", 1)], "T2,1,2 T1,3,2 T1,3,1", "T"),
        ("GridSample", vec![], "T1,1,3,3 f1,2,2,2", "T"),
        ("LRN", vec![int("size", 3)], "T1,3,2,2", "T"),
        ("LSTM", vec![int("hidden_size", 1)], "T2,1,2 T1,4,2 T1,4,1", "T"),
        ("LayerNormalization", vec![], "T2,3 T3", "T"),
        ("LinearRegressor", vec![floats("coefficients", &[1.0, 2.0, 3.0])], "T2,3", "float32"),
        ("LpPool", vec![kernel()], "T1,1,3,3", "T"),
        ("MatMulInteger", vec![], "T2,3 T3,2", "int32"),
        ("MaxPool", vec![kernel()], "T1,1,3,3", "T"),
        ("MaxRoiPool", vec![ints("pooled_shape", &[1, 1])], "T1,2,3,3 T1,5:0,0,0,2,2", "T"),
        ("MaxUnpool", vec![kernel()], "T1,1,1,1 i1,1,1,1:3", "T"),
        ("Mod", vec![int("fmod", 1)], "T2,3 P3", "T"),
        ("NegativeLogLikelihoodLoss", vec![], "T2,4 i:0,3", "T"),
        ("Normalizer", vec![text("norm", "L1")], "T2,3", "float32"),
        ("SoftmaxCrossEntropyLoss", vec![], "T2,4 i:0,3", "T"),
        ("OneHot", vec![], "i:1,0 i=3 T2", "T"),
        ("Pad", vec![], "T2,3 i:1,0,0,2 T=1", "T"),
        ("Pad", vec![text("mode", "edge")], "T2,3 i:1,0,0,2", "T"),
        ("QuantizeLinear", vec![], "f2,3 f=1 T=0", "T"),
        ("RNN", vec![int("hidden_size", 1)], "T2,1,2 T1,1,2 T1,1,1", "T"),
        ("RMSNormalization", vec![], "T2,3 T3", "T"),
        ("Range", vec![], "T=0 T=3 P=1", "T"),
        ("Reshape", vec![], "T2,3 i:3,-1", "T"),
        ("Resize", vec![], "T1,1,2,3 - f:1,1,2,2", "T"),
        ("ReverseSequence", vec![], "T3,2 i:3,2", "T"),
        ("RoiAlign", vec![], "T1,2,3,3 T1,4 i:0", "T"),
        ("RotaryEmbedding", vec![], "T1,2,3,4 T3,2 T3,2 i1,3:0,1,2", "T"),
        ("STFT", vec![], "T1,4,1 i=2 - i=2", "T"),
        ("Scaler", vec![floats("offset", &[1.0]), floats("scale", &[2.0])], "T2,3", "float32"),
        ("Scatter", vec![], "T3 i:2,0 T2", "T"),
        ("ScatterElements", vec![], "T3 i:2,0 T2", "T"),
        ("ScatterND", vec![], "T3 i1,1:1 T1", "T"),
        ("Slice", vec![], "T3,4 i:1,3 i:3,0 i:0,1 i:1,-1", "T"),
        ("SpaceToDepth", vec![int("blocksize", 2)], "T1,1,2,4", "T"),
        ("SwiGLU", vec![], "T2,3 T2,3", "T"),
        ("TensorScatter", vec![], "T1,4,2 T1,2,2 i:1", "T"),
        ("Tile", vec![], "T2,3 i:2,1", "T"),
        ("TopK", vec![], "T2,6 i:2", "T"),
        ("Trilu", vec![], "T3,3", "T"),
        ("Unsqueeze", vec![], "T2,3 i:0,3", "T"),
        ("Upsample", vec![], "T1,1,2,3 f:1,1,2,2", "T"),
        ("Where", vec![], "b:1,0,1 T2,3 T3", "T"),
    ];
    rows.extend(ALIKE.iter().flat_map(|(inputs, output, names)| {
        names.split_ascii_whitespace().map(|name| {
            let attributes = match name {
                "Split" => vec![int("axis", 1), int("num_outputs", 1)],
                "GroupNormalization" => vec![int("num_groups", 3)],
                "Unique" => vec![int("sorted", 1)],
                "Elu" => vec![float("alpha", 0.5)],
                _ => vec![],
            };
            (name, attributes, *inputs, *output)
        })
    }));
    rows
}

/// The first version of the operator set in which the row of an operator means what it does today.
pub fn first_version(name: &str) -> i64 {
    match name {
        "Reshape" => 5,
        "Cast" | "Selu" | "Tile" => 6,
        "Dropout" => 7,
        "Upsample" => 9,
        "Slice" | "TopK" => 10,
        "Clip" | "Pad" | "Resize" => 11,
        "Unsqueeze" => 13,
        "RoiAlign" => 16,
        _ => 1,
    }
}

/// What is not the same number in every type, or has no meaning in one.
pub fn is_apart(name: &str, element_type: ElementType) -> bool {
    match element_type {
        // What is new, or zero, is an empty text; texts cannot be blended.
        ElementType::String => matches!(name, "CenterCropPad" | "Col2Im" | "GridSample" | "NonZero" | "Trilu"),
        ElementType::Bool => matches!(name, "Col2Im" | "GridSample"),
        // The type has no 0.
        ElementType::Float8E8M0 => name == "TensorScatter",
        _ => false,
    }
}
