//! Images out of their files.

use std::io::Cursor;

use image::{DynamicImage, ImageReader, Limits};

use super::{Entry, Operator, Spec, onnx, single};
use crate::error::{Error, Result};
use crate::tensor::{ElementType, Tensor, check_bytes, limit};

pub const ENTRIES: &[Entry] = &[onnx("ImageDecoder", decode)];

#[derive(Clone, Copy)]
enum PixelFormat {
    Rgb,
    Bgr,
    Grayscale,
}

/// A file's bytes to uint8\[height, width, channels\]; what is no image becomes an empty tensor, as the standard asks.
/// <https://onnx.ai/onnx/operators/onnx__ImageDecoder.html>
fn decode(spec: &mut Spec) -> Result<Operator> {
    let format = match spec.text_or("pixel_format", "RGB") {
        "RGB" => PixelFormat::Rgb,
        "BGR" => PixelFormat::Bgr,
        "Grayscale" => PixelFormat::Grayscale,
        other => return Err(Error::invalid(format!("pixel_format is {other:?}"))),
    };
    single(move |call| {
        let file = call.tensor(0)?;
        if file.element_type() != ElementType::Uint8 || file.rank() != 1 {
            return Err(Error::execution(format!("expected uint8[length], got {file:?}")));
        }
        let Some(picture) = read(file.bits()?) else { return Tensor::zeros(ElementType::Uint8, &[0, 0, 0]) };
        let (height, width) = (picture.height() as usize, picture.width() as usize);
        check_bytes(ElementType::Uint8, &[height, width, 3])?;
        let (channels, pixels) = arrange(picture, format);
        Tensor::from_bits::<u8>(ElementType::Uint8, &[height, width, channels], pixels)
    })
}

fn read(file: &[u8]) -> Option<DynamicImage> {
    let mut reader = ImageReader::new(Cursor::new(file)).with_guessed_format().ok()?;
    // A few bytes may claim any size.
    let mut limits = Limits::default();
    limits.max_alloc = Some(limit() as u64);
    reader.limits(limits);
    reader.decode().ok().or_else(|| read_jpeg_2000(file))
}

fn read_jpeg_2000(file: &[u8]) -> Option<DynamicImage> {
    let picture = hayro_jpeg2000::Image::new(file, &Default::default()).ok()?;
    let (width, height) = (picture.width(), picture.height());
    // It decodes to float32, up to four channels of them.
    check_bytes(ElementType::Float32, &[width as usize, height as usize, 4]).ok()?;
    let mut context = Default::default();
    let bitmap = picture.decode(&mut context).ok()?;
    let channels = bitmap.components().len();
    let pixels = bitmap.data_u8();
    let picture = match channels {
        1 => image::GrayImage::from_raw(width, height, pixels)?.into(),
        2 => image::GrayAlphaImage::from_raw(width, height, pixels)?.into(),
        3 => image::RgbImage::from_raw(width, height, pixels)?.into(),
        4 => image::RgbaImage::from_raw(width, height, pixels)?.into(),
        _ => return None,
    };
    Some(picture)
}

fn arrange(picture: DynamicImage, format: PixelFormat) -> (usize, Vec<u8>) {
    let is_gray = !picture.color().has_color();
    let mut pixels = picture.into_rgb8().into_raw();
    match format {
        PixelFormat::Rgb => (3, pixels),
        PixelFormat::Bgr => {
            pixels.chunks_exact_mut(3).for_each(|pixel| pixel.reverse());
            (3, pixels)
        }
        PixelFormat::Grayscale => (1, pixels.chunks_exact(3).map(|pixel| weigh(pixel, is_gray)).collect()),
    }
}

/// The luma of ITU-R BT.601, in whole numbers as Pillow and libjpeg take it.
/// <https://www.itu.int/rec/R-REC-BT.601>
fn weigh(pixel: &[u8], is_gray: bool) -> u8 {
    let &[red, green, blue] = pixel else { return 0 };
    if is_gray {
        return red;
    }
    ((u32::from(red) * 19595 + u32::from(green) * 38470 + u32::from(blue) * 7471 + 0x8000) >> 16) as u8
}
