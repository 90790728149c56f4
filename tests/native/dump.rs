use crate::onnx::{read, read_value};
use edgewise::session::Session;
use std::collections::BTreeMap;
#[test]
#[ignore]
fn dump() {
    let folder = std::path::PathBuf::from(std::env::var("DUMP").unwrap());
    let model = read(&std::fs::read(folder.join("model.onnx")).unwrap()).unwrap();
    let infos = model.inputs.clone();
    let kind = model.outputs[0].kind;
    let mut session = Session::new(model, &BTreeMap::new()).unwrap();
    let data = folder.join("test_data_set_0");
    let inputs = infos
        .iter()
        .enumerate()
        .map(|(i, info)| (info.name.clone(), read_value(&data.join(format!("input_{i}.pb")), info.kind).unwrap()))
        .collect();
    let out = session.run(inputs, None).unwrap();
    let e = read_value(&data.join("output_0.pb"), kind).unwrap();
    let (a, e) = (
        out[0].1.tensor().unwrap().to_f64s().unwrap().into_owned(),
        e.tensor().unwrap().to_f64s().unwrap().into_owned(),
    );
    println!("{} values", a.len());
    for (i, (a, e)) in a.iter().zip(&e).enumerate() {
        if (a - e).abs() > 1e-4 {
            println!("{i}: {a} for {e}");
        }
    }
}
