//! Operators of com.microsoft against the results of onnxruntime 1.32.

use edgewise::graph::{Attribute, Node};
use edgewise::ops::{Call, Input, Spec, find};
use edgewise::tensor::Tensor;
use edgewise::value::Value;

use crate::onnx::{assert_close, matrix, ramp};

type Attributes<'a> = &'a [(&'a str, Attribute)];

/// The operator of a node with the inputs that are there.
fn make(
    name: &str,
    attributes: Attributes,
    inputs: &[bool],
    outputs: usize,
) -> edgewise::error::Result<edgewise::ops::Operator> {
    let node = Node {
        op: name.to_string(),
        domain: "com.microsoft".to_string(),
        opset: 1,
        attributes: attributes.iter().map(|(name, value)| (name.to_string(), value.clone())).collect(),
        inputs: inputs.iter().map(|&is_there| is_there.then_some(0)).collect(),
        outputs: vec![Some(0); outputs],
        ..Node::default()
    };
    (find("com.microsoft", name).unwrap().make)(&mut Spec::new(&node, vec![None; inputs.len()], vec![]))
}

/// Checks the outputs from the first on, rounded to five digits.
fn check(name: &str, attributes: Attributes, inputs: &[Option<Tensor>], expected: &[Option<Tensor>]) {
    let given = inputs.iter().map(|input| input.clone().map_or(Input::Missing, |tensor| Input::Owned(tensor.into())));
    let wanted: Vec<bool> = expected.iter().map(Option::is_some).collect();
    let there: Vec<bool> = inputs.iter().map(Option::is_some).collect();
    let operator = make(name, attributes, &there, expected.len()).unwrap();
    let outputs = operator(&mut Call::new(given.collect(), inputs.len(), &wanted)).unwrap();
    for (actual, expected) in outputs.into_iter().map(Value::into_tensor).zip(expected) {
        if let Some(expected) = expected {
            assert_close(&actual.unwrap(), expected, 2e-5, &format!("{name} {attributes:?}"));
        }
    }
}

fn int(value: i64) -> Attribute {
    Attribute::Int(value)
}

fn floats(dims: &[usize], values: &[f32]) -> Option<Tensor> {
    Some(Tensor::new(dims, values.to_vec()).unwrap())
}

fn bytes(dims: &[usize]) -> Option<Tensor> {
    let count: usize = dims.iter().product();
    Some(Tensor::new(dims, (0..count).map(|index| (index * 37 % 23) as u8).collect()).unwrap())
}

fn text(value: &str) -> Attribute {
    Attribute::Text(value.as_bytes().into())
}

#[test]
fn rows_have_distances_and_matrices_ways() {
    let mut other = ramp(&[2, 3]).into_vec::<f32>().unwrap();
    other.iter_mut().for_each(|value| *value += 1.0);
    let rows = [Some(ramp(&[2, 3])), floats(&[2, 3], &other)];
    check("CDist", &[], &rows, &[floats(&[2, 2], &[3.0, 14.16327, 7.87755, 3.0])]);
    let metric = [("metric", text("euclidean"))];
    check("CDist", &metric, &rows, &[floats(&[2, 2], &[1.73205, 3.76341, 2.8067, 1.73205])]);
    let way = matrix(&[[0i32, 1, 1, 2, 2, 2], [0, 0, 1, 1, 2, 3]]);
    check("DynamicTimeWarping", &[], &[Some(ramp(&[1, 3, 4]))], &[Some(way)]);
}

#[test]
fn products_have_weights_and_activations_of_many_kinds() {
    let sizes = |quant_type| [("K", int(4)), ("N", int(2)), ("block_size", int(16)), ("quant_type", int(quant_type))];
    let packed = Some(Tensor::vector(vec![0x12u8, 0x3f, 0x8c, 0xa7]));
    let inputs = [Some(ramp(&[1, 4])), packed, floats(&[1], &[2.0])];
    check("MatMulBnb4", &sizes(0), &inputs, &[floats(&[1, 2], &[-1.73065, 1.42857])]);
    check("MatMulBnb4", &sizes(1), &inputs, &[floats(&[1, 2], &[4.70069, -0.29426])]);
    let shorts = [Some(matrix(&[[30000i16, -30000]])), Some(matrix(&[[30000i16, 1], [-30000, 2]]))];
    check("MatMulInteger16", &[], &shorts, &[Some(matrix(&[[1_800_000_000i32, -30000]]))]);
    let inputs = [Some(ramp(&[1, 2])), Some(ramp(&[2, 3]))];
    let alpha = ("activation_alpha", Attribute::Float(0.5));
    let gamma = ("activation_gamma", Attribute::Float(2.0));
    let cases: [(Attributes, [f32; 3]); 3] = [
        (&[("activation", text("Elu")), alpha.clone()], [2.95918, -0.26017, 0.73469]),
        (&[("activation", text("Selu")), alpha, gamma], [5.91837, -0.52035, 1.46939]),
        (&[("activation", text("Softsign"))], [0.74742, -0.42353, 0.42353]),
    ];
    for (attributes, expected) in cases {
        check("FusedGemm", attributes, &inputs, &[floats(&[1, 3], &expected)]);
    }
    assert!(make("FusedGemm", &[("activation", text("Cos"))], &[true; 2], 1).is_err());
    #[rustfmt::skip]
    let expected = [
        -1.79592, 0.22449, 2.73469, -0.06122, 0.44898, 0.7551, -2.83673, 0.18367,
        -0.97959, 0.12245, 2.53061, -0.16327, -0.4898, 0.61224, -0.44898, -0.81633,
    ];
    let inputs = [Some(ramp(&[1, 1, 2, 2])), Some(ramp(&[1, 1, 3, 3])), Some(Tensor::vector(vec![1i64, 0, 0, 1]))];
    let strides = [("strides", Attribute::Ints(vec![2, 2]))];
    check("ConvTransposeWithDynamicPads", &strides, &inputs, &[floats(&[1, 1, 4, 4], &expected)]);
}

#[test]
fn elements_are_moved_and_counted() {
    let windows = [("dim", int(1)), ("size", int(3)), ("step", int(2))];
    #[rustfmt::skip]
    let expected = [
        -1.57143, 0.42857, -0.85714, -0.85714, 1.14286, -0.14286,
        -1.42857, 0.57143, -0.71429, -0.71429, 1.28571, 0.0,
    ];
    check("UnfoldTensor", &windows, &[Some(ramp(&[2, 5]))], &[floats(&[2, 2, 3], &expected)]);
    let range = [Some(Tensor::scalar(2i16)), Some(Tensor::scalar(5i16))];
    check("Range", &[], &range, &[Some(Tensor::vector(vec![2i16, 3, 4]))]);
    let inputs = [Some(matrix(&[[1i64, 2, 3, 1, 2]])), Some(ramp(&[1, 5]))];
    let expected = [-1.57143, 0.42857, -0.85714, f32::NEG_INFINITY, -0.14286];
    check("NGramRepeatBlock", &[("ngram_size", int(3))], &inputs, &[floats(&[1, 5], &expected)]);
}

#[test]
fn embeddings_may_be_bytes() {
    let (scale, zero) = (|value: f32| Some(Tensor::scalar(value)), |value: u8| Some(Tensor::scalar(value)));
    let tables =
        [Some(matrix(&[[1i32, 0]])), None, bytes(&[2, 4]), bytes(&[2, 4]), None, bytes(&[4]), bytes(&[4]), None];
    let parameters = [scale(0.1), scale(0.2), None, scale(0.1), scale(0.1), zero(3), zero(1), None, zero(0), zero(2)];
    let expected = [-0.2, 1.43126, 0.21741, 4.36769, -0.2, -0.51204, 0.91144, 3.04517];
    let epsilon = [("epsilon", Attribute::Float(1e-3))];
    let inputs: Vec<_> = tables.into_iter().chain(parameters).collect();
    let lengths = Some(Tensor::vector(vec![0i32]));
    check("QEmbedLayerNormalization", &epsilon, &inputs, &[floats(&[1, 2, 4], &expected), lengths]);
}

#[test]
fn attention_shows_its_scores() {
    let (query, mut key, mut value) = (ramp(&[1, 2, 8]), ramp(&[1, 2, 8]), ramp(&[1, 2, 8]));
    let mut values = key.into_vec::<f32>().unwrap();
    values.chunks_mut(8).for_each(<[f32]>::reverse);
    key = Tensor::new(&[1, 2, 8], values).unwrap();
    let mut values = value.into_vec::<f32>().unwrap();
    values.iter_mut().for_each(|value| *value *= 2.0);
    value = Tensor::new(&[1, 2, 8], values).unwrap();
    let lasts = Some(Tensor::vector(vec![1i32]));
    let inputs = [Some(query), Some(key), Some(value), None, None, lasts, Some(Tensor::vector(vec![2i32]))];
    let heads = [("num_heads", int(1)), ("kv_num_heads", int(1))];
    let cases: [(Attributes, [f32; 4]); 3] = [
        (&[("causal", int(0)), ("qk_output", int(1))], [1.71726, 0.2814, 0.2814, -2.6264]),
        (&[("qk_output", int(1))], [1.71726, 0.0, 0.2814, -2.6264]),
        (&[("qk_output", int(2)), ("softcap", Attribute::Float(1.0))], [1.0, 0.0, 0.77968, 0.22032]),
    ];
    for (own, expected) in cases {
        let attributes: Vec<_> = heads.iter().chain(own).cloned().collect();
        check("GroupQueryAttention", &attributes, &inputs, &[None, None, None, floats(&[1, 1, 2, 2], &expected)]);
    }
    let attributes: Vec<_> = heads.iter().cloned().chain([("causal", int(0))]).collect();
    let mut plain = attributes.clone();
    plain.push(("local_window_size", int(2)));
    assert!(make("GroupQueryAttention", &plain, &[true; 7], 1).is_err());
    // Inputs of a quantised cache.
    assert!(make("GroupQueryAttention", &attributes, &[true; 13], 1).is_err());
}

#[test]
fn positions_of_packed_samples_may_be_more_than_angles() {
    let positions = Some(matrix(&[[0i64, 1, 1, 0]]));
    let inputs = [
        Some(ramp(&[1, 4, 2])),
        positions,
        floats(&[2, 1], &[-1.57143, 0.42857]),
        floats(&[2, 1], &[-0.57143, 1.42857]),
    ];
    let attributes = [("is_packed_batching", int(1)), ("num_heads", int(1))];
    let expected = [2.71429, 0.22449, -2.0, -0.73469, 1.97959, -0.81633, -1.30612, 0.79592];
    check("RotaryEmbedding", &attributes, &inputs, &[floats(&[1, 4, 2], &expected)]);
}

#[test]
fn a_mask_of_one_column_is_none() {
    let masked = |mask: Option<Tensor>| {
        let operator = make("Attention", &[("num_heads", int(1))], &[true, true, true, mask.is_some()], 1).unwrap();
        let inputs = [Some(ramp(&[1, 3, 2])), Some(ramp(&[2, 6])), Some(ramp(&[6])), mask];
        let inputs = inputs.map(|input| input.map_or(Input::Missing, |tensor| Input::Owned(tensor.into())));
        let outputs = operator(&mut Call::new(inputs.into_iter().collect(), 4, &[true])).unwrap();
        outputs.into_iter().next().unwrap().into_tensor().unwrap()
    };
    assert_eq!(masked(Some(matrix(&[[0i32]]))), masked(None));
}

#[test]
fn texts_and_numbers_are_hashed() {
    let texts = Some(Tensor::vector(["", "a", "hello"].map(str::to_string).to_vec()));
    check("MurmurHash3", &[], &[texts], &[Some(Tensor::vector(vec![0u32, 1009084850, 613153351]))]);
    let attributes = [("positive", int(0)), ("seed", int(42))];
    let numbers = Some(Tensor::vector(vec![1i64, -2]));
    check("MurmurHash3", &attributes, &[numbers], &[Some(Tensor::vector(vec![-1712319331i32, -981642528]))]);
}
