//! The ONNX backend node tests: what is accepted must be right.
//!
//! `EDGEWISE_NODE_TESTS=DIR cargo test -- --ignored --nocapture what_is_accepted`; `EDGEWISE_ONLY=TEXT` runs the cases whose
//! names hold one of the words of TEXT.

use std::collections::BTreeMap;
use std::path::Path;

use edgewise::session::Session;
use edgewise::tensor::{ElementType, Tensor};
use edgewise::value::Value;

use crate::onnx::{read, read_value};

fn compare(actual: &Value, expected: &Value) -> Result<(), String> {
    match (actual, expected) {
        (Value::Tensor(actual), Value::Tensor(expected)) => compare_tensors(actual, expected),
        (Value::Sequence(actual), Value::Sequence(expected)) if actual.len() == expected.len() => {
            actual.iter().zip(expected.iter()).try_for_each(|(actual, expected)| compare(actual, expected))
        }
        (Value::Nothing, Value::Nothing) => Ok(()),
        _ => Err(format!("{actual} for {expected}")),
    }
}

fn compare_tensors(actual: &Tensor, expected: &Tensor) -> Result<(), String> {
    if actual.dims() != expected.dims() || actual.element_type() != expected.element_type() {
        return Err(format!("{actual:?} for {expected:?}"));
    }
    if !actual.element_type().is_float() {
        return if actual == expected { Ok(()) } else { Err("values".into()) };
    }
    // Half-precision results are computed as float32 and rounded once.
    let relative = match actual.element_type() {
        ElementType::Float16 => 2e-3,
        ElementType::Bfloat16 => 1e-2,
        _ => 1e-3,
    };
    let (a, e) = (actual.to_f64s().unwrap(), expected.to_f64s().unwrap());
    for (a, e) in a.iter().zip(e.iter()) {
        let same = a == e || (a.is_nan() && e.is_nan()) || (a - e).abs() <= relative * e.abs() + 1e-4;
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
    let infos = model.inputs.clone();
    let outputs = model.outputs.clone();
    let mut session = match Session::new(model, &BTreeMap::new()) {
        Ok(session) => session,
        Err(error) => return ("refused", error.to_string()),
    };
    let mut inputs = vec![];
    for (index, info) in infos.iter().enumerate() {
        match read_value(&data.join(format!("input_{index}.pb")), info.kind) {
            Some(value) => inputs.push((info.name.clone(), value)),
            None => return ("skipped", "input".into()),
        }
    }
    // The second run is the one that shows what the first has left behind.
    match session.run(inputs.clone(), None).and_then(|_| session.run(inputs, None)) {
        Err(error) => ("failed", error.to_string()),
        Ok(results) => {
            for (index, ((_, actual), info)) in results.iter().zip(outputs).enumerate() {
                let Some(expected) = read_value(&data.join(format!("output_{index}.pb")), info.kind) else {
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

/// What is accepted and not right.
const WRONG: [&str; 3] = [
    // Its indices are not those of the output that it asks for: <https://github.com/onnx/onnx/issues/1398>.
    "test_maxunpool_export_with_output_shape",
    // They align the corners of a length that is no whole number, unlike ONNX's text, PyTorch and onnxruntime.
    "test_resize_downsample_scales_cubic_align_corners",
    "test_resize_downsample_scales_linear_align_corners",
];

#[test]
#[ignore = "needs the ONNX node tests: EDGEWISE_NODE_TESTS=DIR cargo test -- --ignored --nocapture"]
fn what_is_accepted_is_right() {
    let root = std::env::var("EDGEWISE_NODE_TESTS").unwrap();
    let only = std::env::var("EDGEWISE_ONLY").unwrap_or_default();
    let words: Vec<&str> = only.split_ascii_whitespace().collect();
    let mut folders: Vec<_> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.retain(|folder| folder.join("model.onnx").exists());
    folders.retain(|folder| {
        let name = folder.file_name().unwrap().to_string_lossy();
        words.is_empty() || words.iter().any(|word| name.contains(word))
    });
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
}
