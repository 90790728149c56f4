//! Real models against the outputs of onnxruntime.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use edgewise::session::Session;
use edgewise::tensor::Tensor;
use edgewise::value::Value;
use ndarray::ArrayD;
use ndarray_npy::NpzReader;

use crate::onnx::read;

fn read_floats(path: &Path) -> Vec<(String, Value)> {
    let mut file = NpzReader::new(File::open(path).unwrap()).unwrap();
    let names = file.names().unwrap();
    let read = |name: String| {
        let array: ArrayD<f32> = file.by_name(&name).unwrap();
        let tensor = Tensor::new(array.shape(), array.iter().copied().collect()).unwrap();
        (name.trim_end_matches(".npy").to_string(), Value::Tensor(tensor))
    };
    names.into_iter().map(read).collect()
}

#[test]
fn mnist_matches_onnxruntime() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/mnist_cntk");
    let model = read(&std::fs::read(folder.join("model.onnx")).unwrap()).unwrap();
    let mut session = Session::new(model, &BTreeMap::new()).unwrap();
    for set in ["", "_2"] {
        let inputs = read_floats(&folder.join(format!("inputs{set}.npz")));
        let expected = read_floats(&folder.join(format!("outputs{set}.npz")));
        for ((name, actual), (_, expected)) in session.run(inputs, None).unwrap().iter().zip(&expected) {
            let (actual, expected) = (to_floats(actual), to_floats(expected));
            let largest = expected.iter().fold(0f32, |largest, value| largest.max(value.abs()));
            let worst = actual.iter().zip(&expected).map(|(a, e)| (a - e).abs()).fold(0f32, f32::max);
            assert!(worst <= 1e-4 * largest, "{name}: {worst} of {largest}");
        }
    }
}

fn to_floats(value: &Value) -> Vec<f32> {
    value.tensor().unwrap().to_f32s().unwrap().into_owned()
}
