//! The ONNX backend node tests: what is accepted must be right.

use std::collections::BTreeMap;
use std::path::Path;

use edgewise::session::Session;
use prost::Message;
use tract_onnx::pb::TensorProto;
use tract_onnx::prelude::{Datum, Tensor};

use crate::onnx::read;

fn read_tensor(path: &Path) -> Option<Tensor> {
    let proto = TensorProto::decode(&*std::fs::read(path).ok()?).ok()?;
    tract_onnx::tensor::load_tensor(&tract_onnx::data_resolver::MmapDataResolver, &proto, None).ok()
}

fn compare(actual: &Tensor, expected: &Tensor) -> Result<(), String> {
    if actual.shape() != expected.shape() || actual.datum_type() != expected.datum_type() {
        return Err(format!("{actual:?} for {expected:?}"));
    }
    if actual.datum_type() == String::datum_type() {
        return if actual == expected { Ok(()) } else { Err("strings".into()) };
    }
    let a = actual.cast_to::<f64>().unwrap();
    let e = expected.cast_to::<f64>().unwrap();
    let (a, e) = (a.to_plain_array_view::<f64>().unwrap(), e.to_plain_array_view::<f64>().unwrap());
    for (a, e) in a.iter().zip(e.iter()) {
        let same = a == e || (a.is_nan() && e.is_nan()) || (a - e).abs() <= 1e-3 * e.abs() + 1e-4;
        if !same {
            return Err(format!("{a} for {e}"));
        }
    }
    Ok(())
}

fn run(folder: &Path) -> (&'static str, String) {
    let model = match read(&std::fs::read(folder.join("model.onnx")).unwrap()) {
        Ok(model) => model,
        Err(error) => return ("refused", error.to_string()),
    };
    let data = folder.join("test_data_set_0");
    let mut inputs = vec![];
    for (index, info) in model.inputs.iter().enumerate() {
        match read_tensor(&data.join(format!("input_{index}.pb"))) {
            Some(tensor) => inputs.push((info.name.clone(), tensor)),
            None => return ("skipped", "input".into()),
        }
    }
    let mut session = match Session::new(model, &BTreeMap::new()) {
        Ok(session) => session,
        Err(error) => return ("refused", error.to_string()),
    };
    // The second run is the one that shows what the first has left behind.
    match session.run(inputs.clone(), None).and_then(|_| session.run(inputs, None)) {
        Err(error) => ("failed", error.to_string()),
        Ok(outputs) => {
            for (index, (_, actual)) in outputs.iter().enumerate() {
                let Some(expected) = read_tensor(&data.join(format!("output_{index}.pb"))) else {
                    return ("skipped", "output".into());
                };
                if let Err(why) = compare(actual, &expected) {
                    return ("wrong", why);
                }
            }
            ("passed", String::new())
        }
    }
}

/// What is accepted and not right: one float16 case, which is off by one unit in the last place.
const WRONG: [&str; 1] = ["test_causal_conv_with_state_silu_fp16_expanded"];

#[test]
#[ignore = "needs the ONNX node tests: EDGEWISE_NODE_TESTS=DIR cargo test -- --ignored --nocapture"]
fn what_is_accepted_is_right() {
    let root = std::env::var("EDGEWISE_NODE_TESTS").unwrap();
    let mut folders: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.join("model.onnx").exists());
    folders.sort();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = vec![];
    for folder in folders {
        let name = folder.file_name().unwrap().to_string_lossy().to_string();
        let (result, why) = run(&folder);
        *counts.entry(result).or_default() += 1;
        println!("{result} {name} {}", why.replace('\n', " "));
        if result == "wrong" {
            wrong.push(name);
        }
    }
    println!("{counts:?}");
    assert_eq!(wrong, WRONG);
    assert!(counts.get("passed") >= Some(&1181));
}
