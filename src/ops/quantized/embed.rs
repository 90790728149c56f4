//! The sum of BERT's embeddings from tables of bytes, normalised.

use smallvec::SmallVec;

use super::Affine;
use crate::error::Result;
use crate::ops::normalization::embed;
use crate::ops::{Call, Input, Operator, Spec};
use crate::tensor::Tensor;

/// `EmbedLayerNormalization` of tables of bytes, each with a scale and a zero point: the tables are inputs 2 to 6, their
/// scales 8 to 12, and their zero points 13 to 17.
/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.QEmbedLayerNormalization>
pub(super) fn embed_quantized(spec: &mut Spec) -> Result<Operator> {
    let embed = embed(spec)?;
    Ok(Box::new(move |call| {
        let mut inputs: SmallVec<[Input; 4]> = SmallVec::new();
        for index in 0..8 {
            inputs.push(match call.optional(index)? {
                None => Input::Missing,
                Some(table) if (2..=6).contains(&index) => {
                    let affine = Affine::of(call.tensor(index + 6)?, call.optional(index + 11)?, table)?;
                    Input::Owned(Tensor::new(table.dims(), affine.decode_all(table.as_bytes())?)?.into())
                }
                Some(tensor) => Input::Owned(tensor.clone().into()),
            });
        }
        embed(&mut Call::new(inputs, 8, &[true; 3]))
    }))
}
