//! Hashes of elements.

use super::{Entry, Operator, Spec, contrib, single};
use crate::error::{Error, Result};
use crate::tensor::{ElementType, Tensor, reserve};

pub const ENTRIES: &[Entry] = &[contrib("MurmurHash3", murmur)];

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.MurmurHash3>
fn murmur(spec: &mut Spec) -> Result<Operator> {
    let (seed, is_positive) = (spec.int_or("seed", 0) as u32, spec.flag("positive", true));
    single(move |call| {
        let x = call.tensor(0)?;
        let mut hashes = reserve::<u32>(x.dims())?;
        match (x.element_type(), x.element_type().bytes()) {
            (ElementType::String, _) => {
                hashes.extend(x.slice::<String>()?.iter().map(|text| hash(text.as_bytes(), seed)));
            }
            (_, size @ (4 | 8)) => hashes.extend(x.as_bytes().chunks_exact(size).map(|bytes| hash(bytes, seed))),
            _ => return Err(Error::execution(format!("expected texts or numbers of 4 or 8 bytes, got {x}"))),
        }
        let element_type = if is_positive { ElementType::Uint32 } else { ElementType::Int32 };
        Tensor::from_bits(element_type, x.dims(), hashes)
    })
}

/// The 32 bits of MurmurHash3 for x86: <https://github.com/aappleby/smhasher/wiki/MurmurHash3>
fn hash(bytes: &[u8], seed: u32) -> u32 {
    let mix = |word: u32| word.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let (words, rest) = bytes.as_chunks::<4>();
    let state = words.iter().fold(seed, |state, word| {
        (state ^ mix(u32::from_le_bytes(*word))).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64)
    });
    let rest = rest.iter().rev().fold(0, |rest, &byte| rest << 8 | u32::from(byte));
    let mut state = state ^ mix(rest) ^ bytes.len() as u32;
    state = (state ^ state >> 16).wrapping_mul(0x85eb_ca6b);
    state = (state ^ state >> 13).wrapping_mul(0xc2b2_ae35);
    state ^ state >> 16
}
