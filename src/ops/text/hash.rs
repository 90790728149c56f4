//! Hashes of elements, by which FeatureHasher of scikit-learn finds columns.

use crate::error::Result;
use crate::ops::{Operator, Spec, single};
use crate::tensor::Tensor;

/// MurmurHash3_x86_32 of each element: of a string's bytes in UTF-8, or a number's in memory.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MurmurHash3>
pub fn murmur_hash3(spec: &mut Spec) -> Result<Operator> {
    let seed = spec.int_or("seed", 0) as u32;
    let is_positive = spec.flag("positive", true);
    single(move |call| {
        let input = call.tensor(0)?;
        let hashes: Vec<u32> = match input.slice::<String>() {
            Ok(strings) => strings.iter().map(|string| hash(string.as_bytes(), seed)).collect(),
            Err(_) => {
                let size = input.element_type().bytes().max(1);
                input.as_bytes().chunks_exact(size).map(|bytes| hash(bytes, seed)).collect()
            }
        };
        match is_positive {
            true => Tensor::new::<u32>(input.dims(), hashes),
            false => Tensor::new::<i32>(input.dims(), hashes.into_iter().map(u32::cast_signed).collect()),
        }
    })
}

/// <https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp>
fn hash(bytes: &[u8], seed: u32) -> u32 {
    let scramble = |word: u32| word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let (words, rest) = bytes.as_chunks::<4>();
    let mut state = seed;
    for &word in words {
        state ^= scramble(u32::from_le_bytes(word));
        state = state.rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    if !rest.is_empty() {
        state ^= scramble(rest.iter().rev().fold(0, |word, &byte| word << 8 | u32::from(byte)));
    }
    state ^= bytes.len() as u32;
    state = (state ^ state >> 16).wrapping_mul(0x85eb_ca6b);
    state = (state ^ state >> 13).wrapping_mul(0xc2b2_ae35);
    state ^ state >> 16
}
