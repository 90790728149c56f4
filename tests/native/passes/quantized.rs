//! Products of bytes that become numbers.

use tract_onnx::pb::TensorProto;

use super::{check, nodes, positive, weights};
use crate::onnx::{DataType, int, with};

#[test]
fn products_of_bytes_become_numbers_at_once() {
    let bytes = TensorProto {
        name: "w".to_string(),
        dims: vec![4, 3],
        data_type: DataType::Int8 as i32,
        raw_data: (0..12u8).map(|index| index.wrapping_mul(37)).collect(),
        ..TensorProto::default()
    };
    let zero = |name: &str| TensorProto { dims: vec![], raw_data: vec![3], name: name.to_string(), ..bytes.clone() };
    let k = |dims: &[i64]| {
        let count = dims.iter().product::<i64>() as usize;
        TensorProto { dims: dims.to_vec(), ..positive("k", count) }
    };
    let usual = |rest: &[&str]| {
        [
            nodes(&["DynamicQuantizeLinear x -> q s z", "Mul s k -> f", "MatMulInteger q w z v -> p"]),
            vec![with("Cast p -> c", vec![int("to", DataType::Float as i64)])],
            nodes(rest),
        ]
        .concat()
    };
    let own = |k: TensorProto| vec![bytes.clone(), zero("v"), k, weights("b", &[3]), weights("d", &[2, 1])];
    let x: Vec<&[usize]> = vec![&[2, 5, 4]];
    check(vec![
        ("one scale", usual(&["Mul c f -> y"]), own(k(&[])), x.clone(), 2),
        ("a scale for each column", usual(&["Mul f c -> y"]), own(k(&[3])), x.clone(), 2),
        ("and a bias", usual(&["Mul c f -> m", "Add b m -> y"]), own(k(&[1])), x.clone(), 2),
        ("and another sum", usual(&["Mul c f -> m", "Add m b -> n", "Add n b -> y"]), own(k(&[1])), x.clone(), 3),
        ("and no bias", usual(&["Mul c f -> m", "Add d m -> y"]), own(k(&[])), vec![&[2, 4]], 3),
        ("a scale of more axes", usual(&["Mul c f -> y"]), own(k(&[1, 1, 1, 3])), x.clone(), 5),
        ("a sum", usual(&["Add c f -> y"]), own(k(&[])), x.clone(), 5),
        ("read twice", usual(&["Mul c f -> m", "Add m c -> y"]), own(k(&[])), x, 6),
    ]);
}
