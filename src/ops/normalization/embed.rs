//! The sum of BERT's embeddings, normalised.

use super::layer::Rows;
use crate::error::{Error, Result};
use crate::ops::{Operator, Spec, several};
use crate::tensor::{self, Tensor};

/// <https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md#com.microsoft.EmbedLayerNormalization>
pub fn embed(spec: &mut Spec) -> Result<Operator> {
    let rows = Rows { epsilon: f64::from(spec.float_or("epsilon", 1e-12)), is_centred: true };
    let counts_mask = spec.has_input(7);
    several(move |call| {
        let ids = call.tensor(0)?;
        let [batch, length] = *ids.dims() else {
            return Err(Error::execution("expected ids of two axes"));
        };
        let words = call.tensor(2)?;
        let width = words.dims().last().copied().unwrap_or(0);
        let dims = [batch, length, width];
        let mut sum = tensor::fill(&dims, 0f32)?;
        add_embeddings(&mut sum, ids.to_i64s()?.iter().copied(), words, width)?;
        match call.optional(8)? {
            Some(places) => {
                let places = places.to_i64s()?;
                let count = places.len().max(1);
                add_embeddings(
                    &mut sum,
                    (0..batch * length).filter_map(|at| places.get(at % count).copied()),
                    call.tensor(3)?,
                    width,
                )?;
            }
            None => {
                let places = (0..batch * length).map(|at| (at % length) as i64);
                add_embeddings(&mut sum, places, call.tensor(3)?, width)?;
            }
        }
        if let Some(segments) = call.optional(4)? {
            let ids = call.optional(1)?.map(Tensor::to_i64s).transpose()?;
            let ids = (0..batch * length).map(|at| ids.as_ref().and_then(|ids| ids.get(at).copied()).unwrap_or(0));
            add_embeddings(&mut sum, ids, segments, width)?;
        }
        let sum = Tensor::new(&dims, sum)?;
        let kept = sum.clone();
        let done = rows.run(sum, 2, call.tensor(5)?, call.optional(6)?)?;
        let mut lengths = tensor::fill(&[batch], 0i32)?;
        if counts_mask {
            let mask = call.tensor(7)?.to_i64s()?;
            for (count, row) in lengths.iter_mut().zip(mask.chunks(length.max(1))) {
                *count = row.iter().take_while(|&&flag| flag == 1).count() as i32;
            }
        }
        Ok(vec![done.output.into(), Tensor::vector(lengths).into(), kept.into()])
    })
}

fn add_embeddings(sum: &mut [f32], ids: impl Iterator<Item = i64>, table: &Tensor, width: usize) -> Result<()> {
    let values = table.slice::<f32>()?;
    for (row, id) in sum.chunks_exact_mut(width.max(1)).zip(ids) {
        let from = usize::try_from(id).ok().and_then(|id| values.chunks_exact(width.max(1)).nth(id));
        let from = from.ok_or_else(|| Error::execution(format!("there is no row {id} in {table}")))?;
        row.iter_mut().zip(from).for_each(|(sum, value)| *sum += value);
    }
    Ok(())
}
