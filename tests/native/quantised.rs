//! Quantisation and operators on quantised tensors.

use edgewise::error::Result;
use edgewise::graph::{Attribute, Node};
use edgewise::ops::{Call, Input, Spec, find};
use edgewise::tensor::{ElementType, Tensor};
use edgewise::value::Value;

/// Runs an operator; the inputs numbered in `known` are known at load.
fn run(
    name: &str,
    attributes: &[(&str, Attribute)],
    inputs: &[Option<Tensor>],
    known: &[usize],
) -> Result<Vec<Tensor>> {
    let entry = find("ai.onnx", name).or_else(|| find("com.microsoft", name)).unwrap();
    let node = Node {
        op: name.to_string(),
        opset: 25,
        attributes: attributes.iter().map(|(name, value)| (name.to_string(), value.clone())).collect(),
        inputs: (0..inputs.len()).map(|index| inputs[index].as_ref().map(|_| index)).collect(),
        outputs: vec![Some(0); 3],
        ..Node::default()
    };
    let constants = (0..inputs.len()).map(|index| inputs[index].clone().filter(|_| known.contains(&index))).collect();
    let operator = (entry.make)(&mut Spec::new(&node, constants, vec![]))?;
    let inputs = inputs.iter().map(|input| input.clone().map_or(Input::Missing, |tensor| Input::Owned(tensor.into())));
    let outputs = operator(&mut Call::new(inputs.collect(), node.inputs.len(), &[true; 3]))?;
    outputs.into_iter().map(Value::into_tensor).collect()
}

fn one(name: &str, attributes: &[(&str, Attribute)], inputs: &[Option<Tensor>]) -> Tensor {
    run(name, attributes, inputs, &[]).unwrap().swap_remove(0)
}

fn tensor<T: edgewise::tensor::Element>(dims: &[usize], values: &[T]) -> Option<Tensor> {
    Some(Tensor::new(dims, values.to_vec()).unwrap())
}

fn bits(element_type: ElementType, dims: &[usize], values: &[u8]) -> Option<Tensor> {
    Some(Tensor::from_bits(element_type, dims, values.to_vec()).unwrap())
}

fn scalar<T: edgewise::tensor::Element>(value: T) -> Option<Tensor> {
    Some(Tensor::scalar(value))
}

/// Numbers that look drawn at random, the extremes often.
fn draw(count: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1664525).wrapping_add(1013904223);
        [255, 128, 0, (state >> 16) as u8, (state >> 16) as u8][(state >> 24) as usize % 5]
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn values_become_levels() {
    let x = tensor(&[2, 3], &[0.5f32, 1.5, -1.5, 300.0, f32::NAN, -0.5]);
    let int = Attribute::Int;
    // Scale, zero point, attributes and levels.
    type Case<'a> = (Option<Tensor>, Option<Tensor>, Vec<(&'a str, Attribute)>, Tensor);
    let cases: [Case; 6] = [
        (scalar(1f32), None, vec![], bits(ElementType::Uint8, &[2, 3], &[0, 2, 0, 255, 0, 0]).unwrap()),
        (scalar(1f32), scalar(-1i8), vec![], tensor(&[2, 3], &[-1i8, 1, -3, 127, -128, -1]).unwrap()),
        (
            tensor(&[3], &[0.5f32, 1.0, 0.25]),
            tensor(&[3], &[1i16, 2, 3]),
            vec![],
            tensor(&[2, 3], &[2i16, 4, -3, 601, -32768, 1]).unwrap(),
        ),
        (
            tensor(&[2, 2], &[0.5f32, 0.25, 1.0, 2.0]),
            None,
            vec![("axis", int(-1)), ("block_size", int(2)), ("output_dtype", int(22))],
            bits(ElementType::Int4, &[2, 3], &[1, 3, 250, 7, 248, 0]).unwrap(),
        ),
        (
            scalar(1f32),
            None,
            vec![("output_dtype", int(17))],
            bits(ElementType::Float8E4M3Fn, &[2, 3], &[0x30, 0x3c, 0xbc, 0x79, 0x7f, 0xb0]).unwrap(),
        ),
        (
            scalar(0.25f32),
            None,
            vec![("output_dtype", int(17)), ("saturate", int(0))],
            bits(ElementType::Float8E4M3Fn, &[2, 3], &[0x40, 0x4c, 0xcc, 0x7f, 0x7f, 0xc0]).unwrap(),
        ),
    ];
    for (scale, zero, attributes, expected) in cases {
        let actual = one("QuantizeLinear", &attributes, &[x.clone(), scale, zero]);
        assert_eq!((&actual, actual.as_bytes()), (&expected, expected.as_bytes()));
    }
    let misfit = run("QuantizeLinear", &[], &[x, tensor(&[2], &[1f32, 2.0]), None], &[]).unwrap_err();
    assert_eq!(misfit.message, "scales of dims [2] do not fit a tensor of dims [2, 3]");
}

#[test]
fn levels_become_values() {
    let int = Attribute::Int;
    let x = bits(ElementType::Int4, &[2, 3], &[7, 248, 0, 1, 255, 2]);
    let scales = tensor(&[1, 3], &[0.5f32, 2.0, 1.0]);
    let zeros = bits(ElementType::Int4, &[1, 3], &[1, 0, 254]);
    let actual = one("DequantizeLinear", &[("axis", int(0)), ("block_size", int(2))], &[x, scales, zeros]);
    assert_eq!(actual.slice::<f32>().unwrap(), [3.0, -16.0, 2.0, 0.0, -2.0, 4.0]);
    let x = tensor(&[3], &[-2i32, 0, i32::MAX]);
    let actual = one("DequantizeLinear", &[], &[x, tensor(&[3], &[0.5f32, 1.0, 2.0]), None]);
    assert_eq!(actual.slice::<f32>().unwrap(), [-1.0, 0.0, 4294967300.0]);
    let outputs = run("DynamicQuantizeLinear", &[], &[tensor(&[4], &[0.0f32, 2.0, -3.0, -2.5])], &[]).unwrap();
    assert_eq!(outputs[0].slice::<u8>().unwrap(), [153, 255, 0, 26]);
    assert_eq!(outputs[1].only::<f32>().unwrap(), 0.019607844);
    assert_eq!(outputs[2].only::<u8>().unwrap(), 153);
}

#[test]
fn rows_and_columns_have_zero_points() {
    let (m, k, n) = (5, 19, 11);
    let (a, b) = (draw(2 * m * k, 1), draw(2 * k * n, 2));
    let (a_zeros, b_zeros) = (draw(2 * m, 3), draw(2 * n, 4));
    let inputs = [
        bits(ElementType::Uint8, &[2, m, k], &a),
        bits(ElementType::Int8, &[2, k, n], &b),
        bits(ElementType::Uint8, &[2, m, 1], &a_zeros),
        bits(ElementType::Int8, &[2, 1, n], &b_zeros),
    ];
    let expected: Vec<i32> = (0..2 * m * n)
        .map(|index| {
            let (matrix, row, column) = (index / (m * n), index / n % m, index % n);
            let product = |k_: usize| {
                let left = i32::from(a[(matrix * m + row) * k + k_]) - i32::from(a_zeros[matrix * m + row]);
                let right = i32::from(b[(matrix * k + k_) * n + column] as i8);
                left * (right - i32::from(b_zeros[matrix * n + column] as i8))
            };
            (0..k).map(product).sum()
        })
        .collect();
    for known in [&[][..], &[1, 3]] {
        // What is consumed at load is not given to calls; here it is given, and must not be needed.
        let actual = run("MatMulInteger", &[], &inputs, known).unwrap();
        assert_eq!(actual[0].slice::<i32>().unwrap(), expected);
    }
    let error = run("MatMulInteger", &[], &[inputs[0].clone(), tensor(&[3, 2], &[1i8; 6])], &[]).unwrap_err();
    assert_eq!(error.message, "rows of 19 elements and columns of 3 do not fit together");
}

#[test]
fn convolutions_are_exact() {
    let ints = |values: &[i64]| Attribute::Ints(values.to_vec());
    // Channels and outputs of a group, groups, height and width.
    for (index, [c, m, groups, height, width]) in
        [[3, 5, 1, 9, 40], [1, 1, 6, 8, 8], [2, 3, 2, 5, 7], [4, 8, 1, 1, 30]].into_iter().enumerate()
    {
        let (x, w) = (draw(2 * c * groups * height * width, 5), draw(m * groups * c * 3 * 2, 6));
        let (x_zero, w_zeros) = (100i32, draw(m * groups, 7));
        let (stride, dilation, pad) = (1 + index % 2, 1 + index / 2, 2);
        let attributes = [
            ("group", Attribute::Int(groups as i64)),
            ("strides", ints(&[1, stride as i64])),
            ("dilations", ints(&[1, dilation as i64])),
            ("pads", ints(&[pad, 1, pad, 0])),
        ];
        let inputs = [
            bits(ElementType::Uint8, &[2, c * groups, height, width], &x),
            bits(ElementType::Uint8, &[m * groups, c, 3, 2], &w),
            scalar(100u8),
            bits(ElementType::Uint8, &[m * groups], &w_zeros),
        ];
        let actual = run("ConvInteger", &attributes, &inputs, if index % 2 == 0 { &[1, 3] } else { &[] }).unwrap();
        let &[_, _, out_height, out_width] = actual[0].dims() else { panic!() };
        for (place, &actual) in actual[0].slice::<i32>().unwrap().iter().enumerate() {
            let (ox, oy) = (place % out_width, place / out_width % out_height);
            let (channel, image) =
                (place / out_width / out_height % (m * groups), place / out_width / out_height / m / groups);
            let mut sum = 0;
            for tap in 0..c * 6 {
                let (own, ky, kx) = (tap / 6, tap / 2 % 3, tap % 2);
                let (y, x_) = ((oy + ky).wrapping_sub(2), (ox * stride + kx * dilation).wrapping_sub(1));
                if y < height && x_ < width {
                    let at = ((image * groups + channel / m) * c + own) * height * width + y * width + x_;
                    let weight = i32::from(w[(channel * c + own) * 6 + ky * 2 + kx]) - i32::from(w_zeros[channel]);
                    sum += (i32::from(x[at]) - x_zero) * weight;
                }
            }
            assert_eq!(actual, sum, "case {index} at {place}");
        }
    }
}

#[test]
fn requantised_results_are_rounded_and_saturated() {
    let inputs = [
        tensor(&[1, 1, 1, 4], &[1u8, 3, 250, 0]),
        scalar(0.5f32),
        scalar(2u8),
        tensor(&[2, 1, 1, 1], &[1i8, -2]),
        tensor(&[2], &[1f32, 0.5]),
        tensor(&[2], &[0i8, 0]),
        scalar(1f32),
        scalar(10u8),
        tensor(&[2], &[0i32, 7]),
    ];
    let actual = one("QLinearConv", &[], &inputs);
    assert_eq!(actual.slice::<u8>().unwrap(), [10, 10, 134, 9, 12, 11, 0, 13]);
    let sum = one(
        "QLinearAdd",
        &[],
        &[
            tensor(&[2, 1], &[-128i8, 5]),
            scalar(1f32),
            scalar(0i8),
            tensor(&[2], &[4i8, 127]),
            scalar(0.5f32),
            None,
            scalar(1f32),
            scalar(1i8),
        ],
    );
    assert_eq!((sum.dims(), sum.slice::<i8>().unwrap()), (&[2, 2][..], &[-125i8, -64, 8, 70][..]));
    let mean = one(
        "QLinearReduceMean",
        &[("axes", Attribute::Ints(vec![1])), ("keepdims", Attribute::Int(0))],
        &[tensor(&[2, 2], &[10u8, 20, 0, 255]), scalar(0.5f32), scalar(10u8), scalar(0.25f32), scalar(3u8)],
    );
    assert_eq!((mean.dims(), mean.slice::<u8>().unwrap()), (&[2][..], &[13u8, 238][..]));
}

#[test]
fn packed_weights_are_gathered_and_multiplied() {
    let int = Attribute::Int;
    let weights: Vec<u8> = (0..16).map(|index| (index % 16) * 17).collect();
    let attributes = [("K", int(20)), ("N", int(1)), ("bits", int(4)), ("block_size", int(16))];
    let x: Vec<f32> = (0..20).map(|index| index as f32).collect();
    let inputs = [tensor(&[20], &x), tensor(&[1, 2, 8], &weights), tensor(&[2], &[1f32, 2.0])];
    let level = |k: usize| f32::from(weights[k / 2] & 15) - 8.0;
    let expected: f32 = (0..20).map(|k| x[k] * level(k) * if k < 16 { 1.0 } else { 2.0 }).sum();
    let actual = one("MatMulNBits", &attributes, &inputs);
    assert!((actual.only::<f32>().unwrap() - expected).abs() < 1e-2);
    let inputs = [
        tensor(&[2, 8], &weights),
        tensor(&[2], &[-1i64, 5]),
        tensor(&[2, 1], &[1f32, 0.5]),
        tensor(&[2, 1], &[9u8, 1]),
    ];
    let rows = one("GatherBlockQuantized", &[("block_size", int(16)), ("bits", int(4))], &inputs);
    let expected: Vec<f32> = (0..16).map(|index| (f32::from(weights[8 + index / 2] & 15) - 1.0) * 0.5).collect();
    assert_eq!(rows.dims(), [2, 16]);
    assert_eq!(rows.slice::<f32>().unwrap(), [expected, vec![0.0; 16]].concat());
}
