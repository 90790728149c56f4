//! Real models against the outputs of onnxruntime.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use edgewise::session::Session;
use ndarray_npy::NpzReader;
use tract_onnx::prelude::{IntoTensor, Tensor};
use tract_onnx::tract_hir::tract_ndarray::ArrayD;

use crate::onnx::read;

fn read_floats(path: &Path) -> Vec<(String, Tensor)> {
    let mut file = NpzReader::new(File::open(path).unwrap()).unwrap();
    let names = file.names().unwrap();
    let read = |name: String| {
        let array: ArrayD<f32> = file.by_name(&name).unwrap();
        (name.trim_end_matches(".npy").to_string(), array.into_tensor())
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
            let (actual, expected) = (actual.as_slice(), expected.as_slice());
            let largest = expected.iter().fold(0f32, |largest, value| largest.max(value.abs()));
            let worst = actual.iter().zip(&expected).map(|(a, e)| (a - e).abs()).fold(0f32, f32::max);
            assert!(worst <= 1e-4 * largest, "{name}: {worst} of {largest}");
        }
    }
}

trait AsSlice {
    fn as_slice(&self) -> Vec<f32>;
}

impl AsSlice for Tensor {
    fn as_slice(&self) -> Vec<f32> {
        self.to_plain_array_view::<f32>().unwrap().iter().copied().collect()
    }
}
