//! ImageDecoder; real files of every format are among the ONNX node tests.

use edgewise::tensor::{ElementType, Tensor};
use tract_onnx::pb::{GraphProto, tensor_proto::DataType};

use crate::onnx::{load, model, node, run, text, value};

fn decode(file: &[u8], pixel_format: &str) -> Tensor {
    let mut decoder = node("ImageDecoder file -> image");
    decoder.attribute = vec![text("pixel_format", pixel_format)];
    let mut model = model(GraphProto {
        input: vec![value("file", DataType::Uint8, "length")],
        output: vec![value("image", DataType::Uint8, "height width channels")],
        node: vec![decoder],
        ..GraphProto::default()
    });
    model.opset_import[0].version = 20;
    let file = Tensor::new(&[file.len()], file.to_vec()).unwrap();
    run(&mut load(&model).unwrap(), &[("file", file)]).unwrap().remove(0)
}

#[test]
fn channels_stand_as_asked() {
    let pixels = b"P6 2 1 255\n\x0a\x14\x1e\xff\x00\x80";
    for (pixel_format, dims, expected) in [
        ("RGB", [1, 2, 3], &[10, 20, 30, 255, 0, 128][..]),
        ("BGR", [1, 2, 3], &[30, 20, 10, 128, 0, 255]),
        ("Grayscale", [1, 2, 1], &[18, 91]),
    ] {
        let image = decode(pixels, pixel_format);
        assert_eq!(image.dims(), dims, "{pixel_format}");
        assert_eq!(image.slice::<u8>().unwrap(), expected, "{pixel_format}");
    }
    assert_eq!(decode(b"P5 2 1 255\n\x07\xfe", "Grayscale").slice::<u8>().unwrap(), [7, 254]);
}

#[test]
fn what_is_no_image_is_empty() {
    let huge = b"P6 4000000000 4000000000 255\n\x00";
    let jpeg_2000 = b"\x00\x00\x00\x0cjP  \x0d\x0a\x87\x0a";
    for file in [&b""[..], b"no image", b"P6 2 2 255\n\x00", huge, b"\x89PNG\r\n\x1a\n", jpeg_2000, b"\xff\xd8\xff"] {
        let image = decode(file, "RGB");
        assert_eq!((image.element_type(), image.dims()), (ElementType::Uint8, &[0, 0, 0][..]), "{file:?}");
    }
}
