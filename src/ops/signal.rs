//! Signals and their spectra.

mod spectrum;
mod window;

use super::{Entry, onnx};

pub const ENTRIES: &[Entry] = &[
    onnx("BlackmanWindow", window::blackman),
    onnx("DFT", spectrum::dft),
    onnx("HammingWindow", window::hamming),
    onnx("HannWindow", window::hann),
    onnx("MelWeightMatrix", window::mel_weights),
    onnx("STFT", spectrum::stft),
];
