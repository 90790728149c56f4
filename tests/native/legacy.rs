//! What operators say otherwise in operator sets before 7, beside numpy's results.

use edgewise::error::ErrorCode;
use edgewise::tensor::Tensor;
use prost::Message;
use tract_onnx::pb::AttributeProto;

use crate::elementwise::run;
use crate::onnx::{assert_close, float, int, ints, matrix, read, scale, text, vector};

fn count(dims: &[usize]) -> Tensor {
    Tensor::new(dims, (0..dims.iter().product::<usize>()).map(|value| value as f32).collect()).unwrap()
}

fn tensor(dims: &[usize], values: &[f32]) -> Tensor {
    Tensor::new(dims, values.to_vec()).unwrap()
}

type Row = (i64, &'static str, Vec<AttributeProto>, Vec<Tensor>, Tensor);

#[test]
#[rustfmt::skip]
fn old_attributes_mean_what_they_did() {
    let broadcast = |axis| vec![int("broadcast", 1), int("axis", axis)];
    let flags = |values: &[bool]| Tensor::new(&[2, 2], values.to_vec()).unwrap();
    let one = || Tensor::scalar(1f32);
    let rows: Vec<Row> = vec![
        (1, "Add a b -> y", broadcast(1), vec![count(&[1, 2, 2]), vector(&[10f32, 20.0])], tensor(&[1, 2, 2], &[10.0, 11.0, 22.0, 23.0])),
        (6, "Sub a b -> y", broadcast(0), vec![count(&[2, 2]), vector(&[1f32, 2.0])], tensor(&[2, 2], &[-1.0, 0.0, 0.0, 1.0])),
        (6, "Mul a b -> y", broadcast(0), vec![count(&[2, 2, 1]), matrix(&[[1f32, 2.0], [3.0, 4.0]])], tensor(&[2, 2, 1], &[0.0, 2.0, 6.0, 12.0])),
        (6, "Div a b -> y", vec![int("broadcast", 1)], vec![count(&[2, 2]), vector(&[1f32, 2.0])], tensor(&[2, 2], &[0.0, 0.5, 2.0, 1.5])),
        (1, "Pow a b -> y", broadcast(0), vec![count(&[2, 2]), vector(&[2f32, 3.0])], tensor(&[2, 2], &[0.0, 1.0, 8.0, 27.0])),
        (1, "Less a b -> y", broadcast(0), vec![count(&[2, 2]), vector(&[1f32, 3.0])], flags(&[true, false, true, false])),
        (1, "Xor a b -> y", broadcast(0), vec![flags(&[true, false, true, false]), vector(&[true, false])], flags(&[false, true, true, false])),
        (6, "PRelu a b -> y", vec![], vec![tensor(&[1, 2, 2], &[-1.0, 1.0, -2.0, -3.0]), vector(&[0.5f32, 2.0])], tensor(&[1, 2, 2], &[-0.5, 1.0, -4.0, -6.0])),
        (6, "Gemm a b c -> y", vec![int("broadcast", 1)], vec![count(&[2, 2]), count(&[2, 2]), vector(&[1f32, 2.0])], tensor(&[2, 2], &[3.0, 5.0, 7.0, 13.0])),
        (1, "Cast a -> y", vec![text("to", "INT64")], vec![vector(&[1.5f32, -2.5])], vector(&[1i64, -2])),
        (1, "Cast a -> y", vec![text("to", "DOUBLE")], vec![vector(&[1i32])], vector(&[1f64])),
        (1, "Concat a b -> y", vec![], vec![count(&[2, 1]), count(&[2, 1])], tensor(&[2, 2], &[0.0, 0.0, 1.0, 1.0])),
        (1, "Reshape a -> y", vec![ints("shape", &[0, -1]), ints("consumed_inputs", &[0])], vec![count(&[2, 1, 2])], count(&[2, 2])),
        (1, "Pad a -> y", vec![ints("paddings", &[0, 1, 0, 0]), float("value", 7.0)], vec![count(&[1, 2])], tensor(&[1, 3], &[7.0, 0.0, 1.0])),
        (1, "Tile a b c -> y", vec![], vec![count(&[2, 1]), Tensor::scalar(2f32), one()], tensor(&[2, 2], &[0.0, 0.0, 1.0, 1.0])),
        (1, "TopK a -> y", vec![int("k", 2)], vec![vector(&[1f32, 3.0, 2.0])], vector(&[3f32, 2.0])),
        (1, "Upsample a -> y", vec![float("height_scale", 1.0), float("width_scale", 2.0)], vec![count(&[1, 1, 1, 2])], tensor(&[1, 1, 1, 4], &[0.0, 0.0, 1.0, 1.0])),
        (1, "Upsample a -> y", vec![float("height_scale", 1.0), float("width_scale", 2.0), text("mode", "bilinear")], vec![count(&[1, 1, 1, 2])], tensor(&[1, 1, 1, 4], &[0.0, 0.5, 1.0, 1.0])),
        (1, "Selu a -> y", vec![], vec![vector(&[-20f32, 1.0])], vector(&[-1.758031f32, 1.0507])),
        (6, "Selu a -> y", vec![], vec![vector(&[-20f32, 1.0])], vector(&[-1.7580993f32, 1.050701])),
        (6, "Clip a -> y", vec![float("max", 1.0)], vec![vector(&[-9f32, 2.0])], vector(&[-9f32, 1.0])),
        (6, "Dropout a -> y", vec![int("is_test", 1)], vec![count(&[3])], count(&[3])),
        (1, "GlobalLpPool a -> y", vec![float("p", 1.0)], vec![count(&[1, 1, 2, 2])], tensor(&[1, 1, 1, 1], &[6.0])),
        (1, "LpPool a -> y", vec![float("p", 3.0), ints("kernel_shape", &[2, 2])], vec![count(&[1, 1, 2, 2])], tensor(&[1, 1, 1, 1], &[36f32.cbrt()])),
        (1, "Slice a -> y", vec![ints("starts", &[1]), ints("ends", &[9])], vec![count(&[3])], vector(&[1f32, 2.0])),
        (1, "Squeeze a -> y", vec![ints("axes", &[0])], vec![count(&[1, 2])], count(&[2])),
    ];
    for (version, node, attributes, inputs, expected) in rows {
        let about = format!("{node} {version} {attributes:?}");
        let y = run(version, &[(node, attributes)], &inputs, expected.element_type()).unwrap();
        assert!(y == expected || y.element_type().is_float(), "{about}: {y}");
        if expected.element_type().is_float() {
            assert_close(&y, &expected, 1e-6, &about);
        }
    }
}

#[test]
fn what_old_operator_sets_do_not_say_is_refused() {
    let attempt = |node, attributes, b: &[f32]| {
        let inputs = [count(&[2, 2]), vector(b)];
        run(6, &[(node, attributes)], &inputs, edgewise::tensor::ElementType::Float32).unwrap_err()
    };
    let error = attempt("Dropout a -> y", vec![float("ratio", 0.3)], &[1.0]);
    assert!(error.code == ErrorCode::OpUnsupported && error.to_string().contains("Dropout with is_test=0"), "{error}");
    let error = attempt("Add a b -> y", vec![int("broadcast", 1), int("axis", 2)], &[1.0, 2.0]);
    assert!(error.to_string().contains("axis 2"), "{error}");
    let error = attempt("Add a b -> y", vec![int("broadcast", 1), int("axis", -1)], &[1.0, 2.0]);
    assert_eq!(error.code, ErrorCode::ModelInvalid, "{error}");
}

#[test]
fn files_from_before_operator_sets_use_the_first() {
    let mut model = scale();
    (model.ir_version, model.opset_import) = (2, vec![]);
    assert!(read(&model.encode_to_vec()).is_ok());
    model.ir_version = 3;
    assert_eq!(read(&model.encode_to_vec()).unwrap_err().code, ErrorCode::ModelInvalid);
}
