//! Attention in its forms: ONNX's, and those of com.microsoft.

mod attend;
mod flex;
mod grouped;
mod heads;
mod linear;
mod mask;
mod microsoft;
mod rotary;
mod standard;

use super::{Entry, contrib, onnx};

pub(super) const ENTRIES: &[Entry] = &[
    Entry { domain: "ai.onnx.preview", name: "FlexAttention", make: flex::flex, is_random: false },
    onnx("Attention", standard::attention),
    onnx("LinearAttention", linear::linear),
    onnx("RotaryEmbedding", rotary::rotary),
    contrib("Attention", microsoft::attention),
    contrib("GroupQueryAttention", grouped::grouped),
    contrib("MultiHeadAttention", microsoft::multi_head),
    contrib("RotaryEmbedding", rotary::rotary_microsoft),
];
