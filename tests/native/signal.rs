//! Spectra and windows against onnxruntime.

use edgewise::tensor::{Element, Tensor};
use edgewise::value::Value;
use tract_onnx::pb::{AttributeProto, GraphProto};

use crate::onnx::{DataType, int, load, model, node, value};

/// Numbers that look random and are the same in Python.
fn wave(dims: &[usize], seed: f64) -> Tensor {
    let count: usize = dims.iter().product();
    Tensor::new(dims, (0..count).map(|index| (index as f64 * 0.37 + seed).sin() as f32).collect()).unwrap()
}

fn integer(value: i64) -> Option<Tensor> {
    Some(Tensor::scalar(value))
}

/// Runs one node on inputs, some of which are left out.
fn run(op: &str, opset: i64, attributes: &[AttributeProto], inputs: &[Option<Tensor>]) -> Tensor {
    let mut layer = node(&format!("{op} -> o"));
    layer.attribute = attributes.to_vec();
    let mut graph = GraphProto { output: vec![value("o", DataType::Float, "")], ..GraphProto::default() };
    graph.output[0].r#type = None;
    let mut given = vec![];
    for (index, input) in inputs.iter().enumerate() {
        let name = input.as_ref().map_or(String::new(), |_| format!("i{index}"));
        layer.input.push(name.clone());
        let Some(tensor) = input else { continue };
        let types = [DataType::Float, DataType::Double, DataType::Int64];
        let data_type = types.into_iter().find(|&known| known as i32 == tensor.element_type().onnx()).unwrap();
        graph.input.push(value(&name, data_type, &vec!["?"; tensor.rank()].join(" ")));
        given.push((name, Value::Tensor(tensor.clone())));
    }
    graph.node = vec![layer];
    let mut model = model(graph);
    model.opset_import[0].version = opset;
    load(&model).unwrap().run(given, None).unwrap().remove(0).1.into_tensor().unwrap()
}

fn assert_close(actual: &Tensor, dims: &[usize], expected: &[f64]) {
    assert_eq!(actual.dims(), dims);
    for (a, e) in actual.to_f64s().unwrap().iter().zip(expected) {
        assert!((a - e).abs() < 2e-5, "{a} for {e}");
    }
}

#[test]
fn frames_of_a_signal_without_parts() {
    let inputs = [Some(wave(&[1, 10], 1.0)), integer(3), Some(wave(&[4], 2.0))];
    let expected = [
        1.86082, 0.0, 0.37984, -0.65616, 0.44008, 0.0, 1.31857, 0.0, 0.66791, -0.43086, 0.46674, 0.0, -0.68819, 0.0,
        0.21415, 0.27299, -0.02499, 0.0,
    ];
    assert_close(&run("STFT", 17, &[], &inputs), &[1, 3, 3, 2], &expected);
}

#[test]
fn frames_of_a_complex_signal() {
    let inputs = [Some(wave(&[1, 5, 2], 1.0)), integer(2), None, integer(3)];
    let expected =
        [2.44156, 2.1255, 0.53561, 0.08552, -0.45276, 0.7287, -0.19401, -1.07383, 1.4466, 0.40371, 0.59054, 1.53255];
    assert_close(&run("STFT", 17, &[int("onesided", 0)], &inputs), &[1, 2, 3, 2], &expected);
}

#[test]
fn half_a_spectrum_of_a_shortened_axis() {
    let inputs = [Some(wave(&[5, 2, 1], 1.0)), integer(4), integer(0)];
    let expected = [2.36324, 0.0, 1.69197, 0.0, 0.2271, -1.06405, 0.69243, -1.29165, 0.54845, 0.0, 0.8428, 0.0];
    assert_close(&run("DFT", 20, &[int("onesided", 1)], &inputs), &[3, 2, 2], &expected);
}

#[test]
fn the_way_back_of_a_spectrum_and_of_half_a_spectrum() {
    let expected =
        [0.9136, 0.91901, -0.07212, 0.0609, 0.26802, -0.07303, 0.34635, 0.3605, -0.86499, -0.93226, 0.13493, 0.00448];
    assert_close(&run("DFT", 17, &[int("inverse", 1)], &[Some(wave(&[3, 2, 2], 1.0))]), &[3, 2, 2], &expected);
    let inputs = [Some(wave(&[1, 3, 2], 1.0)), None, integer(1)];
    let expected = [0.85682, -0.37228, -0.1289, 0.48583];
    assert_close(&run("DFT", 20, &[int("inverse", 1), int("onesided", 1)], &inputs), &[1, 4, 1], &expected);
}

#[test]
fn there_and_back_is_where_it_began() {
    for size in [1, 2, 7, 37, 97, 360] {
        let signal = wave(&[2, size, 3, 1], 0.5);
        let wide = Tensor::new(signal.dims(), signal.to_f64s().unwrap().into_owned()).unwrap();
        for (signal, tolerance) in [(signal, 1e-5), (wide, 1e-13)] {
            let there = run("DFT", 17, &[], &[Some(signal.clone())]);
            let back = run("DFT", 17, &[int("inverse", 1)], &[Some(there)]);
            assert_eq!(back.dims(), [2, size, 3, 2]);
            let back = back.to_f64s().unwrap();
            for (index, sample) in signal.to_f64s().unwrap().iter().enumerate() {
                let error = (back[2 * index] - sample).abs() + back[2 * index + 1].abs();
                assert!(error < tolerance, "{size}: {error}");
            }
        }
    }
}

#[test]
fn windows_of_all_kinds() {
    let symmetric = [int("periodic", 0)];
    let cases: [(&str, &[AttributeProto], [f64; 4]); 4] = [
        ("HannWindow", &[], [0.0, 0.5, 1.0, 0.5]),
        ("HannWindow", &symmetric, [0.0, 0.75, 0.75, 0.0]),
        ("HammingWindow", &[], [0.0869565, 0.5434783, 1.0, 0.5434783]),
        ("BlackmanWindow", &symmetric, [0.0, 0.63, 0.63, 0.0]),
    ];
    for (op, attributes, expected) in cases {
        assert_close(&run(op, 17, attributes, &[integer(4)]), &[4], &expected);
        assert!(run(op, 17, attributes, &[integer(0)]).is_empty());
    }
    let whole = run("HannWindow", 17, &[int("output_datatype", 6)], &[integer(4)]);
    assert_eq!(whole, Tensor::vector(vec![0i32, 0, 1, 0]));
}

#[test]
fn triangles_on_the_mel_scale() {
    fn scalar<T: Element>(value: T) -> Option<Tensor> {
        Some(Tensor::scalar(value))
    }
    let inputs = [integer(3), integer(16), integer(8000), scalar(50f32), scalar(4000f32)];
    let mut expected = [0.0; 27];
    for (place, weight) in [(0, 1.0), (4, 1.0), (7, 0.5), (8, 0.5), (11, 1.0), (14, 0.5)] {
        expected[place] = weight;
    }
    assert_close(&run("MelWeightMatrix", 17, &[], &inputs), &[9, 3], &expected);
}
