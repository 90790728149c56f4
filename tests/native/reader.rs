use edgewise::error::ErrorCode;
use edgewise::model::{Limits, Reader};
use prost::Message;
use tract_onnx::pb::{ModelProto, StringStringEntryProto, TensorProto, tensor_proto};

use crate::onnx::{DataType, load, matrix, read, read_parts, run, scale};

fn refuse(bytes: &[u8]) -> (ErrorCode, String) {
    let error = read(bytes).expect_err("the bytes should be refused");
    (error.code, error.message)
}

#[test]
fn parts_of_any_size_give_the_same_model() {
    let bytes = scale().encode_to_vec();
    for part in [1, 2, 3, 7, 64, bytes.len()] {
        let model = read_parts(&bytes, part, None).unwrap();
        assert_eq!(model.inputs[0].to_string(), "float32[batch,3]", "{part}");
        assert_eq!(model.metadata.bytes, bytes.len());
        assert_eq!(model.count_weight_bytes(), 12);
    }
}

#[test]
fn every_truncation_is_refused() {
    let bytes = scale().encode_to_vec();
    for length in 0..bytes.len() {
        assert!(read(&bytes[..length]).is_err(), "{length} of {}", bytes.len());
    }
    assert!(refuse(&bytes[..bytes.len() / 2]).1.contains("truncated"));
}

#[test]
fn every_flipped_bit_is_survived() {
    let bytes = scale().encode_to_vec();
    for index in 0..bytes.len() * 8 {
        let mut broken = bytes.clone();
        broken[index / 8] ^= 1 << (index % 8);
        if let Ok(model) = read(&broken) {
            let _ = edgewise::session::Session::new(model, &Default::default());
        }
    }
}

#[test]
fn what_is_no_model_is_named() {
    for (bytes, says) in [
        (&b""[..], "empty"),
        (b"<!DOCTYPE html><html>", "HTML"),
        (b"\n  <html><body>Not found", "HTML"),
        (b"{\"error\": 404}", "JSON"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"PK\x03\x04 and so on", "ZIP"),
        (b"\x08\x08", "no graph"),
        (&[0xff; 64], "corrupt"),
        (&[0x0f, 0x01], "corrupt"),
    ] {
        let (code, message) = refuse(bytes);
        assert_eq!(code, ErrorCode::ModelInvalid);
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn integrity_is_checked() {
    let bytes = scale().encode_to_vec();
    assert_eq!(read(&bytes).unwrap().metadata.sha256, None);
    let mut reader = Reader::new(Limits::default(), None, None).hash();
    reader.push(&bytes).unwrap();
    reader.end().unwrap();
    assert_eq!(reader.finish().unwrap().metadata.sha256.map(|hash| hash.len()), Some(64));
    let wrong = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    let error = read_parts(&bytes, 5, Some(wrong)).err().unwrap();
    assert_eq!(error.code, ErrorCode::ModelIntegrity);
    assert_eq!(error.subject.expected.as_deref(), Some(wrong));
    assert!(read_parts(&bytes, 5, error.subject.actual.as_deref()).is_ok());
}

#[test]
fn limits_are_kept() {
    let bytes = scale().encode_to_vec();
    let mut reader = Reader::new(Limits { model_bytes: 20, ..Limits::default() }, None, None);
    assert_eq!(reader.push(&bytes).unwrap_err().code, ErrorCode::LimitExceeded);
    let mut reader = Reader::new(Limits { tensor_bytes: 8, ..Limits::default() }, None, None);
    assert_eq!(reader.push(&bytes).unwrap_err().code, ErrorCode::LimitExceeded);
}

fn with_external(length: &str) -> ModelProto {
    let entry = |key: &str, value: &str| StringStringEntryProto { key: key.to_string(), value: value.to_string() };
    let mut model = scale();
    model.graph.as_mut().unwrap().initializer[0] = TensorProto {
        name: "w".to_string(),
        dims: vec![3],
        data_type: DataType::Float as i32,
        data_location: Some(tensor_proto::DataLocation::External as i32),
        external_data: vec![entry("location", "w.bin"), entry("offset", "4"), entry("length", length)],
        ..TensorProto::default()
    };
    model
}

#[test]
fn external_data_comes_in_parts() {
    let bytes = with_external("12").encode_to_vec();
    let file: Vec<u8> = [9f32, 1.0, 2.0, 3.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    for part in [1, 3, 5, 16] {
        let mut reader = Reader::new(Limits::default(), None, None);
        reader.push(&bytes).unwrap();
        let files = reader.end().unwrap();
        assert_eq!((files[0].location.as_str(), files[0].bytes), ("w.bin", 16));
        for (index, chunk) in file.chunks(part).enumerate() {
            reader.push_external("w.bin", index * part, chunk);
        }
        let mut session = edgewise::session::Session::new(reader.finish().unwrap(), &Default::default()).unwrap();
        let outputs = run(&mut session, &[("x", matrix(&[[1f32, 1.0, 1.0]]))]).unwrap();
        assert_eq!(outputs[0], matrix(&[[1f32, 2.0, 3.0]]));
    }
}

#[test]
fn external_data_of_a_wrong_length_is_refused() {
    for length in ["8", "-1", "18446744073709551616"] {
        assert_eq!(load(&with_external(length)).err().unwrap().code, ErrorCode::ModelInvalid, "{length}");
    }
}
