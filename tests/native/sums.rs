//! Reductions, normalisation, sums of products and attention, against values of onnxruntime.

use edgewise::error::Result;
use edgewise::tensor::Tensor;
use edgewise::value::Value;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::{AttributeProto, GraphProto, NodeProto, OperatorSetIdProto, ValueInfoProto};

use crate::onnx::{DataType, int, load, model, value};

fn attribute(name: &str, r#type: AttributeType) -> AttributeProto {
    AttributeProto { name: name.to_string(), r#type: r#type as i32, ..AttributeProto::default() }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto { ints: values.to_vec(), ..attribute(name, AttributeType::Ints) }
}

fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { f, ..attribute(name, AttributeType::Float) }
}

fn text(name: &str, text: &str) -> AttributeProto {
    AttributeProto { s: text.as_bytes().to_vec(), ..attribute(name, AttributeType::String) }
}

fn ramp(dims: &[usize]) -> Tensor {
    let count: usize = dims.iter().product();
    Tensor::new(dims, (0..count).map(|index| ((index * 7 % 11) as f32 - 5.0) / 4.0).collect()).unwrap()
}

fn run(op: &str, opset: i64, attribute: Vec<AttributeProto>, inputs: Vec<Tensor>) -> Result<Vec<Value>> {
    run_some(op, opset, attribute, inputs.into_iter().map(Some).collect(), 1)
}

/// Runs an operator of which some inputs may be left out.
fn run_some(
    op: &str,
    opset: i64,
    attribute: Vec<AttributeProto>,
    inputs: Vec<Option<Tensor>>,
    outputs: usize,
) -> Result<Vec<Value>> {
    let (domain, op) = op.rsplit_once('.').unwrap_or(("", op));
    let name = |(index, input): (usize, &Option<Tensor>)| input.as_ref().map_or(String::new(), |_| format!("i{index}"));
    let all: Vec<String> = inputs.iter().enumerate().map(name).collect();
    let names: Vec<String> = all.iter().filter(|name| !name.is_empty()).cloned().collect();
    let inputs: Vec<Tensor> = inputs.into_iter().flatten().collect();
    let results: Vec<String> = (0..outputs).map(|index| format!("o{index}")).collect();
    let node = NodeProto {
        op_type: op.to_string(),
        domain: domain.to_string(),
        input: all,
        output: results.clone(),
        attribute,
        ..NodeProto::default()
    };
    let declare = |name: &String, tensor: &Tensor| {
        let data_type = DataType::try_from(tensor.element_type().onnx()).unwrap();
        value(name, data_type, &vec!["?"; tensor.rank()].join(" "))
    };
    let untyped = |name: &String| ValueInfoProto { name: name.clone(), ..ValueInfoProto::default() };
    let mut proto = model(GraphProto {
        node: vec![node],
        input: names.iter().zip(&inputs).map(|(name, tensor)| declare(name, tensor)).collect(),
        output: results.iter().map(untyped).collect(),
        ..GraphProto::default()
    });
    proto.opset_import[0].version = opset;
    proto.opset_import.push(OperatorSetIdProto { domain: "com.microsoft".to_string(), version: 1 });
    let inputs = names.into_iter().zip(inputs.into_iter().map(Value::Tensor)).collect();
    Ok(load(&proto)?.run(inputs, None)?.into_iter().map(|(_, value)| value).collect())
}

type Case = (&'static str, i64, Vec<AttributeProto>, &'static [&'static [usize]], &'static [usize], &'static [f32]);

#[test]
fn floats_agree_with_onnxruntime() {
    #[rustfmt::skip]
    #[allow(clippy::approx_constant)]
    let cases: Vec<Case> = vec![
        ("LogSoftmax", 17, vec![], &[&[2, 3]], &[2, 3], &[-2.182856, -0.4328555, -1.432855, -0.4076059, -1.407606, -2.407606]),
        ("Softmax", 11, vec![], &[&[2, 3, 2]], &[2, 3, 2], &[0.03678566, 0.2116869, 0.07787525, 0.4481411, 0.1648619, 0.0606493, 0.3739828, 0.1375806, 0.05061308, 0.2912581, 0.1071479, 0.03941751]),
        ("Softmax", 17, vec![int("axis", 1)], &[&[2, 3, 2]], &[2, 3, 2], &[0.1316016, 0.2938148, 0.2786007, 0.6220059, 0.5897977, 0.08417934, 0.7033139, 0.2938148, 0.09518319, 0.6220059, 0.2015028, 0.08417934]),
        ("LayerNormalization", 17, vec![], &[&[2, 5], &[5], &[5]], &[2, 5], &[0.6454254, 0.7624435, -0.1792357, 2.999624, 0.3083208, -0.06415534, 1.13245, -0.5, -0.3311262, 0.4871689]),
        ("InstanceNormalization", 17, vec![], &[&[1, 2, 5], &[2], &[2]], &[1, 2, 5], &[0.6454257, -1.906109, -0.4480891, -2.999624, -1.541604, 0.02566215, 1.13245, 0.5, -0.1324505, 0.9743378]),
        ("GroupNormalization", 21, vec![int("num_groups", 2)], &[&[1, 4, 3], &[4], &[4]], &[1, 4, 3], &[0.4913026, -2.120651, -0.6281062, 1.296024, 0.699006, 0.101988, -1.18098, -0.5756645, 0.02965105, 2.574128, 1.060839, -0.4524498]),
        ("LRN", 17, vec![int("size", 3), float("alpha", 1.0)], &[&[1, 4, 2, 1]], &[1, 4, 2, 1], &[-0.8769461, 0.3507784, -0.3474001, 0.8071738, 0.1904294, -0.5019169, 0.7966102, 0.0]),
        ("LpNormalization", 17, vec![int("axis", 0)], &[&[2, 3]], &[2, 3], &[-0.7071068, 0.8944272, -0.5547002, 0.7071068, 0.4472136, -0.8320503]),
        ("ReduceLogSumExp", 18, vec![int("keepdims", 0)], &[&[2, 3]], &[], &[2.052647]),
        ("ReduceMean", 17, vec![ints("axes", &[0, 2]), int("keepdims", 0)], &[&[2, 3, 2, 2]], &[3, 2], &[0.0, 0.375, 0.125, -0.1875, -0.4375, -0.0625]),
        ("ReduceSum", 11, vec![ints("axes", &[0])], &[&[0, 3]], &[1, 3], &[0.0, 0.0, 0.0]),
        ("ReduceL2", 17, vec![ints("axes", &[-1])], &[&[2, 6]], &[2, 1], &[2.061553, 2.046338]),
        ("Einsum", 17, vec![text("equation", "bij,bjk->kbi")], &[&[2, 3, 2], &[2, 2, 3]], &[3, 2, 3], &[2.1875, 2.1875, -1.25, 1.0, -0.4375, -1.1875, -0.5, 0.0625, -0.0625, 0.0, -0.1875, 0.3125, 0.25, -0.6875, 0.4375, -1.0, 0.0625, 1.8125]),
        ("Einsum", 17, vec![text("equation", "ii")], &[&[3, 3]], &[], &[-2.0]),
        ("Einsum", 17, vec![text("equation", "...ij,kj,k->...ki")], &[&[2, 1, 2], &[3, 2], &[3]], &[2, 3, 1], &[-2.265625, 0.625, 0.34375, -1.5625, 0.90625, 0.53125]),
        ("Attention", 23, vec![int("q_num_heads", 2), int("kv_num_heads", 2), int("is_causal", 1)], &[&[1, 2, 4], &[1, 3, 4], &[1, 3, 4]], &[1, 2, 4], &[-1.25, 0.5, -0.5, 1.25, -0.1749723, -0.3958564, 0.614225, 0.3214791]),
        ("Attention", 23, vec![float("softcap", 0.5)], &[&[1, 4, 1, 2], &[1, 2, 3, 2], &[1, 2, 3, 2]], &[1, 4, 1, 2], &[-0.6816499, 0.5872403, -0.687009, 0.6120462, 0.04122315, -0.4173451, 0.2322013, -0.1884834]),
        ("com.microsoft.MultiHeadAttention", 17, vec![int("num_heads", 2)], &[&[1, 2, 4], &[1, 3, 4], &[1, 3, 4]], &[1, 2, 4], &[-1.017888, 0.5027194, -0.2549055, 0.8680461, -0.3448771, -0.1598807, 0.4112718, -0.04756448]),
        ("com.microsoft.SkipLayerNormalization", 17, vec![], &[&[1, 2, 4], &[1, 2, 4], &[4], &[4]], &[1, 2, 4], &[0.3913305, 0.7626128, -0.2373872, 2.89133, -1.5, -0.2, -1.2, 1.0]),
        ("Det", 17, vec![], &[&[3, 3]], &[], &[0.6874999]),
        ("com.microsoft.Inverse", 17, vec![], &[&[2, 2]], &[2, 2], &[-0.952381, 0.3809524, -0.3809524, 0.952381]),
    ];
    for (op, opset, attributes, inputs, dims, expected) in cases {
        let outputs = run(op, opset, attributes, inputs.iter().map(|dims| ramp(dims)).collect()).unwrap();
        let actual = outputs[0].tensor().unwrap();
        assert_eq!(actual.dims(), dims, "{op}");
        for (a, e) in actual.slice::<f32>().unwrap().iter().zip(expected) {
            assert!((a - e).abs() <= 2e-5 * (1.0 + e.abs()), "{op}: {a} for {e}");
        }
    }
}

#[test]
fn integers_keep_their_type() {
    let x = || Tensor::new(&[2, 3], vec![200u8, 100, 7, 3, 250, 9]).unwrap();
    let sum = run("ReduceMax", 18, vec![], vec![x(), Tensor::vector(vec![1i64])]).unwrap();
    assert_eq!(*sum[0].tensor().unwrap(), Tensor::new(&[2, 1], vec![200u8, 250]).unwrap());
    let large = Tensor::vector(vec![u64::MAX, 1]);
    let max = run("ReduceMax", 18, vec![int("keepdims", 0)], vec![large]).unwrap();
    assert_eq!(*max[0].tensor().unwrap(), Tensor::scalar(u64::MAX));
    let mean = run("ReduceMean", 17, vec![int("keepdims", 0)], vec![Tensor::vector(vec![-7i32, 2])]).unwrap();
    assert_eq!(*mean[0].tensor().unwrap(), Tensor::scalar(-2i32));
    let last = vec![int("axis", -1), int("keepdims", 0), int("select_last_index", 1)];
    let best = run("ArgMax", 13, last, vec![Tensor::new(&[2, 3], vec![1i8, 5, 5, 9, 0, 9]).unwrap()]).unwrap();
    assert_eq!(*best[0].tensor().unwrap(), Tensor::vector(vec![2i64, 2]));
    let product = vec![text("equation", "i,i->")];
    let product = run("Einsum", 12, product, vec![Tensor::vector(vec![2i32, 3]), Tensor::vector(vec![5i32, -7])]);
    assert_eq!(*product.unwrap()[0].tensor().unwrap(), Tensor::scalar(-11i32));
}

#[test]
fn losses_weigh_classes_and_skip_one() {
    let targets = || Tensor::vector(vec![1i64, 3, 0]);
    let weights = || Tensor::vector(vec![1f32, 2.0, 3.0, 4.0]);
    let skip = vec![int("ignore_index", 3)];
    let loss = run("NegativeLogLikelihoodLoss", 13, skip, vec![ramp(&[3, 4]), targets(), weights()]).unwrap();
    let x = ramp(&[3, 4]);
    let x = x.slice::<f32>().unwrap();
    let expected = -(2.0 * x[1] + x[8]) / 3.0;
    assert!((loss[0].tensor().unwrap().only::<f32>().unwrap() - expected).abs() < 1e-6);
    let far = Tensor::vector(vec![1i64, 4, 0]);
    let error = run("SoftmaxCrossEntropyLoss", 13, vec![], vec![ramp(&[3, 4]), far]).unwrap_err();
    assert!(error.message.contains("class 4 is none of 4"), "{error}");
}

#[test]
fn what_does_not_fit_is_an_error() {
    type Case = (&'static str, Vec<AttributeProto>, &'static [&'static [usize]]);
    let cases: [Case; 8] = [
        ("ReduceSum", vec![], &[&[2, 3], &[1]]),
        ("ArgMax", vec![int("axis", 1)], &[&[2, 0]]),
        ("LayerNormalization", vec![], &[&[2, 3], &[4]]),
        ("BatchNormalization", vec![], &[&[2, 3], &[2], &[3], &[3], &[3]]),
        ("GroupNormalization", vec![int("num_groups", 2)], &[&[1, 3, 2], &[3], &[3]]),
        ("Einsum", vec![text("equation", "ij,jk->ik")], &[&[2, 3], &[2, 3]]),
        ("Attention", vec![], &[&[1, 2, 3, 4], &[1, 2, 3, 5], &[1, 2, 3, 4]]),
        ("Det", vec![], &[&[2, 3]]),
    ];
    for (op, attributes, inputs) in cases {
        assert!(run(op, 23, attributes, inputs.iter().map(|dims| ramp(dims)).collect()).is_err(), "{op}");
    }
}

/// Four tokens at once, and three and then one with what these leave behind.
#[test]
fn a_cache_of_keys_changes_nothing() {
    let run = |query: Tensor, past: Option<[Tensor; 2]>, total: i32| {
        let attributes = || {
            let counts = vec![int("num_heads", 4), int("kv_num_heads", 2), int("do_rotary", 1)];
            counts.into_iter().chain([int("local_window_size", 3)]).collect()
        };
        let [key, value] = past.map_or([None, None], |past| past.map(Some));
        let angles = [f32::cos as fn(f32) -> f32, f32::sin].map(|angle| {
            Tensor::new(&[6, 3], (0..18).map(|at| angle((at / 3) as f32 / (at % 3 + 1) as f32)).collect())
        });
        let [cosines, sines] = angles.map(Result::unwrap);
        let (last, total) = (Tensor::vector(vec![total - 1]), Tensor::scalar(total));
        let inputs = vec![Some(query), None, None, key, value, Some(last), Some(total), Some(cosines), Some(sines)];
        let outputs = run_some("com.microsoft.GroupQueryAttention", 17, attributes(), inputs, 3).unwrap();
        <[Tensor; 3]>::try_from(outputs.into_iter().map(|value| value.into_tensor().unwrap()).collect::<Vec<_>>())
            .unwrap()
    };
    let all = ramp(&[1, 4, 48]);
    let values = all.slice::<f32>().unwrap();
    let first = Tensor::new(&[1, 3, 48], values[..144].to_vec()).unwrap();
    let last = Tensor::new(&[1, 1, 48], values[144..].to_vec()).unwrap();
    let [whole, whole_keys, whole_values] = run(all.clone(), None, 4);
    let [_, keys, values] = run(first, None, 3);
    let [step, keys, values] = run(last, Some([keys, values]), 4);
    let pairs = [(&whole_keys, &keys), (&whole_values, &values)];
    assert!(pairs.iter().all(|(a, b)| a == b));
    let whole = &whole.slice::<f32>().unwrap()[72..];
    for (a, e) in step.slice::<f32>().unwrap().iter().zip(whole) {
        assert!((a - e).abs() < 1e-5, "{a} for {e}");
    }
}
